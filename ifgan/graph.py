"""The configuration as a graph of steps, and the keys that say which work is the same.

A graph is data: nodes with a step, its settings and their inputs. A node's key is the hash of
(step, revision, settings, input keys); equal keys mean the same work, so merging the graphs of
a sweep is uniting their nodes by key.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ifgan.classifier_options import CelebaResNet50, Labelled, Onnx, Python, framing_of
from ifgan.combinations import (
    LABELLING,
    as_condition,
    check_conditions,
    check_labels,
    check_space,
    method_of,
)
from ifgan.digest import digest
from ifgan.errors import UserError, choices
from ifgan.labels import as_text
from ifgan.schema import Attribute, Config, Toyfaces
from ifgan.specs import (
    STEPS,
    ClassifierSettings,
    SamplerSettings,
    Settings,
    StepSpec,
    SvmSettings,
    numbered_parts,
    settings_to_dict,
)

#: Styles of a direction in S by default: few enough to look at each, which is what S is for
#: (Wu et al., StyleSpace, edit by single channels), and enough for what a classifier sees at once.
_CHANNELS = 10


@dataclass(frozen=True)
class File:
    """A file or directory that the graph imports; its bytes are its identity, not its path.

    Parameters
    ----------
    path : where it lies on this machine.
    sha256 : of its bytes, or of a directory's names and bytes.
    folder : whether it is a directory.
    uri : where in a bucket it came from, so that a platform may import it from there; None if from
        nowhere. It is no part of any key.
    """

    path: str
    sha256: str
    folder: bool = False
    uri: str | None = None

    def as_path(self) -> Path:
        """Where it lies."""
        return Path(self.path)


@dataclass(frozen=True)
class Output:
    """One output of another node."""

    node: Node
    name: str


@dataclass(frozen=True)
class Node:
    """One execution of a step."""

    step: str
    settings: Settings
    inputs: Mapping[str, Output | File]

    @property
    def spec(self) -> StepSpec:
        return STEPS[self.step]

    @cached_property
    def key(self) -> str:
        """Identity of this work: 32 hexadecimal digits."""
        inputs = {
            name: source.sha256 if isinstance(source, File) else f"{source.node.key}/{source.name}"
            for name, source in self.inputs.items()
        }
        return digest(self.step, self.spec.revision, settings_to_dict(self.settings), inputs)

    @property
    def conditions(self) -> list[str]:
        """The attributes that an svm node's boundary is given."""
        return [
            source.node.settings.attribute
            for source in self.inputs.values()
            if self.step == "svm"
            and isinstance(source, Output)
            and isinstance(source.node.settings, SvmSettings)
        ]

    def ancestors(self) -> Iterator[Node]:
        """The nodes this one reads from, and theirs, each before what reads it."""
        for source in self.inputs.values():
            if isinstance(source, Output):
                yield from source.node.ancestors()
                yield source.node


Graph = dict[str, Node]  # key -> node, every node after its inputs


@dataclass(frozen=True)
class Identities:
    """What the configuration's weights are: digests, files to import, columns that are scored.

    Parameters
    ----------
    generator_digest, classifier_digest : identity of the weights.
    generator_file, classifier_file : files that the graph imports; None where the weights ship
        with ifgan.
    columns : what the classifier scores.
    judge_digest : of evaluation.classifier; None without an evaluation.
    judged : what that scores.
    measured : files of the networks of evaluation.identity and evaluation.perceptual.
    classifier_settings : of its node, where the configuration alone does not say them.
    existing : latents and faces that take the sampler's place (sampler=existing).
    """

    generator_digest: str
    classifier_digest: str
    columns: tuple[str, ...]
    generator_file: File | None = None
    classifier_file: File | None = None
    existing: tuple[File, File] | None = None
    classifier_settings: ClassifierSettings | None = None
    judge_digest: str | None = None
    judged: tuple[str, ...] = ()
    measured: Mapping[str, File] = field(default_factory=dict)


def merge(targets: Iterable[Node]) -> Graph:
    """One graph that computes all targets, doing equal work once."""
    graph: Graph = {}
    for target in targets:
        for node in (*target.ancestors(), target):
            graph.setdefault(node.key, node)
    return graph


def build(config: Config, identities: Identities, *, conditions: Sequence[Attribute] = ()) -> Node:
    """The svm node of one configuration, with the graph behind it.

    Parameters
    ----------
    conditions : the attributes that ``svm.conditions`` names. Each is a fit as a job of its own
        would be, so that a sweep and the store share it.

    Raises
    ------
    UserError
        If the classifier does not score an attribute, or options contradict each other.
    """
    check_space(config)
    check_labels(config)
    settings = _svm_settings(config, identities)
    check_conditions(config, conditions)
    samples: Sequence[tuple[Output | File, Output | File]] = (
        [identities.existing] if identities.existing else _sampled(config, identities)
    )
    sources: dict[str, Output | File] = {}
    for part, (latents, faces) in enumerate(samples):
        classifier = _classifier(config, identities, faces)
        made: dict[str, Output | File] = {
            "latents": latents,
            "scores": Output(classifier, "scores"),
            "thumbnails": Output(classifier, "thumbnails"),
        }
        for name, source in made.items():
            sources[numbered_parts(name, len(samples))[part]] = source
    given: dict[str, Output | File] = {}
    for number, condition in enumerate(sorted(conditions, key=lambda attribute: attribute.name)):
        own = _svm_settings(as_condition(config, condition), identities)
        given[f"condition_{number}"] = Output(Node("svm", own, sources), "boundary")
    return Node("svm", settings, {**sources, **given})


