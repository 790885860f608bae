"""The REST API of Kubeflow Pipelines 2 over real HTTP: refuses what the real one refuses.

Pipelines are parsed with KFP's own protobuf. With a ``folder`` the server executes what it is
sent: every task runs through the step contract, so that submitting, following and fetching are
tried as a whole. ``gs://`` roots then need a place: see ``step._MOUNTS``.

Source: backend/api/v2beta1/*.proto and backend/src/apiserver/server of kubeflow/pipelines.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kfp_server_api
import yaml  # type: ignore[import-untyped]
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.launchers import ir
from tests.launchers.fault_server import FaultServer, Refused, Request
from tests.launchers.kfp_workflow import Played

_V2 = "/apis/v2beta1/"


class KfpServer(FaultServer):
    """A cluster.

    Parameters
    ----------
    folder : where submitted tasks are executed; None: they are only played.
    fails : error of each task that is to fail, by name.
    login : header and value that every request must carry.
    multi_user : namespaces are demanded.
    version : of the API; 1 has nothing of version 2.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        fails: dict[str, str] | None = None,
        login: tuple[str, str] | None = None,
        multi_user: bool = False,
        version: int = 2,
    ) -> None:
        super().__init__()
        self.folder, self.fails = folder, fails or {}
        self.login, self.multi_user, self.version = login, multi_user, version
        self.experiments: dict[str, dict[str, Any]] = {}
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, Played] = {}
        self._cache: dict[str, ir.Artifacts] = {}

    def error_body(self, status: int, message: str) -> Any:
        """As grpc-gateway words it."""
        return {"code": status, "message": message, "details": []}

    def answer(self, request: Request) -> Any:
        if self.login and request.headers.get(self.login[0]) != self.login[1]:
            raise Refused(401, "Request header error: there is no user identity header")
        log = re.fullmatch(r"/apis/v1alpha1/runs/([^/]+)/nodes/([^/]+)/log", request.path)
        if log:
            return self._log(*log.groups())
        if self.version < 2 or not request.path.startswith(_V2):
            raise Refused(404, "Not Found")
        path = request.path.removeprefix(_V2)
        routes: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "healthz"): lambda: {"multi_user": self.multi_user},
            ("GET", "experiments"): lambda: self._list(request, "experiments", self.experiments),
            ("POST", "experiments"): lambda: self._create(
                request, self.experiments, "experiment_id", kfp_server_api.V2beta1Experiment
            ),
            ("GET", "pipelines"): lambda: self._list(request, "pipelines", self.pipelines),
            ("POST", "pipelines"): lambda: self._create(
                request, self.pipelines, "pipeline_id", kfp_server_api.V2beta1Pipeline
            ),
            ("POST", "pipelines/upload_version"): lambda: self._upload(request),
            ("GET", "runs"): lambda: self._list(
                request, "runs", {k: run.as_message(details=False) for k, run in self.runs.items()}
            ),
            ("POST", "runs"): lambda: self._create_run(request),
        }
        if (request.method, path) in routes:
            return routes[request.method, path]()
        if found := re.fullmatch(r"pipelines/([^/]+)/versions", path):
            mine = {k: v for k, v in self.versions.items() if v["pipeline_id"] == found[1]}
            return self._list(request, "pipeline_versions", mine, anywhere=True)
        if found := re.fullmatch(r"runs/([^/:]+)(:terminate)?", path):
            return self._run(request.method, found[1], terminate=bool(found[2]))
        raise Refused(404, "Not Found")

    def _list(
        self,
        request: Request,
        name: str,
        kept: dict[str, dict[str, Any]],
        *,
        anywhere: bool = False,
    ) -> dict[str, Any]:
        """Those that the filter lets through; an empty list is left out of the answer."""
        unknown = set(request.query) - {"filter", "namespace", "page_size", "page_token", "sort_by"}
        assert not unknown, unknown
        space = request.query.get("namespace", "")
        if self.multi_user and not space and not anywhere:
            raise Refused(400, "Invalid input error: a namespace is required in multi-user mode")
        found = [*kept.values()]
        if self.multi_user and not anywhere:
            found = [message for message in found if message.get("namespace") == space]
        if "filter" in request.query:
            for key, value in _equalities(request.query["filter"]):
                found = [message for message in found if message.get(key) == value]
        return {name: found, "total_size": len(found)} if found else {}

    def _create(
        self, request: Request, kept: dict[str, dict[str, Any]], identity: str, model: Any
    ) -> dict[str, Any]:
        message = _known(request.json(), model)
        name, space = message.get("display_name"), message.get("namespace", "")
        if not name:
            raise Refused(400, "Invalid input error: the name is empty")
        if self.multi_user and not space:
            raise Refused(400, "Invalid input error: an empty namespace in multi-user mode")
        if any((m["display_name"], m.get("namespace", "")) == (name, space) for m in kept.values()):
            raise Refused(409, f"Already exist error: the name {name} already exists")
        made = {**message, identity: str(uuid.uuid4())}
        kept[made[identity]] = made
        return made

    def _create_run(self, request: Request) -> dict[str, Any]:
        message = _known(request.json(), kfp_server_api.V2beta1Run)
        _known(message.get("runtime_config", {}), kfp_server_api.V2beta1RuntimeConfig)
        if not message.get("display_name"):
            raise Refused(400, "Invalid input error: The run name is empty")
        if message.get("experiment_id") not in self.experiments:
            raise Refused(404, f"Experiment {message.get('experiment_id')} not found.")
        pipeline = _parsed(message["pipeline_spec"])
        space = self.experiments[message["experiment_id"]].get("namespace")
        made = {
            **message,
            "run_id": str(uuid.uuid4()),
            "storage_state": "AVAILABLE",
            "created_at": "2026-01-01T00:00:00Z",
            **({"namespace": space} if space else {}),
        }
        told = executors_of(message["pipeline_spec"].get("platform_spec", {})).values()
        labels = max((len(config.pod_metadata.labels) for config in told), default=0)
        run = Played(made, pipeline, self._cache, self.fails, self.folder, labels)
        self.runs[made["run_id"]] = run
        return run.as_message(details=False)

    def _run(self, method: str, run_id: str, *, terminate: bool) -> dict[str, Any]:
        if run_id not in self.runs:
            raise Refused(404, f"Failed to get run: Run {run_id} not found.")
        run = self.runs[run_id]
        if not terminate:
            assert method == "GET"
            run.advance()
            return run.as_message(details=True)
        assert method == "POST"
        if run.state in ("SUCCEEDED", "FAILED", "CANCELED"):
            raise Refused(400, "Failed to terminate run: its state is not an active one")
        run.state = "CANCELING"
        return {}

    def _log(self, run_id: str, pod: str) -> bytes:
        """Text; where there is no such pod the answer is still 200, and then an error."""
        log = self.runs[run_id].logs.get(pod) if run_id in self.runs else None
        if log is None:
            return b'{"error_message":"failed to read logs from pod: not found"}'
        return log.encode()

    def _upload(self, request: Request) -> dict[str, Any]:
        """A multipart form with the file; the rest is in the query."""
        assert set(request.query) == {"name", "pipelineid"}, request.query
        if request.query["pipelineid"] not in self.pipelines:
            raise Refused(400, "Failed to create a pipeline version")
        kind = f"Content-Type: {request.headers['content-type']}\n\n".encode()
        form = email.message_from_bytes(kind + request.body, policy=email.policy.HTTP)
        [part] = form.iter_parts()
        assert part.get_param("name", header="content-disposition") == "uploadfile"
        documents = [*yaml.safe_load_all(part.get_payload(decode=True))]
        names = ("pipeline_spec", "platform_spec")
        _parsed(dict(zip(names, documents, strict=False)) if len(documents) > 1 else documents[0])
        mine = (request.query["pipelineid"], request.query["name"])
        if any((v["pipeline_id"], v["name"]) == mine for v in self.versions.values()):
            raise Refused(409, "Failed to create a pipeline version")
        made = {
            "pipeline_id": mine[0],
            "pipeline_version_id": str(uuid.uuid4()),
            "name": mine[1],
            "display_name": mine[1],
        }
        self.versions[made["pipeline_version_id"]] = made
        return made


