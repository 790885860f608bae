"""Submitted IR, executed: what the local backend makes, below the place that Vertex AI chooses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ifgan import step
from ifgan.backends import Vertex
from ifgan.graph import Graph, merge
from ifgan.schema import Local
from ifgan.store import Store
from launchers import local
from launchers.compile import files_of, task_names
from launchers.service import Run, Status
from launchers.states import State
from launchers.vertex import VertexService
from tests.launchers.conftest import MakeJob
from tests.launchers.test_vertex import IMAGES, ROOT
from tests.launchers.vertex_server import VertexServer


@pytest.fixture
def vertex(tmp_path: Path) -> Iterator[VertexServer]:
    with VertexServer(runs_in=tmp_path / "machines", buckets=tmp_path / "buckets") as server:
        yield server


@pytest.fixture
def backend(vertex: VertexServer) -> Vertex:
    return Vertex(project=vertex.project, pipeline_root=ROOT, images=IMAGES, endpoint=vertex.url)


def finished(service: VertexService, graph: Graph, name: str) -> tuple[Run, Status]:
    """Submit a graph and follow it to its end."""
    run = service.submit(service.compile(graph), name=name, title="ifgan")
    until = time.monotonic() + 120
    while not (status := service.status(run)).state.is_final:
        assert time.monotonic() < until
        time.sleep(0.05)
    return run, status


def uploaded(service: VertexService, source: Path, graph: Graph) -> None:
    """What the client uploads before it submits: here, the score file."""
    for file in files_of(graph):
        place = step.local_path(service.locate(file))
        place.parent.mkdir(parents=True)
        place.write_bytes(source.read_bytes())


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_submitted_sweep_makes_what_the_local_backend_makes_and_is_cached_the_next_time(
    backend: Vertex, vertex: VertexServer, job: MakeJob, labels: Path
) -> None:
    here = [job("smile", Local(device="cpu")), job("age", Local(device="cpu"), space="z")]
    store = Store(here[0].config.store)
    outcomes = local.run_graph(Local(device="cpu"), merge(j.target for j in here), store)

    service = VertexService(backend)
    graph = merge([job("smile", backend).target, job("age", backend, space="z").target])
    uploaded(service, labels, graph)
    run, status = finished(service, graph, "ifgan-1")
    assert status == Status(State.DONE, dict.fromkeys(task_names(graph).values(), State.DONE))
    below = step.local_path(service.places(run)[0])
    for mine, task in zip(here, ("svm-smile", "svm-age-z"), strict=True):
        artifacts = outcomes[mine.target.key].artifacts
        assert artifacts is not None
        expected = files(artifacts)
        del expected["node.json"]
        [place] = below.glob(f"{task}_*")
        assert files(place) == expected

    again, status = finished(service, graph, "ifgan-2")
    assert status.state is State.DONE and set(status.tasks.values()) == {State.CACHED}
    assert not step.local_path(service.places(again)[0]).exists()  # the first run's are reused


def test_a_step_that_fails_in_its_container_fails_its_task_alone(
    backend: Vertex, vertex: VertexServer, job: MakeJob, labels: Path
) -> None:
    service = VertexService(backend)
    graph = merge([job("smile", backend).target])
    uploaded(service, labels, graph)
    [file] = (vertex.buckets or Path()).rglob("*.csv")
    file.write_text("seed,smile\n0,nonsense\n")
    _, status = finished(service, graph, "ifgan-1")
    assert status.state is State.FAILED
    assert status.tasks == {
        "sampler": State.DONE,
        "classifier": State.FAILED,
        "svm-smile": State.WAITING,
    }
    assert "exited with status 1" in status.errors["classifier"]
