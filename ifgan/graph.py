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

from ifgan.classifier_options import (
    CelebaResNet50,
    Classifier,
    Labelled,
    Onnx,
    Python,
    framing_of,
)
from ifgan.combinations import Called, as_condition, check_conditions, check_labels, check_space
from ifgan.digest import digest
from ifgan.labels import as_text
from ifgan.node_settings import sampler_settings, svm_settings
from ifgan.schema import Attribute, Config
from ifgan.specs import (
    STEPS,
    ClassifierSettings,
    Settings,
    StepSpec,
    SvmSettings,
    numbered_parts,
    settings_to_dict,
)


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
            source.settings.attribute
            for source in self.sources
            if self.step == "svm" and isinstance(source.settings, SvmSettings)
        ]

    @property
    def sources(self) -> list[Node]:
        """The nodes this one reads from, one for each such input."""
        return [source.node for source in self.inputs.values() if isinstance(source, Output)]

    def ancestors(self) -> Iterator[Node]:
        """The nodes this one reads from, and theirs, each before what reads it."""
        for source in self.sources:
            yield from source.ancestors()
            yield source


Graph = dict[str, Node]  # key -> node, every node after its inputs


@dataclass(frozen=True)
class Scorer:
    """One of the configuration's classifiers, and what it is.

    Parameters
    ----------
    option : where it is configured, "classifier" or "classifiers.NAME"; no part of any key.
    chosen : its options.
    digest : identity of its weights.
    columns : what it scores.
    weights : the file that the graph imports; None where that ships with ifgan.
    settings : of its node, where its options alone do not say them.
    """

    option: str
    chosen: Classifier
    digest: str
    columns: tuple[str, ...]
    weights: File | None = None
    settings: ClassifierSettings | None = None

    def called(self, attribute: Attribute) -> Called:
        """What it calls an attribute."""
        return Called(self.title, attribute.column(self.chosen.kind))

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"classifier '{self.chosen.kind}'" if self.option == "classifier" else self.option

    def node(self, faces: Output | File) -> Node:
        """Its scores of some faces."""
        chosen = self.chosen
        settings = self.settings or ClassifierSettings(
            classifier=chosen.kind,
            classifier_digest=self.digest,
            labels=as_text(chosen.described()) if isinstance(chosen, Labelled) else None,
            preprocessing=chosen.preprocessing().as_text() if isinstance(chosen, Onnx) else None,
            function=chosen.function if isinstance(chosen, Python) else None,
            image_size=chosen.image_size if isinstance(chosen, Python | CelebaResNet50) else None,
            present=chosen.present if isinstance(chosen, CelebaResNet50) else None,
        )
        settings = dataclasses.replace(settings, **dataclasses.asdict(framing_of(chosen)))
        weights = {"weights": self.weights} if self.weights else {}
        return Node("classifier", settings, {"faces": faces, **weights})


@dataclass(frozen=True)
class Identities:
    """What the configuration's weights are: digests, files to import, who scores what.

    Parameters
    ----------
    generator_digest : identity of the generator's weights.
    scorers : who scores the attribute and each condition, by the attribute's name.
    generator_file : that the graph imports; None where it ships with ifgan.
    existing : latents and faces that take the sampler's place (sampler=existing).
    judge_digest : of evaluation.classifier; None without an evaluation.
    judged : what that scores.
    measured : files of the networks of evaluation.identity and evaluation.perceptual.
    """

    generator_digest: str
    scorers: Mapping[str, Scorer]
    generator_file: File | None = None
    existing: tuple[File, File] | None = None
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


def several_kinds(graph: Graph) -> bool:
    """Whether classifiers of more than one kind score its faces."""
    settings = (node.settings for node in graph.values())
    return len({s.classifier for s in settings if isinstance(s, ClassifierSettings)}) > 1


def build(config: Config, identities: Identities, *, conditions: Sequence[Attribute] = ()) -> Node:
    """The svm node of one configuration, with the graph behind it.

    Parameters
    ----------
    conditions : the attributes that ``svm.conditions`` names. Each is a fit as a job of its own
        would be, so that a sweep and the store share it.

    Raises
    ------
    UserError
        If options contradict each other.
    """

    def called(attribute: Attribute) -> Called:
        return identities.scorers[attribute.name].called(attribute)

    check_space(config)
    check_labels(config, called(config.attribute))
    check_conditions(config, conditions, called)
    samples: Sequence[tuple[Output | File, Output | File]] = (
        [identities.existing] if identities.existing else _sampled(config, identities)
    )

    def fit(config: Config, given: Mapping[str, Output]) -> Node:
        scores = _scored(samples, identities.scorers[config.attribute.name])
        return Node(
            "svm", svm_settings(config, called(config.attribute).column), {**scores, **given}
        )

    ordered = sorted(conditions, key=lambda attribute: attribute.name)
    given = {
        f"condition_{number}": Output(fit(as_condition(config, condition), {}), "boundary")
        for number, condition in enumerate(ordered)
    }
    return fit(config, given)


def _scored(
    samples: Sequence[tuple[Output | File, Output | File]], scorer: Scorer
) -> dict[str, Output | File]:
    """What a fit reads of samples that one classifier scores: in parts, if they are several."""
    sources: dict[str, Output | File] = {}
    for part, (latents, faces) in enumerate(samples):
        classifier = scorer.node(faces)
        made: dict[str, Output | File] = {
            "latents": latents,
            "scores": Output(classifier, "scores"),
            "thumbnails": Output(classifier, "thumbnails"),
        }
        for name, source in made.items():
            sources[numbered_parts(name, len(samples))[part]] = source
    return sources


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
