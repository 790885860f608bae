"""Every option, its default and its range.

The dataclasses below are what Hydra validates names and types against; ranges are checked when
the composed tree becomes objects. Options of ``sampler``, ``classifier`` and ``svm`` change the
result; options of ``backend`` never do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from ifgan.backends import Backend, Docker, Kubeflow, Vertex
from ifgan.classifier_options import CLASSIFIERS, check_named
from ifgan.errors import UserError
from ifgan.layers import PATTERN as LAYERS
from ifgan.preprocessing import Network, check_sha256
from ifgan.prompts import check_prompt
from ifgan.ranges import devices, identifier, in_range, once, one_of, positive, rising_shares
from ifgan.specs import MEASURES, PRECISIONS
from ifgan.tracking_options import Tracking

METHODS = ("auto", "linear", "regression", "ridge", "logistic", "interfacegan")
LABELS = ("threshold", "ends", "quantiles")
SPACES = ("z", "w", "s")
KINDS = ("binary", "continuous")
ALIGNMENTS = ("none", "w_avg_row0")
METRICS = ("euclidean", "covariance")
PROGRESS = ("auto", "live", "plain", "quiet", "json")
JUDGES = ("judge", "toyfaces", "toyfaces_biased")


@dataclass
class Attribute:
    """What is searched for. ``called`` gives its name in classifiers that use another."""

    name: str = MISSING  # what it is called, in results too
    kind: str = MISSING  # binary: present or not; continuous: a quantity
    called: dict[str, str] = field(default_factory=dict)  # {CLASSIFIER: COLUMN}, where not by name
    rest: list[str] = field(default_factory=list)  # the other columns of its softmax
    positive: str | None = None  # a prompt for classifier=clip: a smiling person
    negative: str | None = None  # and its opposite: a person with a serious face
    classifier: str | None = None  # by name, which one scores it; null: whichever can

    def __post_init__(self) -> None:
        one_of("attribute.kind", self.kind, KINDS)
        identifier("attribute.name", self.name)
        once("attribute.rest", self.rest, "column")
        check_prompt("attribute.positive", self.positive)
        check_prompt("attribute.negative", self.negative)

    def column(self, classifier: str) -> str:
        """What ``classifier`` calls this attribute."""
        return self.called.get(classifier, self.name)


@dataclass
class Generator:
    """Where faces come from; ``psi`` is the truncation by convention of these weights."""

    kind: str = MISSING
    psi: float = 1.0  # what sampler.truncation_psi is unless given


@dataclass
class Toyfaces(Generator):
    """The embedded procedural generator, whose true directions are known."""

    kind: str = "toyfaces"
    resolution: int = 64  # pixels a side of what it renders

    def __post_init__(self) -> None:
        if self.resolution not in (64, 128, 256):
            raise UserError(f"generator.resolution must be 64, 128 or 256. Got {self.resolution}.")


@dataclass
class Checkpoint(Generator):
    """A network from a file: ``.safetensors`` as ``ifgan`` writes it, or NVIDIA's ``.pkl``."""

    kind: str = "checkpoint"
    psi: float = 0.7  # what sampler.truncation_psi is unless given
    path: str = MISSING  # a local path, https://…, gs://…, s3://… or ifgan://… (ships with ifgan)
    sha256: str | None = None  # what the file must be; null: whatever comes
    precision: str = "float32"  # float16, bfloat16: in the high-resolution layers, on a GPU
    class_label: int | None = None  # of a class-conditional network
    exit_resolution: int | None = None  # StyleGAN2: its image so far, from an earlier block

    def __post_init__(self) -> None:
        if self.sha256 is not None:
            check_sha256("generator.sha256", self.sha256)
        one_of("generator.precision", self.precision, PRECISIONS)


