"""Vertex AI's pipeline jobs on a server over real HTTP: good days, bad days, and no secrets."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ifgan
from ifgan.backends import Images, Vertex
from ifgan.errors import UserError
from ifgan.graph import merge
from launchers.compile import Compiled
from launchers.service import Run, Service, Status, service_of
from launchers.states import State
from launchers.vertex import VertexService
from launchers.wire import Patience
from tests.launchers.conftest import MakeJob
from tests.launchers.fault_server import (
    HANG_AFTER,
    HANG_BEFORE,
    MALFORMED,
    MALFORMED_AFTER,
    RESET_AFTER,
    RESET_BEFORE,
    Fault,
    too_many,
)
from tests.launchers.vertex_jobs import NUMBER
from tests.launchers.vertex_server import VertexServer

ROOT = "gs://faces/ifgan"
NAME = "ifgan-0123456789ab-abcdef"
HOST = "us-central1-docker.pkg.dev/faces-project/ifgan"
IMAGES = Images(**{s: f"{HOST}/{s}@sha256:{'0' * 64}" for s in ("sampler", "classifier", "svm")})
PATHS = "POST pipelineJobs"


@pytest.fixture
def vertex() -> Iterator[VertexServer]:
    with VertexServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    """Seconds that would have been waited."""
    return []


@pytest.fixture
def patience(waits: list[float], request: pytest.FixtureRequest) -> Patience:
    """Soon tired where a test's fault is a hang; else the answer of a busy machine may be late."""
    given = request.node.callspec.params.values() if hasattr(request.node, "callspec") else ()
    hangs = any(isinstance(value, Fault) and value.hang for value in given)
    answer = 0.3 if hangs else 30
    return Patience(connect=1, answer=answer, pauses=(1, 2, 4), longest=60, sleep=waits.append)


@pytest.fixture
def backend(vertex: VertexServer) -> Vertex:
    return Vertex(
        project=vertex.project, pipeline_root=ROOT, images=IMAGES, endpoint=vertex.url, wait=True
    )


@pytest.fixture
def service(backend: Vertex, patience: Patience) -> VertexService:
    return VertexService(backend, patience=patience)


@pytest.fixture
def compiled(service: VertexService, job: MakeJob) -> Compiled:
    return service.compile(merge([job("smile", service.backend).target]))


def submit(service: Service, compiled: Compiled) -> Run:
    return service.submit(compiled, name=NAME, title="ifgan smile")


def followed(service: Service, run: Run) -> list[Status]:
    """Every status until the last."""
    seen = []
    for _ in range(50):
        seen.append(service.status(run))
        if seen[-1].state.is_final:
            return seen
    raise AssertionError("the run does not end")


# Good days


def test_a_job_is_submitted_with_all_that_is_configured(
    vertex: VertexServer, backend: Vertex, patience: Patience, job: MakeJob
) -> None:
    mine = dataclasses.replace(
        backend,
        service_account="runner@faces-project.iam.gserviceaccount.com",
        network="projects/12345/global/networks/faces",
        encryption_key="projects/p/locations/us-central1/keyRings/r/cryptoKeys/k",
        labels={"team": "faces"},
    )
    service = VertexService(mine, patience=patience)
    compiled = service.compile(merge([job("smile", mine).target]))
    run = submit(service, compiled)
    [request] = vertex.requests
    assert (request.method, request.query) == ("POST", {"pipelineJobId": NAME})
    assert request.json() == service.request(compiled, name=NAME, title="ifgan smile")
    assert request.json() == {
        "displayName": "ifgan smile",
        "pipelineSpec": compiled.pipeline,
        "labels": {"ifgan": ifgan.__version__.replace(".", "-"), "team": "faces"},
        "runtimeConfig": {
            "gcsOutputDirectory": ROOT,
            "parameterValues": {},
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
        },
        "serviceAccount": "runner@faces-project.iam.gserviceaccount.com",
        "network": "projects/12345/global/networks/faces",
        "encryptionSpec": {
            "kmsKeyName": "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
        },
    }
    assert run == Run(
        name=NAME,
        id=f"projects/{NUMBER}/locations/us-central1/pipelineJobs/{NAME}",
        link="https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs/"
        f"{NAME}?project=faces-project",
    )
    assert service.places(run)[0] == f"{ROOT}/{NUMBER}/{NAME}"