def _classifier(config: Config, identities: Identities, faces: Output | File) -> Node:
    chosen, weights = config.classifier, identities.classifier_file
    settings = identities.classifier_settings or ClassifierSettings(
        classifier=chosen.kind,
        classifier_digest=identities.classifier_digest,
        labels=as_text(chosen.described()) if isinstance(chosen, Labelled) else None,
        preprocessing=chosen.preprocessing().as_text() if isinstance(chosen, Onnx) else None,
        function=chosen.function if isinstance(chosen, Python) else None,
        image_size=chosen.image_size if isinstance(chosen, Python | CelebaResNet50) else None,
        present=chosen.present if isinstance(chosen, CelebaResNet50) else None,
    )
    settings = dataclasses.replace(settings, **dataclasses.asdict(framing_of(chosen)))
    return Node(
        "classifier", settings, {"faces": faces, **({"weights": weights} if weights else {})}
    )


def sampler_settings(config: Config, generator_digest: str) -> SamplerSettings:
    """What a configuration's sampler does, of all its seeds."""
    generator = config.generator
    toyfaces = isinstance(generator, Toyfaces)
    return SamplerSettings(
        generator=generator.kind,
        generator_digest=generator_digest,
        resolution=generator.resolution if toyfaces else None,
        precision="float32" if toyfaces else generator.precision,
        class_label=None if toyfaces else generator.class_label,
        exit_resolution=None if toyfaces else generator.exit_resolution,
        num_samples=config.sampler.num_samples,
        seed=config.sampler.seed,
        truncation_psi=config.sampler.truncation_psi,
        truncation_cutoff=config.sampler.truncation_cutoff,
        mixing=config.sampler.mixing,
        align=config.sampler.align,
        image_size=config.sampler.image_size,
        filter=framing_of(config.classifier).filter,  # often they are stored at its size
    )


def _sampled(config: Config, identities: Identities) -> list[tuple[Output, Output]]:
    """Latents and faces of every shard: seed ranges of nearly equal length, in order."""
    whole = sampler_settings(config, identities.generator_digest)
    weights = identities.generator_file
    edges = [
        round(shard * whole.num_samples / config.sampler.shards)
        for shard in range(config.sampler.shards + 1)
    ]
    found = []
    for first, stop in itertools.pairwise(edges):
        part = dataclasses.replace(whole, seed=whole.seed + first, num_samples=stop - first)
        sampler = Node("sampler", part, {"weights": weights} if weights else {})
        found.append((Output(sampler, "latents"), Output(sampler, "faces")))
    return found


def _svm_settings(config: Config, identities: Identities) -> SvmSettings:
    attribute, svm = config.attribute, config.svm
    column = attribute.column(config.classifier.kind)
    for name in (column, *attribute.rest):
        if name not in identities.columns:
            raise UserError(
                f"attribute '{attribute.name}' is not scored by classifier "
                f"'{config.classifier.kind}' (no column '{name}'). "
                f"{choices(identities.columns, name)} Or take another classifier with classifier=…"
            )
    method = method_of(config)
    # A condition may be a quantity, whose regression has no labels.
    labels = svm.labels if method in LABELLING else "threshold"
    return SvmSettings(
        attribute=attribute.name,
        column=column,
        rest=list(attribute.rest),
        kind=attribute.kind,
        method=method,
        space=svm.space,
        layers=svm.layers,
        channels=(svm.channels or _CHANNELS) if svm.space == "s" else None,
        threshold=svm.threshold,
        labels=labels,
        quantiles=[float(share) for share in svm.quantiles] if labels == "quantiles" else None,
        c=svm.c,
        c_grid=[float(c) for c in svm.c_grid],
        folds=svm.folds,
        chosen_num_or_ratio=svm.chosen_num_or_ratio,
        split_ratio=svm.split_ratio,
        seed=svm.seed,
        edit_metric=_edit_metric(config, method),
    )


def _edit_metric(config: Config, method: str) -> str:
    """In W the metric whose edits change less else (docs/evaluation.md); the reference has one."""
    if config.edit.metric != "auto":
        return config.edit.metric
    is_ours_in_w = config.svm.space == "w" and method != "interfacegan"
    return "covariance" if is_ours_in_w else "euclidean"