@dataclass
class Sampler:
    """Which faces are drawn: seeds ``seed … seed + num_samples - 1``, truncated by psi."""

    num_samples: int = MISSING  # faces that are drawn
    seed: int = 0  # of the first face; the others follow
    truncation_psi: float = MISSING  # 0: the mean face; 1: the whole population
    truncation_cutoff: int | None = None  # rows of w that are truncated; null: all
    image_size: int | None = None  # of the stored faces; null: the largest needed
    shards: int = 1  # samplers and classifiers side by side, a range of seeds each
    mixing: bool = False  # a latent of its own for each of the coarse, middle and fine rows of w
    align: str = "none"  # w_avg_row0: row 0 of w, which places the face, is that of the mean
    uri: str | None = None  # sampler=existing: where samples are; a path, gs://… or s3://…

    def __post_init__(self) -> None:
        if self.uri == "":
            raise UserError("sampler.uri must be given with sampler=existing: add sampler.uri=…")
        in_range("sampler.num_samples", self.num_samples, low=1, high=100_000_000)
        in_range("sampler.shards", self.shards, low=1, high=min(100, self.num_samples))
        in_range("sampler.seed", self.seed, low=0, high=2**32 - 1 - self.num_samples)
        in_range("sampler.truncation_psi", self.truncation_psi, low=-2.0, high=2.0)
        if self.truncation_cutoff is not None:
            in_range("sampler.truncation_cutoff", self.truncation_cutoff, low=1, high=64)
        one_of("sampler.align", self.align, ALIGNMENTS)
        if self.image_size is not None:
            in_range("sampler.image_size", self.image_size, low=8, high=2048)


@dataclass
class Svm:
    """How the hyperplane is fitted (ifgan/steps/svm.py, docs in conf/svm/)."""

    method: str = "auto"  # auto: linear for binary, regression for continuous attributes
    space: str = "w"  # s: the styles of a StyleGAN
    layers: str | None = None  # coarse, middle, fine, or rows of w as in 4-7; null: all
    channels: int | None = None  # space=s: styles of the direction; null: 10
    threshold: float | None = None  # null: the classifier's own, else Otsu's; median if continuous
    labels: str = "threshold"  # ends: chosen_num_or_ratio of the ranking; quantiles: see there
    quantiles: list[float] = field(default_factory=lambda: [0.3, 0.7])  # up to one, above the other
    c: float | None = None  # null: from c_grid by cross-validation
    c_grid: list[float] = field(default_factory=lambda: [1e-4, 1e-3, 1e-2, 1e-1])  # what is tried
    folds: int = 4  # of the cross-validation that chooses c
    chosen_num_or_ratio: float = 0.02  # of interfacegan and labels=ends: taken from either end
    split_ratio: float = 0.7  # share of the labelled faces that is fitted
    conditions: list[str] = field(default_factory=list)  # attributes that edits leave alone
    seed: int = 0  # of the splits and folds

    def __post_init__(self) -> None:
        once("svm.conditions", self.conditions, "attribute")
        one_of("svm.method", self.method, METHODS)
        one_of("svm.space", self.space, SPACES)
        if self.layers is not None and not re.fullmatch(LAYERS, self.layers):
            raise UserError(
                "svm.layers must be coarse, middle, fine, rows of w such as 4-7, or null. "
                f"Got '{self.layers}'."
            )
        if self.channels is not None:
            in_range("svm.channels", self.channels, low=1, high=100_000)
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise UserError(f"svm.threshold must be a finite number or null. Got {self.threshold}.")
        one_of("svm.labels", self.labels, LABELS)
        rising_shares("svm.quantiles", self.quantiles)
        if self.c is not None:
            _check_c("svm.c", self.c)
        if not self.c_grid:
            raise UserError("svm.c_grid must hold at least one number above 0. Got an empty list.")
        for c in self.c_grid:
            _check_c("svm.c_grid", c)
        in_range("svm.folds", self.folds, low=2, high=20)
        positive("svm.chosen_num_or_ratio", self.chosen_num_or_ratio)
        in_range("svm.split_ratio", self.split_ratio, low=0.1, high=0.95)
        in_range("svm.seed", self.seed, low=0, high=2**32 - 1)


def _check_c(option: str, c: float) -> None:
    positive(option, c)
    in_range(option, c, low=1e-9, high=1e6)  # beyond, rounding outweighs either side


@dataclass
class EditOptions:
    """Which way edits along the boundary move a face (docs in ifgan/edit_vector.py)."""

    metric: str = "auto"  # euclidean: along the normal n; covariance: the latents' covariance · n

    def __post_init__(self) -> None:
        one_of("edit.metric", self.metric, ("auto", *METRICS))


