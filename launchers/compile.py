"""One compiler from graph to the intermediate representation (IR) of Kubeflow Pipelines.

Every node becomes one task, unrolled: its settings are constants, so that consoles show them,
and its container gets the whole ExecutorInput in one argument, ``{{$}}``, the only placeholder
that all targets resolve alike. Equal graphs give equal bytes: no date, run id, host or path of
the submitting machine is in the IR, for these would defeat the platforms' caches.

The components come from ``ifgan.specs`` alone. ``python -m launchers.compile --components``
writes them to components/<step>/component.yaml, for use in other people's pipelines.

Source: PipelineSpec of kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any, get_origin, get_type_hints

from ifgan import paths
from ifgan.errors import UserError
from ifgan.graph import File, Graph, Node, Output
from ifgan.schema import Images
from ifgan.specs import STEPS, StepSpec, SvmSettings, base_type, settings_to_dict

#: Constant, because Vertex AI's cache looks for equal work below equal names only.
PIPELINE = "ifgan"

IR = dict[str, Any]  # a PipelineSpec message as plain JSON values


def compile_graph(graph: Graph, *, images: Images, root: str | None) -> IR:
    """Compile a graph: one task for each node, and an importer for each file it reads.

    Parameters
    ----------
    graph : nodes by key, each after its inputs.
    images : the container image of each step.
    root : URI below which imported files lie, see ``imports``.

    Returns
    -------
    The PipelineSpec message, as JSON values.

    Raises
    ------
    UserError
        If the graph imports a file and ``root`` is None.
    """
    from google.protobuf import json_format
    from kfp import dsl

    names = task_names(graph)
    uploads = imports(graph, root)

    def pipeline():  # type: ignore[no-untyped-def]  # KFP would take "None" for an output
        imported = {uri: _importer(uri, file.sha256) for uri, file in uploads.items()}
        tasks: dict[str, Any] = {}
        for key, node in graph.items():
            artifacts = {
                name: tasks[source.node.key].outputs[source.name]
                if isinstance(source, Output)
                else imported[_weights_uri(root, source)].output
                for name, source in node.inputs.items()
            }
            settings = settings_to_dict(node.settings)
            values = {name: value for name, value in settings.items() if value is not None}
            make = component(node.spec, name=names[key], image=getattr(images, node.step))
            tasks[key] = make(**values, **artifacts).set_caching_options(True)

    compiled = dsl.pipeline(name=PIPELINE)(pipeline)
    ir: IR = json_format.MessageToDict(compiled.pipeline_spec)
    return ir


def component(spec: StepSpec, *, name: str, image: str) -> Any:
    """A step as a container component of KFP: a named, typed input for each of its settings."""
    from kfp import dsl

    def define(*_: object) -> Any:
        return dsl.ContainerSpec(
            image=image,
            command=["python", "-m", "ifgan.step", spec.name, "--executor-input"],
            args=["{{$}}"],
        )

    # KFP reads a component's interface from a Python function; this one is made of the spec.
    define.__name__ = name
    define.__signature__ = inspect.Signature([*_interface(spec)])  # type: ignore[attr-defined]
    return dsl.container_component(define)


def task_names(graph: Graph) -> dict[str, str]:
    """A readable name for each node: sampler, classifier, svm-smile, svm-age-z, …

    Where several nodes would share one name, all of them carry the beginning of their key: so a
    node's name does not depend on the order of a sweep.
    """
    plain = {key: _plain_name(node) for key, node in graph.items()}
    count = Counter(plain.values())
    return {key: name if count[name] == 1 else f"{name}-{key[:8]}" for key, name in plain.items()}


def imports(graph: Graph, root: str | None) -> dict[str, File]:
    """The files a graph reads, by the URI at which its importers expect them.

    Raises
    ------
    UserError
        If there are any and ``root`` is None.
    """
    return {
        _weights_uri(root, source): source
        for node in graph.values()
        for source in node.inputs.values()
        if isinstance(source, File)
    }


def _weights_uri(root: str | None, file: File) -> str:
    """Below the root, named by the file's bytes; its suffix stays, for it says the format."""
    if PurePath(file.path).suffix == "" and Path(file.path).is_dir():
        raise UserError(
            f"sampler=existing must run with backend=local so far. Got {PurePath(file.path).name} "
            "for a compiled backend, which imports single files only."
        )
    if root is None:
        raise UserError(
            f"backend.pipeline_root must be set, because {PurePath(file.path).name} is imported "
            "from there. Got null. Add backend.pipeline_root=gs://BUCKET/FOLDER."
        )
    return f"{root.rstrip('/')}/weights/{file.sha256}{PurePath(file.path).suffix}"


def to_yaml(ir: IR) -> str:
    """IR as text; equal IR gives equal bytes."""
    import yaml  # type: ignore[import-untyped]

    text: str = yaml.safe_dump(ir, sort_keys=True)
    return text


def component_yaml(spec: StepSpec) -> str:
    """The component definition of a step, as ``kfp.components.load_component_from_file`` reads."""
    from google.protobuf import json_format

    image = getattr(Images(), spec.name)
    made = component(spec, name=spec.name, image=image)
    return to_yaml(json_format.MessageToDict(made.component_spec.to_pipeline_spec()))


def _interface(spec: StepSpec) -> Iterator[inspect.Parameter]:
    """Settings, inputs and outputs of a step as parameters of a Python function."""
    from kfp import dsl

    def parameter(name: str, annotation: Any, *, optional: bool = False) -> inspect.Parameter:
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default=None if optional else inspect.Parameter.empty,
        )

    for name, hint in get_type_hints(spec.settings).items():
        kind, optional = base_type(hint)
        yield parameter(name, get_origin(kind) or kind, optional=optional)
    for name, kind in spec.inputs.items():
        yield parameter(name, dsl.Input[getattr(dsl, kind)])
    for name, kind in spec.optional_inputs.items():
        yield parameter(name, dsl.Input[getattr(dsl, kind)], optional=True)
    for name, kind in spec.outputs.items():
        yield parameter(name, dsl.Output[getattr(dsl, kind)])


def _importer(uri: str, sha256: str) -> Any:
    """A task that presents a file as a Model; its digest is for caches and people to see."""
    from kfp import dsl

    task = dsl.importer(artifact_uri=uri, artifact_class=dsl.Model, metadata={"sha256": sha256})
    return task.set_caching_options(True)


def _plain_name(node: Node) -> str:
    parts = [node.step]
    if isinstance(node.settings, SvmSettings):
        parts.append(node.settings.attribute)
        if node.settings.space != "w":
            parts.append(node.settings.space)
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the component definitions from the specs."""
    parser = argparse.ArgumentParser(prog="python -m launchers.compile")
    parser.add_argument(
        "--components", action="store_true", required=True, help="write components/*/component.yaml"
    )
    parser.parse_args(arguments)
    for spec in STEPS.values():
        place = paths.shipped("components") / spec.name / "component.yaml"
        place.write_text(component_yaml(spec))
        sys.stdout.write(f"wrote {place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
