"""The compiled pipeline as containers on this machine: what docker is asked for each task.

The graph is compiled to the same IR as for a cluster, and that IR is what runs. Its URIs are
places inside the containers, equal on every machine; each of them is mounted, read-only:

    /ifgan/store/<key>/<output>    what another node made, from the store
    /ifgan/weights/<sha256>.…      files that the graph imports, /ifgan/imports/<sha256> folders
    /ifgan/work                    writable: the node's outputs while they are made, and TMPDIR
    /ifgan/blocks                  writable: finished ranges of seeds, so that a killed run goes on
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifgan.backends import ANY_ACCELERATOR, Docker
from ifgan.graph import File, Graph, Node
from ifgan.ranges import bytes_of
from launchers.compile import Compiled, below, compile_graph, files_of
from launchers.containers import Container, Mount
from launchers.docker_daemon import Owner, gpus_of
from launchers.machines import check_svm_has_no_accelerator, dress_common, resources_of
from launchers.tasks import Made, Task, tasks_of

_ROOT = "/ifgan"
_STORE, _WORK, _BLOCKS = f"{_ROOT}/store", f"{_ROOT}/work", f"{_ROOT}/blocks"


def compile_for_docker(
    backend: Docker, graph: Graph, *, finished: Collection[str] = ()
) -> Compiled:
    """The graph as containers on this machine run it; equal on every machine.

    Parameters
    ----------
    finished : keys of nodes that the store has.

    Raises
    ------
    UserError
        If the backend's options contradict each other.
    """
    check_svm_has_no_accelerator(backend)

    def dress(task: Any, node: Node) -> None:
        dress_common(task, node, backend)
        if backend.gpus == "all" and node.step != "svm":
            task.set_env_variable("IFGAN_DEVICE", "cuda")  # not on the processor, unnoticed

    return compile_graph(
        graph,
        images=backend.images,
        locate=locate,
        finished={key: f"{_STORE}/{key}" for key in finished},
        dress=dress,
    )


def locate(file: File) -> str:
    """Where a file that the graph imports lies inside the containers."""
    return below(_ROOT, readable=())(dataclasses.replace(file, uri=None))


def warnings(backend: Docker) -> list[str]:
    """What of the configuration docker ignores, by name."""
    lines = []
    for step, resources in vars(backend.resources).items():
        option = f"backend.resources.{step}"
        if resources.disk is not None:
            lines.append(f"{option}.disk has no effect on docker, which limits no disk space.")
        if resources.spot:
            lines.append(f"{option}.spot has no effect on docker, which runs on this machine.")
        if resources.accelerator not in (None, ANY_ACCELERATOR):
            lines.append(
                f"{option}.accelerator={resources.accelerator}: docker takes this machine's GPUs, "
                "of whatever kind."
            )
    return lines


@dataclass(frozen=True)
class Plan:
    """All that containers of one run have in common.

    Parameters
    ----------
    root : of the store.
    files : what is imported, by the URI at which the pipeline expects it.
    """

    backend: Docker
    graph: Graph
    root: Path
    tasks: Mapping[str, Task]
    files: Mapping[str, File]
    owner: Owner

    @classmethod
    def of(
        cls,
        backend: Docker,
        graph: Graph,
        root: Path,
        owner: Owner,
        *,
        finished: Collection[str] = (),
    ) -> Plan:
        """Compile a graph and read its tasks."""
        tasks = tasks_of(compile_for_docker(backend, graph, finished=finished).pipeline)
        files = {
            locate(file): file for file in files_of(graph, finished=dict.fromkeys(finished, ""))
        }
        return cls(backend, graph, root, tasks, files, owner)

    def container(self, task: Task, work: Path, *, run: str) -> Container:
        """What docker is asked for a task; ``work`` is its writable directory, ``run`` unique."""
        node = self.graph[task.key]
        uris, mounts = {}, []
        for name, source in task.inputs.items():
            uris[name], place = self._input(source)
            mounts.append(Mount(place, uris[name]))
        message = task.executor_input(
            inputs=uris,
            outputs={name: f"{_WORK}/node/{name}" for name in task.outputs},
            output_file=f"{_WORK}/output.json",
        )
        resources = resources_of(self.backend, node.step)
        return Container(
            name=f"ifgan-{task.name}-{run}",
            image=task.image,
            command=task.full_command(message),
            mounts=[
                *dict.fromkeys(mounts),
                Mount(work, _WORK, writable=True),
                Mount(self.blocks, _BLOCKS, writable=True),
            ],
            environment={
                **task.environment,
                **_threads(task.cpus),
                "IFGAN_BLOCKS": _BLOCKS,
                "TMPDIR": f"{_WORK}/tmp",
                "HOME": f"{_WORK}/tmp",
            },
            labels=self.labels(task.key),
            user=self.owner.inside,
            cpus=task.cpus,
            memory=task.memory,
            shm=None if resources.shm is None else bytes_of("shm", resources.shm),
            gpus=gpus_of(self.backend, node.step),
        )

    def _input(self, source: Made | str) -> tuple[str, Path]:
        """Where an input is inside the container, and on this machine."""
        if isinstance(source, Made):
            source = f"{_STORE}/{self.tasks[source.task].key}/{source.output}"
        if source in self.files:
            return source, Path(self.files[source].path).resolve()
        return source, self.root / source.removeprefix(f"{_STORE}/")

    @property
    def blocks(self) -> Path:
        """Finished ranges of seeds, which the containers may add to."""
        return self.root / "blocks"

    def labels(self, key: str) -> dict[str, str]:
        """By which the containers of a node and of this store are found."""
        store = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        return {"ifgan.key": key, "ifgan.store": store}


def _threads(cpus: float | None) -> dict[str, str]:
    """As many threads as cores: a container sees all of the machine's, whatever its limit."""
    if cpus is None:
        return {}
    count = str(max(1, int(cpus)))
    return {"IFGAN_WORKERS": count, "OMP_NUM_THREADS": count}
