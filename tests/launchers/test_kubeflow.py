"""backend=kubeflow against a cluster's API over real HTTP, on good days and on bad ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ifgan.backends import Kubeflow, Resources, StepResources
from ifgan.errors import UserError
from ifgan.graph import merge
from launchers.compile import Compiled
from launchers.kubeflow import KubeflowService
from launchers.kubeflow_status import status_of
from launchers.service import Run, Status
from launchers.states import State
from launchers.wire import Api, NotSentError, Patience, RefusedError
from tests.launchers.conftest import MakeJob
from tests.launchers.fault_server import (
    HANG_AFTER,
    HANG_BEFORE,
    MALFORMED,
    MALFORMED_AFTER,
    RESET_AFTER,
    RESET_BEFORE,
    Fault,
    FaultServer,
    Request,
    too_many,
)
from tests.launchers.kfp_server import KfpServer

ROOT = "gs://bucket/ifgan"
NAME = "ifgan-3f9c-x7k2"
RUNS = "POST v2beta1/runs"


class Sleeps(list[float]):
    """Keeps how long somebody meant to sleep, and lets nobody."""

    def patience(self, *, answer: float = 30) -> Patience:
        return Patience(connect=2, answer=answer, sleep=self.append)


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture(autouse=True)
def _no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IFGAN_KFP_TOKEN", "IFGAN_KFP_COOKIES", "KF_PIPELINES_SA_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cluster() -> Iterator[KfpServer]:
    with KfpServer() as server:
        yield server


Connect = Callable[..., KubeflowService]


@pytest.fixture
def connect(sleeps: Sleeps) -> Connect:
    """Makes services: ``connect(server, namespace="mine")``, and soon tired ones, for a hang."""

    def make(server: FaultServer, fault: Fault | None = None, **options: Any) -> KubeflowService:
        backend = Kubeflow(host=server.url, **{"pipeline_root": ROOT, **options})
        hangs = fault is not None and fault.hang
        return KubeflowService(backend, patience=sleeps.patience(answer=0.5 if hangs else 30))

    return make


def pipeline(job: MakeJob, service: KubeflowService, *attributes: str) -> Compiled:
    jobs = [job(attribute, service.backend) for attribute in attributes or ("smile",)]
    return service.compile(merge(mine.target for mine in jobs))


def follow(service: KubeflowService, run: Run) -> list[Status]:
    """Every status until the last."""
    seen = [service.status(run)]
    while not seen[-1].state.is_final:
        assert len(seen) < 100
        seen.append(service.status(run))
    return seen


def refusal(act: Callable[[], object]) -> str:
    """The one line that an act ends in."""
    with pytest.raises(UserError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Good days


def test_a_run_is_followed_task_by_task(
    job: MakeJob, cluster: KfpServer, connect: Connect, sleeps: Sleeps
) -> None:
    service = connect(cluster)
    run = service.submit(pipeline(job, service), name=NAME, title="ifgan smile")
    assert run.name == NAME and run.link == f"{cluster.url}/#/runs/details/{run.id}"
    assert service.find(NAME) == run and service.find("ifgan-other") is None
    seen = follow(service, run)
    assert seen[-1] == Status(
        State.DONE, dict.fromkeys(("sampler", "classifier", "svm-smile"), State.DONE)
    )
    early = [status.tasks for status in seen if status.tasks.get("sampler") is State.RUNNING]
    assert early and not any("classifier" in tasks for tasks in early)
    assert any(status.tasks.get("classifier") is State.RUNNING for status in seen)
    assert len(cluster.seen(RUNS)) == 1 and sleeps == []


def test_what_the_cluster_had_is_shown_as_cached(
    job: MakeJob, cluster: KfpServer, connect: Connect
) -> None:
    service = connect(cluster)
    follow(service, service.submit(pipeline(job, service), name=NAME, title=""))
    again = pipeline(job, service, "smile", "age")
    last = follow(service, service.submit(again, name=f"{NAME}2", title=""))[-1]
    assert last.state is State.DONE and last.tasks == {
        "sampler": State.CACHED,
        "classifier": State.CACHED,
        "svm-smile": State.CACHED,
        "svm-age": State.DONE,
    }


def test_what_is_submitted_is_what_runs(
    job: MakeJob, sleeps: Sleeps, tmp_path: Path, labels: Path
) -> None:
    root = tmp_path / "root"
    with KfpServer(tmp_path / "cluster") as cluster:
        backend = Kubeflow(host=cluster.url, pipeline_root=str(root))
        mine = job("smile", backend)
        service = KubeflowService(backend, patience=sleeps.patience())
        compiled = service.compile(merge([mine.target]))
        place = Path(_imported(compiled))
        place.parent.mkdir(parents=True)
        place.write_bytes(labels.read_bytes())
        last = follow(service, service.submit(compiled, name=NAME, title=""))[-1]
    assert last.state is State.DONE, last
    [boundary] = root.rglob(f"boundary/{mine.target.key}.node")
    assert (boundary.parent / "boundary.npy").exists()


def _imported(compiled: Compiled) -> str:
    executors = compiled.pipeline["deploymentSpec"]["executors"].values()
    [uri] = [e["importer"]["artifactUri"]["constant"] for e in executors if "importer" in e]
    return str(uri)


def test_outputs_lie_below_the_root_by_run() -> None:
    run = Run(NAME, "r-1", "")
    for root, place in (
        ("gs://b/f/", ["gs://b/f/ifgan/r-1"]),
        ("minio://b/f", ["s3://b/f/ifgan/r-1"]),
        (None, []),
    ):
        assert KubeflowService(Kubeflow(pipeline_root=root)).places(run) == place


def test_a_root_that_kubeflow_itself_does_not_take_is_warned_about() -> None:
    [line] = KubeflowService(Kubeflow(pipeline_root="/mnt/shared")).warnings()
    assert line.startswith("backend.pipeline_root=/mnt/shared: ")


def test_a_title_account_and_experiment_are_the_runs(
    job: MakeJob, cluster: KfpServer, connect: Connect
) -> None:
    service = connect(cluster, service_account="faces", experiment="my faces")
    for name in ("ifgan-1", "ifgan-2"):
        service.submit(pipeline(job, service), name=name, title="ifgan smile")
    assert len(cluster.seen("POST experiments")) == 1
    [experiment] = cluster.experiments.values()
    assert experiment["display_name"] == "my faces"
    for run in cluster.runs.values():
        assert run.message["service_account"] == "faces"
        assert run.message["description"] == "ifgan smile"
        assert run.message["experiment_id"] == experiment["experiment_id"]


def test_namespaces_are_kept_apart(job: MakeJob, connect: Connect) -> None:
    with KfpServer(multi_user=True) as cluster:
        mine, other = connect(cluster, namespace="mine"), connect(cluster, namespace="other")
        mine.submit(pipeline(job, mine), name=NAME, title="")
        assert mine.find(NAME) is not None and other.find(NAME) is None
        assert len(cluster.experiments) == 1
        line = refusal(lambda: connect(cluster).find(NAME))
    assert "a namespace is required" in line and "backend.namespace" in line


def test_equal_pipelines_are_registered_once(
    job: MakeJob, cluster: KfpServer, connect: Connect
) -> None:
    service = connect(cluster, register=True, labels={"team": "faces"})
    for number, attribute in enumerate(["smile", "smile", "age"]):
        compiled = pipeline(job, service, attribute)
        service.submit(compiled, name=f"ifgan-{number}", title="")
    [registered] = cluster.pipelines.values()
    assert registered["display_name"] == "ifgan"
    assert len(cluster.versions) == len(cluster.seen("POST upload_version")) == 2
    # Somebody else was faster, or our own upload was taken without an answer.
    for number, fault in enumerate([Fault(409, taken=True), RESET_AFTER, Fault(500, taken=True)]):
        cluster.versions.clear()
        cluster.fail(fault, on="POST upload_version")
        service.submit(compiled, name=f"ifgan-again-{number}", title="")
        assert len(cluster.versions) == 1


# Submission


@pytest.mark.parametrize(
    "fault",
    [
        RESET_AFTER,
        HANG_AFTER,
        MALFORMED_AFTER,
        Fault(500, taken=True),
        Fault(504, taken=True),
        Fault(503, taken=True, headers={"Retry-After": "1"}),
        Fault(409, taken=True),
    ],
    ids=str,
)
def test_a_run_that_was_taken_without_an_answer_is_found(
    job: MakeJob, cluster: KfpServer, connect: Connect, fault: Fault
) -> None:
    service = connect(cluster, fault)
    cluster.fail(fault, on=RUNS)
    run = service.submit(pipeline(job, service), name=NAME, title="")
    assert [run.id] == [*cluster.runs] and len(cluster.seen(RUNS)) == 1


def test_a_run_that_is_listed_late_is_found(
    job: MakeJob, cluster: KfpServer, connect: Connect, sleeps: Sleeps
) -> None:
    service = connect(cluster)
    cluster.fail(RESET_AFTER, on=RUNS)
    cluster.fail(Fault(200, body=b"{}"), on="GET v2beta1/runs", times=2)
    assert service.submit(pipeline(job, service), name=NAME, title="").id in cluster.runs
    assert len(cluster.seen(RUNS)) == 1 and len(sleeps) == 3


@pytest.mark.parametrize(
    "fault", [RESET_BEFORE, HANG_BEFORE, MALFORMED, Fault(500), Fault(502), Fault(503)], ids=str
)
def test_what_nobody_knows_is_not_sent_again(
    job: MakeJob, cluster: KfpServer, connect: Connect, fault: Fault
) -> None:
    service = connect(cluster, fault)
    cluster.fail(fault, on=RUNS)
    line = refusal(lambda: service.submit(pipeline(job, service), name=NAME, title=""))
    assert NAME in line and "python -m ifgan.fetch RUN_DIR looks again" in line
    assert len(cluster.seen(RUNS)) == 1 and not cluster.runs


def test_a_cluster_that_dies_during_submission_is_not_sent_it_again(
    job: MakeJob, cluster: KfpServer, connect: Connect
) -> None:
    service = connect(cluster)
    compiled = pipeline(job, service)
    cluster.fail(RESET_AFTER, on=RUNS)
    cluster.fail(RESET_BEFORE, on="GET v2beta1/runs", times=100)
    line = refusal(lambda: service.submit(compiled, name=NAME, title=""))
    assert "looks again" in line and len(cluster.seen(RUNS)) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_cluster_that_asks_to_come_back_is_sent_it_again(
    job: MakeJob, cluster: KfpServer, connect: Connect, sleeps: Sleeps, status: int
) -> None:
    service = connect(cluster)
    cluster.fail(Fault(status, headers={"Retry-After": "7"}), on=RUNS)
    run = service.submit(pipeline(job, service), name=NAME, title="")
    assert [run.id] == [*cluster.runs] and len(cluster.seen(RUNS)) == 2
    assert 7 in sleeps


def test_patience_with_a_busy_cluster_ends(
    job: MakeJob, cluster: KfpServer, connect: Connect, sleeps: Sleeps
) -> None:
    service = connect(cluster)
    cluster.fail(too_many("9999"), on=RUNS, times=100)
    line = refusal(lambda: service.submit(pipeline(job, service), name=NAME, title=""))
    assert "too busy (429" in line and len(cluster.seen(RUNS)) == 6
    assert sleeps == [120] * 5  # not the hours that were asked for


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "refuses the request (400 scripted by the test)"),
        (401, "wants to know who you are (401 scripted by the test). Set IFGAN_KFP_TOKEN"),
        (403, "backend.namespace=null: http"),
        (404, "has no API of Kubeflow Pipelines 2"),
        (409, "has another run of that name"),
        (413, "refuses the request (413"),
    ],
)
def test_a_refusal_is_one_line_with_a_remedy(
    job: MakeJob, cluster: KfpServer, connect: Connect, status: int, expected: str
) -> None:
    service = connect(cluster)
    cluster.fail(Fault(status), on=RUNS)
    line = refusal(lambda: service.submit(pipeline(job, service), name=NAME, title=""))
    assert expected in line and len(cluster.seen(RUNS)) == 1


@pytest.mark.parametrize("fault", [Fault(409, taken=True), RESET_AFTER, Fault(500)], ids=str)
def test_an_experiment_is_made_once_whatever_happens(
    job: MakeJob, cluster: KfpServer, connect: Connect, fault: Fault
) -> None:
    service = connect(cluster, fault)
    cluster.fail(fault, on="POST experiments")
    service.submit(pipeline(job, service), name=NAME, title="")
    assert len(cluster.experiments) == 1


def test_an_address_where_nobody_is_says_so_at_once(connect: Connect, sleeps: Sleeps) -> None:
    with KfpServer() as gone:
        pass
    line = refusal(lambda: connect(gone).find(NAME))
    assert line.startswith(f"backend.host: {gone.url} can't be reached (Connection refused)")
    assert sleeps == []


def test_an_address_that_answered_once_is_tried_again(sleeps: Sleeps) -> None:
    with KfpServer() as gone:
        api = Api(f"{gone.url}/apis", headers=dict, patience=sleeps.patience())
        api.get("v2beta1/runs")
    with pytest.raises(NotSentError):
        api.get("v2beta1/runs")
    assert len(sleeps) == 5


def test_version_1_of_the_api_is_recognised(connect: Connect) -> None:
    with KfpServer(version=1) as old:
        line = refusal(lambda: connect(old).find(NAME))
    assert "has no API of Kubeflow Pipelines 2" in line


@pytest.mark.parametrize(
    "page",
    [
        Fault(302, headers={"Location": "https://login.example/auth?state=secret"}),
        Fault(200, body=b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}),
    ],
    ids=["redirect", "page"],
)
def test_a_page_to_log_in_is_recognised(cluster: KfpServer, connect: Connect, page: Fault) -> None:
    cluster.fail(page, on="GET v2beta1/runs")
    line = refusal(lambda: connect(cluster).find(NAME))
    assert "wants to know who you are" in line and "IFGAN_KFP_COOKIES" in line
    assert "secret" not in line and len(cluster.requests) == 1


# Following


@pytest.mark.parametrize(
    "fault",
    [RESET_BEFORE, HANG_BEFORE, MALFORMED, Fault(500), Fault(503), too_many("3")],
    ids=str,
)
def test_asking_is_tried_again_until_it_is_answered(
    job: MakeJob, cluster: KfpServer, connect: Connect, sleeps: Sleeps, fault: Fault
) -> None:
    service = connect(cluster, fault)
    run = service.submit(pipeline(job, service), name=NAME, title="")
    cluster.fail(fault, on=f"GET runs/{run.id}", times=2)
    assert service.status(run).state is State.RUNNING
    assert len(cluster.seen(f"GET runs/{run.id}")) == 3 and len(sleeps) == 2
    if fault.status == 429:
        assert sleeps == [3, 3]


@pytest.mark.parametrize("fault", [RESET_BEFORE, HANG_BEFORE, MALFORMED, Fault(500)], ids=str)
def test_asking_ends_in_one_line(
    job: MakeJob, cluster: KfpServer, connect: Connect, fault: Fault
) -> None:
    service = connect(cluster, fault)
    run = service.submit(pipeline(job, service), name=NAME, title="")
    cluster.fail(fault, on=f"GET runs/{run.id}", times=100)
    line = refusal(lambda: service.status(run))
    assert "gives no usable answer" in line
    assert len(cluster.seen(f"GET runs/{run.id}")) == 6


def test_a_run_that_was_deleted_is_said_to_be_gone(
    job: MakeJob, cluster: KfpServer, connect: Connect
) -> None:
    service = connect(cluster)
    run = service.submit(pipeline(job, service), name=NAME, title="")
    cluster.runs.clear()
    assert f"has no run {run.id}" in refusal(lambda: service.status(run))
    assert f"has no run {run.id}" in refusal(lambda: service.cancel(run))


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("team", [{}, {"team": "faces"}], ids=["plain", "labelled"])
def test_one_failing_boundary_fails_no_other_and_says_why(
    job: MakeJob, connect: Connect, retries: int, team: dict[str, str]
) -> None:
    resources = StepResources(svm=Resources(retries=retries))
    with KfpServer(fails={"svm-age": "attribute 'age' has no faces below 0."}) as cluster:
        service = connect(cluster, resources=resources, labels=team)
        compiled = pipeline(job, service, "smile", "age", "pose")
        run = service.submit(compiled, name=NAME, title="")
        last = follow(service, run)[-1]
        for _ in range(3):
            service.status(run)
        assert len(cluster.seen("GET v1alpha1")) == 1
    assert last.state is State.FAILED
    assert last.errors == {"svm-age": "attribute 'age' has no faces below 0."}
    assert last.tasks["svm-smile"] is last.tasks["svm-pose"] is State.DONE


def test_what_a_failed_task_leaves_behind_is_not_waited_for(job: MakeJob, connect: Connect) -> None:
    with KfpServer(fails={"classifier": "no memory"}) as cluster:
        service = connect(cluster)
        run = service.submit(pipeline(job, service), name=NAME, title="")
        cluster.fail(Fault(500), on="GET v1alpha1")  # the pod is gone
        last = follow(service, run)[-1]
    assert last.tasks == {
        "sampler": State.DONE,
        "classifier": State.FAILED,
        "svm-smile": State.CANCELLED,
    }
    assert last.errors == {"classifier": f"no reason is told; see {run.link}"}


def test_a_run_is_cancelled_and_one_that_ended_stays(
    job: MakeJob, cluster: KfpServer, connect: Connect
) -> None:
    service = connect(cluster)
    run = service.submit(pipeline(job, service), name=NAME, title="")
    service.status(run)
    cluster.fail(RESET_AFTER, on="POST terminate")
    service.cancel(run)
    assert follow(service, run)[-1].state is State.CANCELLED
    service.cancel(run)
    assert service.status(run).state is State.CANCELLED


# What the API tells


def node(name: str, state: str, **more: object) -> dict[str, object]:
    return {"display_name": name, "state": state, "outputs": None, **more}


def test_an_attribute_may_be_called_driver() -> None:
    nodes = [node("svm-driver-driver", "SUCCEEDED"), node("svm-driver", "SUCCEEDED")]
    status = status_of({"state": "RUNNING", "run_details": {"task_details": nodes}})
    assert status.tasks == {"svm-driver": State.DONE}


def test_a_driver_speaks_for_a_task_that_has_not_begun() -> None:
    nodes = [
        node("sampler-driver", "SUCCEEDED"),
        node("classifier-driver", "FAILED", error={"message": "no\nquota"}),
    ]
    status = status_of({"state": "RUNNING", "run_details": {"task_details": nodes}})
    assert status.tasks == {"sampler": State.RUNNING, "classifier": State.FAILED}
    assert status.errors == {"classifier": "no quota"}


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("SUCCEEDED", State.DONE),
        ("SKIPPED", State.DONE),
        ("FAILED", State.FAILED),
        ("ERROR", State.FAILED),
        ("CANCELED", State.CANCELLED),
        ("CANCELING", State.RUNNING),
        ("PAUSED", State.WAITING),
        ("PENDING", State.WAITING),
        ("RUNTIME_STATE_UNSPECIFIED", State.WAITING),
        ("something new", State.WAITING),
    ],
)
def test_every_state_has_a_meaning(told: str, state: State) -> None:
    assert status_of({"state": told, "run_details": None}) == Status(state)


def test_the_last_of_several_errors_is_told() -> None:
    history = [{"error": {"message": "first"}}, {"error": None}, {"error": {"message": "last"}}]
    assert status_of({"state": "FAILED", "state_history": history}).error == "last"


def test_unequal_tasks_of_one_second_do_not_count_as_cached() -> None:
    at = {"start_time": "2026-01-01T00:00:00Z"}
    nodes = [
        node("svm-age", "SUCCEEDED", **at),
        node("svm-pose", "SUCCEEDED", **at),
        node("executor", "SKIPPED", **at),
        node("executor", "SUCCEEDED", **at),
    ]
    status = status_of({"state": "SUCCEEDED", "run_details": {"task_details": nodes}})
    assert set(status.tasks.values()) == {State.DONE}


# Secrets

TOKEN, COOKIE = "canary-token-5f1e", "canary-cookie-77ab"


def test_secrets_are_sent_in_their_headers_and_nowhere_else(
    job: MakeJob,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("IFGAN_KFP_TOKEN", TOKEN)
    monkeypatch.setenv("IFGAN_KFP_COOKIES", f"authservice_session={COOKIE}")
    # A password file of the user's would otherwise replace the token.
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with KfpServer(login=("authorization", f"Bearer {TOKEN}")) as cluster:
        service = connect(cluster, register=True)
        run = service.submit(pipeline(job, service), name=NAME, title="ifgan smile")
        follow(service, run)
        service.cancel(run)
        said = f'{{"message": "bad session {COOKIE} of Bearer {TOKEN}"}}'.encode()
        lines = []
        for status in (400, 401, 403):
            cluster.fail(Fault(status, body=said), on="GET v2beta1/runs")
            lines.append(refusal(lambda: service.find(NAME)))
    for request in cluster.requests:
        headers = dict(request.headers)
        assert headers.pop("authorization") == f"Bearer {TOKEN}"
        assert headers.pop("cookie") == f"authservice_session={COOKIE}"
        rest = repr((request.path, request.query, headers)).encode() + request.body
        assert b"canary" not in rest
    captured = capfd.readouterr()
    for text in (*lines, caplog.text, captured.out, captured.err, repr(run)):
        assert "canary" not in text
    assert "bad session …" in lines[0] and "IFGAN_KFP_TOKEN" in lines[1]


def test_a_redirect_carries_no_token_elsewhere(
    connect: Connect, cluster: KfpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IFGAN_KFP_TOKEN", TOKEN)

    class Elsewhere(FaultServer):
        def answer(self, request: Request) -> object:
            return {}

    with Elsewhere() as elsewhere:
        cluster.fail(Fault(307, headers={"Location": elsewhere.url}), on="GET v2beta1/runs")
        line = refusal(lambda: connect(cluster).find(NAME))
        assert elsewhere.requests == [] and elsewhere.url in line


def test_a_pod_of_the_cluster_shows_its_own_token(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "token"
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(place))
    with KfpServer(login=("authorization", "Bearer second")) as cluster:
        service = connect(cluster)
        place.write_text("first\n")
        assert "wants to know who you are" in refusal(lambda: service.find(NAME))
        place.write_text("second\n")  # Kubernetes renews it
        assert service.find(NAME) is None


def test_behind_googles_proxy_the_accounts_own_token_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    service = KubeflowService(Kubeflow(host="https://x-dot-us.pipelines.googleusercontent.com"))
    assert "Google credentials" in refusal(lambda: service.find(NAME))  # before anybody is asked
    monkeypatch.setenv("IFGAN_KFP_TOKEN", TOKEN)
    headers = service.api.headers()
    assert headers == {"Authorization": f"Bearer {TOKEN}"}  # what is given goes first


@pytest.mark.parametrize("name", ["IFGAN_KFP_TOKEN", "IFGAN_KFP_COOKIES"])
def test_a_secret_of_several_lines_is_refused_unseen(
    cluster: KfpServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "canary\r\nX-Admin: yes")
    line = refusal(lambda: connect(cluster).find(NAME))
    assert line.startswith(f"{name} must be one line") and "canary" not in line
    assert cluster.requests == []


def test_an_open_connection_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ["http://kfp.example.org", "https://kfp.example.org", "http://localhost:8080"]
    assert [KubeflowService(Kubeflow(host=host)).warnings() for host in hosts] == [[], [], []]
    monkeypatch.setenv("IFGAN_KFP_TOKEN", TOKEN)
    [line], *others = [KubeflowService(Kubeflow(host=host)).warnings() for host in hosts]
    assert "is not encrypted: IFGAN_KFP_TOKEN can be read" in line and others == [[], []]


def test_a_busy_answer_may_name_a_date(cluster: KfpServer, sleeps: Sleeps) -> None:
    dates = ["Thu, 01 Jan 2015 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", "soon"]
    for date in dates:
        cluster.fail(too_many(date), on="GET v2beta1/runs")
    Api(f"{cluster.url}/apis", headers=dict, patience=sleeps.patience()).get("v2beta1/runs")
    passed, far, unreadable = sleeps
    assert 0.5 <= passed <= 1.5 and far == 120 and 2 <= unreadable <= 6


def test_a_refusal_is_final(cluster: KfpServer, sleeps: Sleeps) -> None:
    api = Api(f"{cluster.url}/apis", headers=dict, patience=sleeps.patience())
    with pytest.raises(RefusedError, match="404 Not Found"):
        api.get("v2beta1/nothing")
    assert len(cluster.requests) == 1 and sleeps == []