def test_a_run_is_followed_to_its_end(service: VertexService, compiled: Compiled) -> None:
    seen = followed(service, submit(service, compiled))
    assert [seen[0].state, seen[-1].state] == [State.RUNNING, State.DONE]
    names = {"sampler", "classifier", "svm-smile"}  # neither the root nor the importer
    assert set(seen[-1].tasks) == names
    assert set(seen[-1].tasks.values()) == {State.DONE}
    assert seen[-1].error is None and seen[-1].errors == {}
    of_one = list(dict.fromkeys(status.tasks["sampler"] for status in seen))
    assert of_one == [State.WAITING, State.RUNNING, State.DONE]


def test_the_service_of_a_configuration_speaks_to_its_endpoint(
    vertex: VertexServer, backend: Vertex, compiled: Compiled
) -> None:
    service = service_of(backend)
    assert service.find(NAME) is None
    run = submit(service, compiled)
    assert service.find(NAME) == run
    assert "authorization" not in vertex.requests[0].headers  # nobody here is shown who asks


def test_a_failing_task_leaves_the_others_alone_and_says_why(
    vertex: VertexServer, service: VertexService, job: MakeJob
) -> None:
    vertex.play.failing["svm-age"] = "The replica workerpool0-0\nexited with status 1."
    jobs = [job(name, service.backend).target for name in ("smile", "age")]
    last = followed(service, submit(service, service.compile(merge(jobs))))[-1]
    assert last.state is State.FAILED
    assert last.tasks["svm-smile"] is State.DONE and last.tasks["svm-age"] is State.FAILED
    assert last.errors == {"svm-age": "The replica workerpool0-0 exited with status 1."}
    assert last.error is not None and "svm-age" in last.error


def test_what_reads_from_a_failed_task_was_never_started(
    vertex: VertexServer, service: VertexService, compiled: Compiled
) -> None:
    vertex.play.failing["sampler"] = "no memory"
    last = followed(service, submit(service, compiled))[-1]
    assert last.tasks["svm-smile"] is State.WAITING
    assert last.errors["sampler"] == "no memory"
    assert "not started" in last.errors["svm-smile"]


def test_why_an_importer_failed_is_told_by_the_run(
    vertex: VertexServer, service: VertexService, compiled: Compiled
) -> None:
    vertex.play.failing["importer"] = "gs://faces/ifgan/weights/x.csv does not exist"
    last = followed(service, submit(service, compiled))[-1]
    assert last.error is not None and "importer: gs://faces/ifgan/weights/x.csv" in last.error
    assert "importer" not in last.tasks


def test_a_cancelled_run_ends_cancelled_and_may_be_cancelled_again(
    vertex: VertexServer, service: VertexService, compiled: Compiled
) -> None:
    vertex.play.endless.add("sampler")
    run = submit(service, compiled)
    for _ in range(5):
        assert not service.status(run).state.is_final
    service.cancel(run)
    last = followed(service, run)[-1]
    assert last.state is State.CANCELLED
    assert set(last.tasks.values()) == {State.CANCELLED}
    service.cancel(run)  # refused by Vertex AI, and no error here: it has ended


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("QUEUED", State.WAITING),
        ("PENDING", State.WAITING),
        ("PAUSED", State.WAITING),
        ("RUNNING", State.RUNNING),
        ("CANCELLING", State.RUNNING),
        ("SUCCEEDED", State.DONE),
        ("FAILED", State.FAILED),
        ("CANCELLED", State.CANCELLED),
        ("UNSPECIFIED", State.WAITING),
        ("INVENTED_LATER", State.WAITING),
    ],
)
def test_every_state_of_a_job_is_known(
    vertex: VertexServer, service: VertexService, compiled: Compiled, said: str, state: State
) -> None:
    run = submit(service, compiled)
    answer = {"name": run.id, "state": f"PIPELINE_STATE_{said}", "jobDetail": {"taskDetails": "?"}}
    vertex.fail(Fault(200, body=json.dumps(answer).encode()), on="GET pipelineJobs")
    assert service.status(run) == Status(state)