def _known(message: Any, model: Any) -> dict[str, Any]:
    """The real server refuses fields that it does not know."""
    unknown = set(message) - set(model.attribute_map) if isinstance(message, dict) else {"body"}
    if unknown:
        raise Refused(400, f'proto: unknown field "{sorted(unknown)[0]}"')
    assert isinstance(message, dict)
    return message


def _parsed(spec: dict[str, Any]) -> ir.Pipeline:
    """The pipeline of a run; with what Kubernetes is told, if anything."""
    platform = spec.get("platform_spec")
    if platform is not None:
        assert set(spec) == {"pipeline_spec", "platform_spec"}
        spec = spec["pipeline_spec"]
    try:
        pipeline = ir.Pipeline.parse(json.dumps(spec))
        if platform is not None:
            executors_of(platform)
    except json_format.ParseError as error:
        raise Refused(400, f"Invalid input error: invalid v2 pipeline spec: {error}") from error
    assert pipeline.spec.pipeline_info.name
    return pipeline


def executors_of(platform: dict[str, Any]) -> dict[str, Any]:
    """What Kubernetes is told of each executor, as KubernetesExecutorConfig messages."""
    parsed = json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    assert set(parsed.platforms) <= {"kubernetes"}
    executors = parsed.platforms["kubernetes"].deployment_spec.executors
    return {
        name: json_format.ParseDict(
            json_format.MessageToDict(config),
            kubernetes_executor_config_pb2.KubernetesExecutorConfig(),
        )
        for name, config in executors.items()
    }


def _equalities(text: str) -> list[tuple[str, str]]:
    """Keys and values of a Filter message that only demands equality."""
    try:
        predicates = json.loads(text)["predicates"]
        found = []
        for predicate in predicates:
            values = [predicate.get("string_value"), predicate.get("stringValue")]
            [value] = [value for value in values if value is not None]
            assert predicate["operation"] in ("EQUALS", 1)
            assert predicate["key"] in ("display_name", "name")
            found.append((predicate["key"], value))
        return found
    except (ValueError, KeyError, AssertionError) as error:
        raise Refused(400, f"Invalid input error: failed to parse filter: {error!r}") from error