@dataclass
class Evaluation:
    """What edits along the boundary do, on rendered faces (docs in ifgan/edit_table.py)."""

    kind: str = "none"  # edits: one more step, which renders
    classifier: str = "judge"  # who scores the edited faces; another than made the labels
    num_samples: int = 400  # faces that are edited
    seed: int = 2_000_000_000  # of the first of them, far from what is fitted
    steps: list[float] = field(default_factory=lambda: [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])  # in σ
    change: float = 1.0  # of the target, in standard deviations of its score, to compare at
    identity: Any = None  # ONNX file of a face network, a path or {path: …, image_size: …, …}
    perceptual: Any = None  # of a perceptual network, likewise; see ifgan/resemblance.py

    def networks(self) -> dict[str, Network]:
        """The networks that say how like itself an edited face stays, by measure."""
        given = {name: getattr(self, name) for name in MEASURES}
        return {
            name: Network.of(f"evaluation.{name}", value)
            for name, value in given.items()
            if value is not None
        }

    def __post_init__(self) -> None:
        self.networks()
        one_of("evaluation.kind", self.kind, ("none", "edits"))
        check_edits(
            "evaluation.",
            classifier=self.classifier,
            num_samples=self.num_samples,
            seed=self.seed,
            steps=self.steps,
            change=self.change,
        )


def check_edits(
    prefix: str,
    *,
    classifier: str,
    num_samples: int,
    seed: int,
    steps: Sequence[float],
    change: float,
) -> None:
    """Refuse what an evaluation of edits can't be of; ``prefix`` begins the options' names."""
    one_of(f"{prefix}classifier", classifier, JUDGES)
    in_range(f"{prefix}num_samples", num_samples, low=10, high=100_000)
    in_range(f"{prefix}seed", seed, low=0, high=4_000_000_000)
    in_range(f"{prefix}change", change, low=0.01, high=10.0)
    for step in steps:
        in_range(f"{prefix}steps", step, low=-100.0, high=100.0)
    if not any(step > 0 for step in steps):
        raise UserError(f"{prefix}steps must hold a number above 0. Got {list(steps)}.")


@dataclass
class Local(Backend):
    """In this process."""

    kind: str = "local"
    device: Any = "auto"  # cpu; cuda: all GPUs; auto: cuda or else cpu; a list: [cuda:0,cuda:2]
    batch_size: int = 64  # faces that are rendered or scored together
    workers: int = 2  # threads that encode, decode and fit, in each process

    def __post_init__(self) -> None:
        self.device = devices(self.device)
        in_range("backend.batch_size", self.batch_size, low=1, high=4096)
        in_range("backend.workers", self.workers, low=1, high=256)


@dataclass
class Config:
    """The whole tree. ``objective`` is the metric a job returns, for sweepers that tune."""

    attribute: Attribute = MISSING
    generator: Any = MISSING
    sampler: Sampler = MISSING
    classifier: Any = MISSING
    classifiers: dict[str, Any] = field(default_factory=dict)  # more of them, by name
    svm: Svm = MISSING
    edit: EditOptions = field(default_factory=EditOptions)
    evaluation: Evaluation = field(default_factory=Evaluation)
    backend: Any = MISSING
    tracking: Tracking = field(default_factory=Tracking)
    store: str = MISSING  # where finished work is kept, and found again by its key
    objective: str = "auroc"  # the metric that a job returns, for sweepers that tune
    publish: str | None = None  # where results go too: a path, gs://… or s3://…
    dry_run: bool = False  # write what would be submitted, contact nothing
    progress: str = "auto"  # how far the graph is, told live, plain, quiet or as json; auto: by tty

    def __post_init__(self) -> None:
        one_of("progress", self.progress, PROGRESS)
        check_named(self.classifiers)


#: The groups whose choices have options of their own. conf/<group>/<choice>.yaml starts from
#: ``/hydra/schema/<group>/<schema>@_here_``: below hydra/, so that no schema looks like a choice.
SCHEMAS: dict[str, dict[str, type]] = {
    "generator": {"toyfaces": Toyfaces, "checkpoint": Checkpoint},
    "classifier": CLASSIFIERS,
    "backend": {"local": Local, "docker": Docker, "kubeflow": Kubeflow, "vertex": Vertex},
}