def test_of_a_task_that_was_tried_again_the_last_try_counts(
    vertex: VertexServer, service: VertexService, compiled: Compiled
) -> None:
    run = submit(service, compiled)
    tries = [("9", "RUNNING"), ("7", "FAILED"), ("8", "SKIPPED"), ("10", "CANCEL_PENDING")]
    details = [
        {"taskId": number, "parentTaskId": "1", "taskName": "sampler", "state": state}
        for number, state in tries
    ]
    answer = {"state": "PIPELINE_STATE_RUNNING", "jobDetail": {"taskDetails": details[:3]}}
    for expected in (State.RUNNING, State.CACHED):
        vertex.fail(Fault(200, body=json.dumps(answer).encode()), on="GET pipelineJobs")
        assert service.status(run).tasks == {"sampler": expected}
        details.remove(details[0])
        answer["jobDetail"] = {"taskDetails": details[:2]}


def test_an_unknown_state_that_has_ended_is_a_failure(
    vertex: VertexServer, service: VertexService, compiled: Compiled
) -> None:
    run = submit(service, compiled)
    vertex.fail(Fault(200, body=b'{"state": "NEW", "endTime": "now"}'), on="GET pipelineJobs")
    status = service.status(run)
    assert status.state is State.FAILED and status.error == "it ended in the unknown state 'NEW'"


# Bad days: submitting


@pytest.mark.parametrize(
    ("fault", "posts", "looks"),
    [
        (RESET_AFTER, 1, 1),
        (HANG_AFTER, 1, 1),
        (MALFORMED_AFTER, 1, 1),
        (Fault(500, taken=True), 1, 1),
        (Fault(503, taken=True), 1, 1),
        (Fault(409, taken=True), 1, 1),
        (RESET_BEFORE, 2, 1),
        (HANG_BEFORE, 2, 1),
        (MALFORMED, 2, 1),
        (Fault(500), 2, 1),
        (Fault(503), 2, 1),
        (too_many(), 2, 0),
    ],
)
def test_a_job_is_made_once_whatever_happens_to_the_answer(
    vertex: VertexServer,
    service: VertexService,
    compiled: Compiled,
    fault: Fault,
    posts: int,
    looks: int,
) -> None:
    vertex.fail(fault, on=PATHS)
    run = submit(service, compiled)
    assert len(vertex.seen(PATHS)) == posts
    assert len(vertex.seen("GET pipelineJobs")) == looks
    assert list(vertex.jobs) == [run.name] == [NAME]


@pytest.mark.parametrize("fault", [HANG_AFTER])
def test_a_late_second_request_meets_the_first_and_makes_no_other(
    vertex: VertexServer, service: VertexService, compiled: Compiled, fault: Fault
) -> None:
    """The look comes before the first request has taken effect."""
    vertex.fail(fault, on=PATHS)
    vertex.fail(Fault(404), on="GET pipelineJobs")
    assert submit(service, compiled).name == NAME
    assert len(vertex.seen(PATHS)) == 2  # the second is answered 409, and looked up
    assert len(vertex.jobs) == 1


def test_after_an_unclear_answer_nothing_is_sent_while_nobody_can_look(
    vertex: VertexServer, service: VertexService, compiled: Compiled
) -> None:
    vertex.fail(RESET_AFTER, on=PATHS)
    vertex.fail(RESET_BEFORE, on="GET pipelineJobs", times=100)
    with pytest.raises(UserError, match=rf"has not said whether it took the job {NAME}.*fetch"):
        submit(service, compiled)
    assert len(vertex.seen(PATHS)) == 1


def test_a_busy_place_is_asked_again_when_it_said(
    vertex: VertexServer, service: VertexService, compiled: Compiled, waits: list[float]
) -> None:
    vertex.fail(too_many("7"), on=PATHS)
    vertex.fail(too_many("99999"), on=PATHS)
    submit(service, compiled)
    assert waits == [7, 60]


