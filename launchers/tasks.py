"""The tasks of a compiled pipeline, read from its IR as a platform reads them.

What runs is what the IR says: image, command, arguments, environment, constants, and the outputs
of other tasks. Importers run nothing; what they present is known by its URI. The IR is ours, from
``compile``, so what that never writes (loops, conditions, placeholders but ``{{$}}``) is not read.

Source: PipelineSpec, ExecutorInput of kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ifgan.ranges import bytes_of
from ifgan.specs import KEY
from launchers.compile import IR

_MESSAGE = "{{$}}"  # stands for the ExecutorInput of the task


@dataclass(frozen=True)
class Made:
    """An input that another task makes: its name, and that of its output."""

    task: str
    output: str


@dataclass(frozen=True)
class Task:
    """One container to run.

    Parameters
    ----------
    name : of the task.
    image, command, arguments, environment : of the container, as the IR has them.
    cpus, memory : limits, in cores and in bytes; None: none.
    retries : how often it is tried again after a failure.
    parameters : the constants that it is given.
    inputs : of each input artifact, the task that makes it or the URI that an importer names.
    outputs : type of each output artifact, as ``system.Dataset``.
    types : type of each input artifact.
    """

    name: str
    image: str
    command: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, str]
    cpus: float | None
    memory: int | None
    retries: int
    parameters: Mapping[str, Any]
    inputs: Mapping[str, Made | str]
    outputs: Mapping[str, str]
    types: Mapping[str, str]

    @property
    def key(self) -> str:
        """Key of the node that it computes."""
        return str(self.parameters[KEY])

    @property
    def needs(self) -> set[str]:
        """Names of the tasks whose outputs it reads."""
        return {source.task for source in self.inputs.values() if isinstance(source, Made)}

    def executor_input(
        self, *, inputs: Mapping[str, str], outputs: Mapping[str, str], output_file: str
    ) -> IR:
        """The message that its container is given, where artifacts have these URIs."""

        def artifacts(uris: Mapping[str, str], types: Mapping[str, str]) -> IR:
            return {
                name: {
                    "artifacts": [{"name": name, "uri": uri, "type": {"schemaTitle": types[name]}}]
                }
                for name, uri in uris.items()
            }

        return {
            "inputs": {
                "parameterValues": dict(self.parameters),
                "artifacts": artifacts(inputs, self.types),
            },
            "outputs": {
                "artifacts": artifacts(outputs, self.outputs),
                "outputFile": output_file,
            },
        }

    def full_command(self, message: IR) -> list[str]:
        """Command and arguments, the message in its place."""
        text = json.dumps(message, sort_keys=True)
        return [*self.command, *(text if part == _MESSAGE else part for part in self.arguments)]


def tasks_of(pipeline: IR) -> dict[str, Task]:
    """The container tasks of a pipeline by name, each after those it needs.

    The order is the same in every process, which that of maps in protobuf is not.
    """
    found = dict(_tasks(pipeline))
    ordered: dict[str, Task] = {}
    while len(ordered) < len(found):
        ready = [n for n in found.keys() - ordered.keys() if found[n].needs <= ordered.keys()]
        assert ready, f"tasks wait for each other: {sorted(set(found) - set(ordered))}"
        ordered.update({name: found[name] for name in sorted(ready)})
    return ordered


def _tasks(pipeline: IR) -> Iterator[tuple[str, Task]]:
    imported = {
        name: str(executor["importer"]["artifactUri"]["constant"])
        for name, _, _, executor in _parts(pipeline)
        if "importer" in executor
    }
    for name, task, component, executor in _parts(pipeline):
        if "container" in executor:
            yield name, _task(name, task, component, executor["container"], imported)


def _parts(pipeline: IR) -> Iterator[tuple[str, IR, IR, IR]]:
    """Name, task, component and executor of every task."""
    executors = pipeline["deploymentSpec"]["executors"]
    for name, task in pipeline["root"]["dag"]["tasks"].items():
        component = pipeline["components"][task["componentRef"]["name"]]
        yield name, task, component, executors[component["executorLabel"]]


def _task(name: str, task: IR, component: IR, container: IR, imported: Mapping[str, str]) -> Task:
    given = task.get("inputs", {})
    resources = container.get("resources", {})
    declared = component.get("inputDefinitions", {}).get("artifacts", {})
    made = component.get("outputDefinitions", {}).get("artifacts", {})
    return Task(
        name=name,
        image=container["image"],
        command=container.get("command", []),
        arguments=container.get("args", []),
        environment={entry["name"]: entry["value"] for entry in container.get("env", [])},
        cpus=resources.get("cpuLimit"),
        memory=_bytes(resources.get("resourceMemoryLimit")),
        retries=int(task.get("retryPolicy", {}).get("maxRetryCount", 0)),
        parameters={
            key: value["runtimeValue"]["constant"]
            for key, value in given.get("parameters", {}).items()
        },
        inputs={
            key: _source(value["taskOutputArtifact"], imported)
            for key, value in sorted(given.get("artifacts", {}).items())
        },
        outputs={key: value["artifactType"]["schemaTitle"] for key, value in sorted(made.items())},
        types={key: value["artifactType"]["schemaTitle"] for key, value in declared.items()},
    )


def _source(output: IR, imported: Mapping[str, str]) -> Made | str:
    producer = output["producerTask"]
    return imported.get(producer) or Made(producer, output["outputArtifactKey"])


def _bytes(quantity: str | None) -> int | None:
    if quantity is None:
        return None
    return int(quantity) if quantity.isdigit() else bytes_of("memory", quantity)
