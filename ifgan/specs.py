"""What each step takes and gives: the one definition of settings, inputs and outputs.

The graph hashes these settings, the step contract parses them, the compiler turns each into a
named input of a component and the component definitions are tested against them. Everything
here changes the result; what does not (device, batch size, machine) belongs to a backend.

Raise ``revision`` by hand whenever a step's output changes for equal settings: it enters the
key, so that stored artifacts of the old code are not mistaken for the new.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: of a network's layers at high resolutions; half precision is for GPUs
PRECISIONS = ("float32", "float16", "bfloat16")

#: of how like itself an edited face stays, see ``ifgan.resemblance``
MEASURES = ("identity", "perceptual")

Value = str | int | float | bool | list[float] | list[str] | None


#: Of a field that keys were made without: where it is None it is left out, and they hold.
_LATER = {"later": True}


@dataclass(frozen=True)
class SamplerSettings:
    """Which faces are drawn.

    Parameters
    ----------
    generator : kind of generator: "toyfaces" or "checkpoint".
    generator_digest : identity of its weights.
    resolution : pixels a side of what toyfaces renders; None: the weights say it.
    precision, class_label, exit_resolution : of a checkpoint, see ``schema.Checkpoint``.
    num_samples, seed : faces of the seeds ``seed … seed + num_samples - 1``.
    truncation_psi, truncation_cutoff : truncation of the images; cutoff None means all rows.
    mixing : a latent of its own for each group of rows of w, see ``ifgan.layers``.
    align : "none", or "w_avg_row0": images have row 0 of w replaced by that of w_avg, which
        undoes the rotation and translation of unaligned networks such as FFHQ-U.
    image_size : pixels a side of the stored faces.
    filter : that they are shrunk by, see ``ifgan.framing``; None: bicubic.
    """

    generator: str
    generator_digest: str
    resolution: int | None
    precision: str
    class_label: int | None
    exit_resolution: int | None
    num_samples: int
    seed: int
    truncation_psi: float
    truncation_cutoff: int | None
    mixing: bool
    align: str
    image_size: int
    filter: str | None = dataclasses.field(default=None, metadata=_LATER)


@dataclass(frozen=True)
class ClassifierSettings:
    """Which classifier scores the faces.

    Parameters
    ----------
    classifier_digest : identity of its weights.
    labels : what the columns of a network or function from elsewhere mean, as ``ifgan.labels``
        writes it in one line.
    preprocessing : what a network from a file takes an image as, see ``ifgan.preprocessing``.
    function : import path of the user's function.
    image_size : pixels a side that a function or a network takes, where its file doesn't say it.
    present : of two logits, 0 or 1, the one that says that an attribute is there.
    prompts : of a classifier that reads texts, see ``ifgan.prompts``.
    trust_remote_code : whether Python code in a model's directory may run; None: no.
    filter, crop : how a stored face becomes what it takes, see ``ifgan.framing``.
    """

    classifier: str
    classifier_digest: str
    labels: str | None = None
    preprocessing: str | None = None
    function: str | None = None
    image_size: int | None = None
    present: int | None = None
    trust_remote_code: bool | None = None
    prompts: str | None = None
    filter: str | None = dataclasses.field(default=None, metadata=_LATER)
    crop: list[float] | None = dataclasses.field(default=None, metadata=_LATER)


@dataclass(frozen=True)
class SvmSettings:
    """How the hyperplane is fitted; see ``schema.Svm`` for each option.

    Parameters
    ----------
    column : what the classifier calls the attribute.
    rest : the other columns of its softmax; empty: the column's score stands by itself.
    layers : the rows of w that are fitted; None: all.
    channels : styles of a direction in S; None in other spaces.
    threshold : score above which a face counts as positive; None: the classifier's own.
    labels : "threshold", "ends" or "quantiles"; quantiles : of the last, else None.
    c : regularisation of the SVM; None: chosen from ``c_grid`` by cross-validation.
    edit_metric : "euclidean" or "covariance", whose steepest direction edits move along.
    """

    attribute: str
    column: str
    rest: list[str]
    kind: str
    method: str
    space: str
    layers: str | None
    channels: int | None
    threshold: float | None
    labels: str
    quantiles: list[float] | None
    c: float | None
    c_grid: list[float]
    folds: int
    chosen_num_or_ratio: float
    split_ratio: float
    seed: int
    edit_metric: str


@dataclass(frozen=True)
class EvaluationSettings:
    """Which edits are rendered and who judges them; see ``schema.Evaluation`` for each option.

    Parameters
    ----------
    generator … align : as the sampler's, of the faces that are edited.
    judge, judge_digest : who scores them, and the identity of its weights.
    column : what the judge calls the boundary's attribute.
    identity_input, perceptual_input : what the networks of these measures take an image as, in one
        line; None: not measured.
    """

    generator: str
    generator_digest: str
    resolution: int | None
    precision: str
    class_label: int | None
    exit_resolution: int | None
    truncation_psi: float
    truncation_cutoff: int | None
    align: str
    judge: str
    judge_digest: str
    column: str
    num_samples: int
    seed: int
    steps: list[float]
    change: float
    identity_input: str | None = None
    perceptual_input: str | None = None


Settings = SamplerSettings | ClassifierSettings | SvmSettings | EvaluationSettings


@dataclass(frozen=True)
class StepSpec:
    """Name, revision, settings, and the artifacts of a step with their KFP types.

    ``files`` names the outputs that are one file rather than a directory; ``gathered`` the inputs
    that may come in numbered parts, ``latents_0``, ``latents_1``, …, one for each shard;
    ``several`` those of which there may be any number: none, ``condition_0``, ``condition_1``, ….
    """

    name: str
    revision: int
    settings: type[Settings]
    inputs: Mapping[str, str]
    optional_inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    files: frozenset[str] = frozenset()
    gathered: frozenset[str] = frozenset()
    several: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def required_inputs(self, given: Iterable[str] = ()) -> dict[str, str]:
        """Name and KFP type of each required input.

        Parameters
        ----------
        given : names of the inputs at hand, which tell in how many parts the gathered ones come,
            and how many there are of the others with numbers.
        """
        at_hand = set(given)
        parts = max([1, *(_count(name, at_hand) for name in self.gathered)])
        names = {}
        for name, kind in self.inputs.items():
            numbered = numbered_parts(name, parts) if name in self.gathered else [name]
            names.update(dict.fromkeys(numbered, kind))
        for name, kind in self.several.items():
            names.update({f"{name}_{n}": kind for n in range(_count(name, at_hand))})
        return names


STEPS: Mapping[str, StepSpec] = {
    spec.name: spec
    for spec in (
        StepSpec(
            name="sampler",
            revision=2,
            settings=SamplerSettings,
            inputs={},
            optional_inputs={"weights": "Model"},
            outputs={"latents": "Dataset", "faces": "Dataset"},
        ),
        StepSpec(
            name="classifier",
            revision=2,
            settings=ClassifierSettings,
            inputs={"faces": "Dataset"},
            optional_inputs={"weights": "Model"},
            outputs={"scores": "Dataset", "thumbnails": "Dataset"},
        ),
        StepSpec(
            name="svm",
            revision=3,
            settings=SvmSettings,
            inputs={"latents": "Dataset", "scores": "Dataset", "thumbnails": "Dataset"},
            optional_inputs={},
            outputs={
                "boundary": "Model",
                "metrics": "Metrics",
                "roc": "ClassificationMetrics",
                "report": "HTML",
            },
            files=frozenset({"metrics", "roc", "report"}),
            gathered=frozenset({"latents", "scores", "thumbnails"}),
            several={"condition": "Model"},
        ),
        StepSpec(
            name="evaluation",
            revision=1,
            settings=EvaluationSettings,
            inputs={"boundary": "Model"},
            optional_inputs={"weights": "Model", **dict.fromkeys(MEASURES, "Model")},
            outputs={"edits": "Dataset", "report": "HTML"},
            files=frozenset({"report"}),
        ),
    )
}


#: Input of every component beside its settings: the key of the node that it computes. It makes a
#: raised revision visible to the platforms' caches, and outputs findable; see ``ifgan.step``.
KEY = "key"


def numbered_parts(name: str, parts: int) -> list[str]:
    """Names of an input that comes in ``parts`` parts; a whole one keeps its name."""
    return [name] if parts == 1 else [f"{name}_{number}" for number in range(parts)]


def _count(name: str, given: set[str]) -> int:
    """How many of ``name_0``, ``name_1``, … there are."""
    return next(n for n in itertools.count() if f"{name}_{n}" not in given)


def settings_to_dict(settings: Settings) -> dict[str, Value]:
    """Plain values of a settings object, in the order of its fields; what is not there is None."""
    values = dataclasses.asdict(settings)
    for field in dataclasses.fields(settings):
        if field.metadata == _LATER and values[field.name] is None:
            del values[field.name]
    return values