MESSAGES: dict[str, tuple[Fault, str]] = {
    "401": (Fault(401), "application-default login"),
    "403": (Fault(403), "roles/aiplatform.user in project faces-project"),
    "disabled": (
        Fault(403, body=b'{"error": {"message": "Vertex AI API has not been used in project 1"}}'),
        "gcloud services enable aiplatform.googleapis.com --project=faces-project",
    ),
    "quota project": (
        Fault(403, body=b'{"error": {"message": "This API requires a quota project"}}'),
        "set-quota-project faces-project",
    ),
    "404": (Fault(404), "backend.project=faces-project and backend.location=us-central1"),
    "400": (Fault(400), "dry_run=true"),
    "login page": (Fault(302, headers={"Location": "https://sso?token=x"}), "backend.endpoint"),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_a_refusal_is_one_line_with_what_to_do(
    vertex: VertexServer, service: VertexService, compiled: Compiled, case: str
) -> None:
    fault, remedy = MESSAGES[case]
    vertex.fail(fault, on=PATHS)
    with pytest.raises(UserError) as caught:
        submit(service, compiled)
    line = str(caught.value)
    assert line.startswith("Vertex AI refuses: ") and remedy in line and "\n" not in line
    assert "token=x" not in line
    assert len(vertex.requests) == 1 and vertex.jobs == {}


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (too_many(), r"429.*quota.*iam-admin/quotas\?project=faces-project"),
        (Fault(500), r"500.*status\.cloud\.google\.com"),
        (RESET_BEFORE, "gives no usable answer"),
        (MALFORMED, "not JSON"),
        (HANG_BEFORE, r"no answer in 0\.3 s"),
    ],
)
def test_what_does_not_pass_ends_after_some_tries(
    vertex: VertexServer, service: VertexService, compiled: Compiled, fault: Fault, line: str
) -> None:
    run = submit(service, compiled)
    vertex.fail(fault, on="GET pipelineJobs", times=100)
    with pytest.raises(UserError, match=line) as caught:
        service.status(run)
    assert "\n" not in str(caught.value)
    assert len(vertex.seen("GET pipelineJobs")) == 4


@pytest.mark.parametrize(
    "fault", [too_many(), Fault(500), Fault(503), RESET_BEFORE, MALFORMED, HANG_BEFORE]
)
def test_what_passes_is_not_noticed_while_following(
    vertex: VertexServer, service: VertexService, compiled: Compiled, fault: Fault
) -> None:
    run = submit(service, compiled)
    vertex.fail(fault, on="GET pipelineJobs", times=2)
    assert followed(service, run)[-1].state is State.DONE


def test_a_job_that_is_gone_is_said_so(
    vertex: VertexServer, service: VertexService, compiled: Compiled
) -> None:
    run = submit(service, compiled)
    vertex.jobs.clear()
    assert service.find(NAME) is None
    with pytest.raises(UserError, match=f"Vertex AI has no job {NAME} in projects/faces-project/"):
        service.status(run)


def test_a_machine_without_a_network_says_so_at_once(
    backend: Vertex, compiled: Compiled, patience: Patience, waits: list[float]
) -> None:
    service = VertexService(
        dataclasses.replace(backend, endpoint="http://127.0.0.1:9"), patience=patience
    )
    with pytest.raises(UserError, match=r"^Vertex AI can't be reached \(.*\)\."):
        submit(service, compiled)
    assert waits == []


@pytest.mark.parametrize("name", ["Ifgan", "1run", "a/b", "a?x=1", "", "a" * 129, "a_b"])
def test_a_name_that_is_no_id_goes_nowhere(
    vertex: VertexServer, service: VertexService, compiled: Compiled, name: str
) -> None:
    with pytest.raises(UserError, match="the name of a pipeline job must be like"):
        service.submit(compiled, name=name, title="x")
    with pytest.raises(UserError):
        service.status(Run(name, "", ""))
    assert vertex.requests == []


def test_an_image_of_this_machine_is_refused_before_anything_is_sent(
    vertex: VertexServer, backend: Vertex, job: MakeJob
) -> None:
    images = dataclasses.replace(IMAGES, sampler="ifgan-sampler", svm=f"{HOST}/svm:latest")
    service = VertexService(dataclasses.replace(backend, images=images))
    compiled = service.compile(merge([job("smile", backend).target]))  # a dry run may
    with pytest.raises(UserError, match=r"backend\.images\.sampler .* Got 'ifgan-sampler'.*ifgan"):
        submit(service, compiled)
    assert vertex.requests == []
    local, tag = service.warnings()
    assert "sampler" in local and "python -m ifgan.provision backend=vertex" in local
    assert "backend.images.svm" in tag and "no digest" in tag


# Templates


def registering(backend: Vertex, patience: Patience) -> VertexService:
    return VertexService(dataclasses.replace(backend, register=True), patience=patience)


