"""Runs IR through the step contract, doing what a platform does and nothing more.

Reads the pipeline with KFP's own protobuf: tasks in the order of their dependencies, constants
checked against the declared types, artifacts handed on as each executor output names them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from ifgan import step
from ifgan.progress import Progress
from ifgan.runtime import Runtime

_LONGEST_ARGUMENT = 128 * 1024  # bytes; Linux refuses longer ones

Artifacts = dict[str, dict[str, Any]]  # name -> {"name", "uri", "type", "metadata"}


@dataclass(frozen=True)
class Pipeline:
    """Parsed IR: unknown fields and wrong types have been refused."""

    spec: Any
    executors: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> Pipeline:
        spec = json_format.ParseDict(yaml.safe_load(text), pipeline_spec_pb2.PipelineSpec())
        deployment = json_format.ParseDict(
            json_format.MessageToDict(spec.deployment_spec),
            pipeline_spec_pb2.PipelineDeploymentConfig(),
        )
        return cls(spec, dict(deployment.executors))

    @property
    def tasks(self) -> dict[str, Any]:
        """All tasks by name, each after those it depends on."""
        waiting, ordered = dict(self.spec.root.dag.tasks), dict[str, Any]()
        while waiting:
            ready = [n for n, task in waiting.items() if set(task.dependent_tasks) <= set(ordered)]
            assert ready, f"tasks wait for each other or for nobody: {sorted(waiting)}"
            ordered.update({name: waiting.pop(name) for name in sorted(ready)})
        return ordered

    def component(self, task: str) -> Any:
        return self.spec.components[self.spec.root.dag.tasks[task].component_ref.name]

    def executor(self, task: str) -> Any:
        return self.executors[self.component(task).executor_label]

    @property
    def steps(self) -> dict[str, Any]:
        """The containers' tasks; importers run nothing."""
        return {name: task for name, task in self.tasks.items() if not self.imported(name)}

    def imported(self, task: str) -> Artifacts | None:
        """What an importer presents; None where the task is a step's."""
        executor = self.executor(task)
        if executor.WhichOneof("spec") != "importer":
            return None
        uri = executor.importer.artifact_uri.constant.string_value
        metadata = json_format.MessageToDict(executor.importer.metadata)
        return {"artifact": {"name": "artifact", "uri": uri, "metadata": metadata}}

    @property
    def imports(self) -> list[dict[str, Any]]:
        """All imported artifacts."""
        return [found["artifact"] for task in self.tasks if (found := self.imported(task))]


def run(pipeline: Pipeline, *, root: str, folder: Path) -> dict[str, Artifacts]:
    """Execute every task with its outputs below ``root``; output artifacts by task and name.

    ``folder`` is local: for executor outputs, scratch and blocks.
    """
    made: dict[str, Artifacts] = {}
    for name in pipeline.tasks:
        made[name] = run_task(pipeline, name, made, place=f"{root}/{name}", folder=folder / name)
    return made


def run_task(
    pipeline: Pipeline, name: str, made: dict[str, Artifacts], *, place: str, folder: Path
) -> Artifacts:
    """Execute one task on what others have made, with its outputs below the URI ``place``."""
    return pipeline.imported(name) or _run_container(pipeline, name, made, place, folder)


def _run_container(
    pipeline: Pipeline, name: str, made: dict[str, Artifacts], place: str, folder: Path
) -> Artifacts:
    folder.mkdir(parents=True)
    output_file = folder / "executor_output.json"
    message = {
        "inputs": {
            "parameterValues": parameters(pipeline, name),
            "artifacts": _lists(inputs(pipeline, name, made)),
        },
        "outputs": {
            "artifacts": _lists(_places(pipeline, name, place)),
            "outputFile": str(output_file),
        },
    }
    container = pipeline.executor(name).container
    [argument] = [arg.replace("{{$}}", json.dumps(message)) for arg in container.args]
    assert len(argument.encode()) < _LONGEST_ARGUMENT
    *python, step_name, option = container.command
    assert python == ["python", "-m", "ifgan.step"] and option == "--executor-input"
    runtime = Runtime(folder, folder / "blocks", device="cpu", progress=Progress(quiet=True))
    step.execute(step_name, json.loads(argument), runtime)
    output = json.loads(output_file.read_text())
    return {key: entry["artifacts"][0] for key, entry in output["artifacts"].items()}


def parameters(pipeline: Pipeline, name: str) -> dict[str, Any]:
    """The constants of a task, checked against what its component declares."""
    declared = pipeline.component(name).input_definitions.parameters
    given = pipeline.tasks[name].inputs.parameters
    assert set(given) <= set(declared), name
    required = {key for key, definition in declared.items() if not definition.is_optional}
    assert required <= set(given), name
    values = {
        key: json_format.MessageToDict(value.runtime_value.constant) for key, value in given.items()
    }
    for key, value in values.items():
        kind = pipeline_spec_pb2.ParameterType.ParameterTypeEnum.Name(declared[key].parameter_type)
        assert _fits(kind, value), (name, key, kind, value)
    return values


def _fits(kind: str, value: Any) -> bool:
    if kind == "NUMBER_INTEGER":
        return isinstance(value, float) and value.is_integer()  # JSON numbers of a Struct
    python = {"NUMBER_DOUBLE": float, "STRING": str, "LIST": list}
    return isinstance(value, python[kind])


def inputs(pipeline: Pipeline, name: str, made: dict[str, Artifacts]) -> Artifacts:
    """Artifacts that other tasks have made, each of the type that is declared."""
    task, component = pipeline.tasks[name], pipeline.component(name)
    declared = component.input_definitions.artifacts
    required = {key for key, definition in declared.items() if not definition.is_optional}
    assert required <= set(task.inputs.artifacts) <= set(declared), name
    found = {}
    for key, source in task.inputs.artifacts.items():
        producer = source.task_output_artifact.producer_task
        output = source.task_output_artifact.output_artifact_key
        assert producer in task.dependent_tasks, (name, producer)
        produced = pipeline.component(producer).output_definitions.artifacts[output]
        assert produced.artifact_type == declared[key].artifact_type, (name, key)
        found[key] = made[producer][output]
    return found


def _places(pipeline: Pipeline, name: str, place: str) -> Artifacts:
    return {
        key: {
            "name": key,
            "uri": f"{place}/{key}",
            "type": {"schemaTitle": definition.artifact_type.schema_title},
            "metadata": {},
        }
        for key, definition in pipeline.component(name).output_definitions.artifacts.items()
    }


def _lists(artifacts: Artifacts) -> dict[str, dict[str, list[dict[str, Any]]]]:
    return {name: {"artifacts": [artifact]} for name, artifact in artifacts.items()}
