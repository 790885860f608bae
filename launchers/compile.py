"""One compiler from graph to the intermediate representation (IR) of Kubeflow Pipelines.

Every node becomes one task, unrolled: its settings are constants, so that consoles show them,
and its container gets the whole ExecutorInput in one argument, ``{{$}}``, the only placeholder
that all targets resolve alike. Equal graphs give equal bytes: no date, run id, host or path of
the submitting machine is in the IR, for these would defeat the platforms' caches.

What a target adds to a task (machines, environment, retries) it adds itself, through ``dress``.

Source: PipelineSpec of kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ifgan.backends import Images
from ifgan.errors import UserError
from ifgan.graph import File, Graph, Node, Output, several_kinds
from ifgan.specs import KEY, ClassifierSettings, SvmSettings, settings_to_dict
from launchers.components import component

#: Constant, because Vertex AI's cache looks for equal work below equal names only.
PIPELINE = "ifgan"

IR = dict[str, Any]  # a message of pipeline_spec.proto as plain JSON values
Dress = Callable[[Any, Node], None]  # sets what a target wants on a node's task (a PipelineTask)


@dataclass(frozen=True)
class Compiled:
    """A pipeline, and what only Kubernetes is told of it.

    Parameters
    ----------
    pipeline : the PipelineSpec message.
    platform : the PlatformSpec message; None where nothing needs it. Vertex AI takes none.
    """

    pipeline: IR
    platform: IR | None = None


def compile_graph(
    graph: Graph,
    *,
    images: Images,
    locate: Callable[[File], str],
    finished: Mapping[str, str] | None = None,
    dress: Dress | None = None,
) -> Compiled:
    """Compile a graph: one task for each node, and an importer for each file it reads.

    Parameters
    ----------
    graph : nodes by key, each after its inputs.
    images : the container image of each step.
    locate : URI at which the importer of a file expects it, see ``below``.
    finished : keys of nodes that are not to be run, and the URI of the directory of their
        outputs: these are imported where another node reads them.
    dress : sets what a target wants on each task.

    Raises
    ------
    UserError
        From ``locate`` and ``dress``, where a target can't have what is asked.
    """
    from google.protobuf import json_format
    from kfp import dsl

    assembly = _Assembly(graph, images, locate, finished or {}, dress)

    def pipeline():  # type: ignore[no-untyped-def]  # KFP would take "None" for an output
        assembly.declare()

    compiled = dsl.pipeline(name=PIPELINE)(pipeline)
    ir: IR = json_format.MessageToDict(compiled.pipeline_spec)
    platform: IR = json_format.MessageToDict(compiled.platform_spec)
    return Compiled(ir, platform or None)


class _Assembly:
    """Tasks and importers of one pipeline while KFP traces it."""

    def __init__(
        self,
        graph: Graph,
        images: Images,
        locate: Callable[[File], str],
        finished: Mapping[str, str],
        dress: Dress | None,
    ) -> None:
        self.graph, self.images, self.locate = graph, images, locate
        self.finished, self.dress = finished, dress
        self.names = task_names(graph)
        self.imported: dict[tuple[str, str], Any] = {}
        self.tasks: dict[str, Any] = {}

    def declare(self) -> None:
        """Every node that is not finished, in order."""
        for key, node in self.graph.items():
            if key in self.finished:
                continue
            inputs = {name: self._input(node, name) for name in node.inputs}
            given = {**settings_to_dict(node.settings), KEY: key}
            values = {name: value for name, value in given.items() if value is not None}
            image = getattr(self.images, node.step)
            make = component(node.spec, name=self.names[key], image=image, given=node.inputs)
            self.tasks[key] = make(**values, **inputs).set_caching_options(True)
            if self.dress is not None:
                self.dress(self.tasks[key], node)

    def _input(self, node: Node, name: str) -> Any:
        """What a node reads under a name: another task's output, or an importer's."""
        source = node.inputs[name]
        if isinstance(source, File):
            uri, metadata = self.locate(source), {"sha256": source.sha256}
        elif source.node.key in self.finished:
            uri = f"{self.finished[source.node.key].rstrip('/')}/{source.name}"
            metadata = {KEY: source.node.key}
        else:
            return self.tasks[source.node.key].outputs[source.name]
        kind = _kind(node, name)
        if (uri, kind) not in self.imported:
            self.imported[uri, kind] = _importer(uri, kind, metadata)
        return self.imported[uri, kind].output


def task_names(graph: Graph) -> dict[str, str]:
    """A readable name for each node: sampler, classifier, svm-smile, svm-age-z, …

    Classifiers of several kinds say theirs: classifier-clip, classifier-onnx. Where several nodes
    would share one name, all of them carry the beginning of their key: so a node's name does not
    depend on the order of a sweep.
    """
    several = several_kinds(graph)
    plain = {key: _plain_name(node, several=several) for key, node in graph.items()}
    count = Counter(plain.values())
    return {key: name if count[name] == 1 else f"{name}-{key[:8]}" for key, name in plain.items()}


def files_of(graph: Graph, *, finished: Mapping[str, str] | None = None) -> list[File]:
    """The files that a graph's nodes read, each once; those of finished nodes are left out."""
    sources = [
        source
        for key, node in graph.items()
        if key not in (finished or {})
        for source in node.inputs.values()
    ]
    return list(dict.fromkeys(source for source in sources if isinstance(source, File)))