def test_equal_pipelines_are_uploaded_once_and_named_by_version(
    vertex: VertexServer, backend: Vertex, patience: Patience, compiled: Compiled
) -> None:
    service = registering(backend, patience)
    for number in range(2):
        service.submit(compiled, name=f"{NAME}-{number}", title="x")
    assert len(vertex.seen("POST /faces-project/ifgan-templates")) == 1
    [version] = vertex.templates
    public = "https://us-central1-kfp.pkg.dev/faces-project/ifgan-templates/ifgan"
    for request in vertex.seen(PATHS):
        assert request.json()["templateUri"] == f"{public}/{version}"
        assert request.json()["pipelineSpec"] == compiled.pipeline


@pytest.mark.parametrize(
    ("fault", "uploads"),
    [(RESET_AFTER, 1), (HANG_AFTER, 1), (RESET_BEFORE, 2), (Fault(503), 2), (too_many(), 2)],
)
def test_an_upload_survives_a_bad_day(
    vertex: VertexServer,
    backend: Vertex,
    patience: Patience,
    compiled: Compiled,
    fault: Fault,
    uploads: int,
) -> None:
    vertex.fail(fault, on="POST ifgan-templates")
    submit(registering(backend, patience), compiled)
    assert len(vertex.seen("POST ifgan-templates")) == uploads
    assert len(vertex.templates) == 1


@pytest.mark.parametrize(
    ("status", "remedy"), [(404, "ifgan.provision"), (403, "roles/artifactregistry.writer")]
)
def test_a_registry_that_refuses_is_named(
    vertex: VertexServer,
    backend: Vertex,
    patience: Patience,
    compiled: Compiled,
    status: int,
    remedy: str,
) -> None:
    vertex.fail(Fault(status), on="POST ifgan-templates")
    with pytest.raises(UserError, match=f"^Artifact Registry refuses: {status}.*{remedy}"):
        submit(registering(backend, patience), compiled)
    assert vertex.jobs == {}  # nothing was submitted


def test_a_registry_without_versions_is_given_up(
    vertex: VertexServer, backend: Vertex, patience: Patience, compiled: Compiled
) -> None:
    vertex.fail(MALFORMED, on="POST ifgan-templates", times=100)
    with pytest.raises(UserError, match="Artifact Registry gives no usable answer"):
        submit(registering(backend, patience), compiled)
    assert len(vertex.seen("POST ifgan-templates")) == len(patience.pauses)


# Secrets

CANARY = "ya29.canary-token"


def test_no_secret_is_anywhere_but_in_the_header(
    vertex: VertexServer,
    backend: Vertex,
    patience: Patience,
    compiled: Compiled,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from google.oauth2.credentials import Credentials

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{CANARY}-of-the-environment")
    caplog.set_level(logging.DEBUG)
    credentials: Any = Credentials(token=CANARY)  # type: ignore[no-untyped-call]
    mine = dataclasses.replace(backend, register=True)
    service = VertexService(mine, patience=patience, credentials=credentials)
    run = submit(service, compiled)
    # A server that repeats what it was sent.
    said = {"error": {"message": f"bad header: Bearer {CANARY}"}}
    vertex.fail(Fault(403, body=json.dumps(said).encode()), on="GET pipelineJobs")
    with pytest.raises(UserError) as refused:
        service.status(run)
    vertex.play.failing["sampler"] = f"log: {CANARY}"
    last = followed(service, run)[-1]
    assert {request.headers["authorization"] for request in vertex.requests} == {f"Bearer {CANARY}"}
    bodies = b"".join(request.body + request.path.encode() for request in vertex.requests)
    assert CANARY.encode() not in bodies
    for text in (str(refused.value), str(last), str(run), caplog.text, *vertex.templates):
        assert CANARY not in text


def test_credentials_that_can_not_be_renewed_are_said_in_one_line(
    vertex: VertexServer, backend: Vertex, patience: Patience, compiled: Compiled
) -> None:
    from google.oauth2.credentials import Credentials

    credentials: Any = Credentials(token=None)  # type: ignore[no-untyped-call]
    service = VertexService(backend, patience=patience, credentials=credentials)
    with pytest.raises(UserError, match=r"does not accept the credentials here\. Log in"):
        submit(service, compiled)
    assert vertex.requests == []


def test_no_credentials_at_all_are_said_in_one_line(
    compiled: Compiled, backend: Vertex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.json"
    key.write_text('{"type": "service_account"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    service = VertexService(dataclasses.replace(backend, endpoint="https://localhost:1"))
    with pytest.raises(UserError, match=r"^There are no usable Google credentials here\. Log in"):
        submit(service, compiled)