def below(root: str | None, *, readable: tuple[str, ...]) -> Callable[[File], str]:
    """Where files lie below a pipeline root: named by their bytes, so each is there once.

    A file's suffix stays, for it says the format. What came from a bucket stays there.

    Parameters
    ----------
    readable : beginnings of the addresses that the target reads.
    """

    def locate(file: File) -> str:
        name = PurePath(file.path).name
        if file.uri is not None:
            if not file.uri.startswith(readable):
                raise UserError(
                    f"sampler.uri must begin with {' or '.join(readable)} on this backend. Got "
                    f"{file.uri}."
                )
            return file.uri
        if root is None:
            raise UserError(
                f"backend.pipeline_root must be set, because {name} is imported from there. Got "
                "null. Add backend.pipeline_root=gs://BUCKET/FOLDER."
            )
        if file.folder:
            return f"{root.rstrip('/')}/imports/{file.sha256}"
        return f"{root.rstrip('/')}/weights/{file.sha256}{PurePath(file.path).suffix}"

    return locate


def to_yaml(*documents: IR | None) -> str:
    """Messages as YAML documents of one text; equal messages give equal bytes."""
    import yaml  # type: ignore[import-untyped]

    present = [document for document in documents if document is not None]
    text: str = yaml.safe_dump_all(present, sort_keys=True)
    return text


def _importer(uri: str, kind: str, metadata: Mapping[str, str]) -> Any:
    """A task that presents what lies at a URI; its digest is for caches and people to see."""
    from kfp import dsl

    task = dsl.importer(
        artifact_uri=uri, artifact_class=getattr(dsl, kind), metadata=dict(metadata)
    )
    return task.set_caching_options(True)


def _kind(node: Node, name: str) -> str:
    """KFP's type of a node's input."""
    required = node.spec.required_inputs(node.inputs)
    return {**required, **node.spec.optional_inputs}[name]


def _plain_name(node: Node, *, several: bool) -> str:
    fits = [s.node for s in node.inputs.values() if isinstance(s, Output) and s.name == "boundary"]
    if node.step == "evaluation":  # named like its fit
        return _plain_name(fits[0], several=several).replace("svm", node.step, 1)
    parts = [node.step]
    if isinstance(node.settings, ClassifierSettings) and several:
        parts.append(node.settings.classifier)
    if isinstance(node.settings, SvmSettings):
        parts.append(node.settings.attribute)
        if node.settings.space != "w":
            parts.append(node.settings.space)
        if node.settings.layers is not None:
            parts.append(node.settings.layers)
        if given := "-".join(node.conditions):
            # Argo takes names of some hundred characters, its own endings included.
            parts += ["given", given if len(given) <= 24 else f"{len(node.conditions)}-others"]
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
