"""Vertex AI's pipelineJobs of one project, and Artifact Registry's templates, over real HTTP.

Requests are checked as strictly as the documentation words it: what the real service would refuse
is refused here. Given a folder, jobs are executed through the step contract, with gs:// mapped to
directories; else they only pass from state to state.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import re
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml  # type: ignore[import-untyped]

from ifgan import step
from ifgan.backends import ACCELERATORS
from tests.launchers import ir
from tests.launchers.fault_server import FaultServer, Refused, Request
from tests.launchers.vertex_jobs import NUMBER, Cache, Job, Play

_FIELDS = {
    "displayName",
    "pipelineSpec",
    "labels",
    "runtimeConfig",
    "encryptionSpec",
    "serviceAccount",
    "network",
    "templateUri",
}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class VertexServer(FaultServer):
    """See ``fault_server.FaultServer`` for faults and for the requests that were seen.

    Parameters
    ----------
    runs_in : a folder to execute jobs in; None: they are not executed.
    buckets : the directory that holds a directory for each bucket, while the server runs.
    """

    def __init__(
        self,
        *,
        project: str = "faces-project",
        location: str = "us-central1",
        runs_in: Path | None = None,
        buckets: Path | None = None,
    ) -> None:
        super().__init__()
        self.project, self.location = project, location
        self.runs_in, self.buckets = runs_in, buckets
        self.jobs: dict[str, Job] = {}
        self.templates: dict[str, bytes] = {}  # content by version
        self.tags: dict[str, str] = {}  # version by tag
        self.repositories = {"ifgan-templates"}
        self.play = Play()
        self.cache: Cache = {}

    def __enter__(self) -> Self:
        self._mount = step._MOUNTS["gs://"]
        if self.buckets is not None:
            step._MOUNTS["gs://"] = f"{self.buckets}/"
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for job in self.jobs.values():
            job.join()
        step._MOUNTS["gs://"] = self._mount
        super().__exit__(kind, error, traceback)

    def error_body(self, status: int, message: str) -> Any:
        """Google's form."""
        words = {"code": status, "message": message, "status": _STATUS.get(status, "UNKNOWN")}
        return {"error": words}

    def answer(self, request: Request) -> Any:
        """One of the requests that are known here."""
        parent = f"/v1/projects/{self.project}/locations/{self.location}"
        jobs, packages = f"{parent}/pipelineJobs", f"{parent}/repositories/"
        if (request.method, request.path) == ("POST", jobs):
            return self._create(request)
        if request.path.startswith(f"{jobs}/"):
            return self._job(request, request.path.removeprefix(f"{jobs}/"))
        if request.method == "GET" and request.path.startswith(packages):
            return self._tag(request.path.removeprefix(packages), request.path)
        if request.method == "POST" and request.path.startswith(f"/{self.project}/"):
            return self._upload(request)
        raise Refused(404, f"{request.method} {request.path} is not known here")

    def _create(self, request: Request) -> Any:
        name = request.query.get("pipelineJobId", "")
        _require(bool(re.fullmatch(r"[a-z][-a-z0-9]{0,127}", name)), "pipeline_job_id")
        body = request.json()
        pipeline = _checked(body)
        if "templateUri" in body:
            self._check_template(body["templateUri"])
        if name in self.jobs:
            raise Refused(409, f"the PipelineJob {name} already exists")
        self.jobs[name] = Job(name, body, pipeline, self.play, self.cache, self.runs_in)
        return self.jobs[name].resource(self._parent)

    def _job(self, request: Request, rest: str) -> Any:
        name, _, verb = rest.partition(":")
        if name not in self.jobs:
            raise Refused(404, f"the PipelineJob {name} does not exist")
        job = self.jobs[name]
        if (request.method, verb) == ("GET", ""):
            return job.resource(self._parent)
        if (request.method, verb) == ("POST", "cancel"):
            _require(not job.is_final, f"the PipelineJob {name} has ended")
            job.cancel()
            return {}
        raise Refused(404, f"{request.method} {request.path} is not known here")

    @property
    def _parent(self) -> str:
        return f"projects/{NUMBER}/locations/{self.location}"

    def _tag(self, rest: str, path: str) -> Any:
        repository, _, tag = rest.partition("/packages/ifgan/tags/")
        if repository not in self.repositories or tag not in self.tags:
            raise Refused(404, "Requested entity was not found.")
        version = f"{path.partition('/tags/')[0]}/versions/{self.tags[tag]}"
        return {"name": path.removeprefix("/v1/"), "version": version.removeprefix("/v1/")}

    def _upload(self, request: Request) -> bytes:
        """Artifact Registry's uploads: a form with tags and content, answered in plain text."""
        repository = request.path.removeprefix(f"/{self.project}/")
        if repository not in self.repositories:
            raise Refused(404, f"Repository {repository} not found")
        form = _form(request)
        assert set(form) == {"tags", "content"}, sorted(form)
        ir.Pipeline.parse(form["content"].decode())
        assert yaml.safe_load(form["content"])["pipelineInfo"]["name"] == "ifgan"
        version = f"sha256:{hashlib.sha256(form['content']).hexdigest()}"
        self.templates[version] = form["content"]
        self.tags[form["tags"].decode()] = version
        return f"ifgan/{version}".encode()

    def _check_template(self, uri: str) -> None:
        place = f"https://{self.location}-kfp.pkg.dev/{self.project}/ifgan-templates/ifgan/"
        _require(uri.startswith(place), "template_uri")
        _require(uri.removeprefix(place) in self.templates, "template_uri: no such version")


def _form(request: Request) -> dict[str, bytes]:
    """Fields of a multipart form."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    form = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        form[str(part.get_param("name", header="content-disposition"))] = content
    return form


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(400, f"invalid argument: {what}")


def _checked(body: Any) -> ir.Pipeline:
    """The pipeline of a job that may be created."""
    _require(isinstance(body, dict) and set(body) <= _FIELDS, f"fields {sorted(body)}")
    title = body.get("displayName", "")
    _require(isinstance(title, str) and 0 < len(title) <= 128, "display_name")
    labels = body.get("labels", {})
    _require(len(labels) <= 64, "labels")
    for key, value in labels.items():
        _require(bool(re.fullmatch(r"[a-z][-_a-z0-9]{0,62}", key)), f"labels: {key}")
        _require(bool(re.fullmatch(r"[-_a-z0-9]{0,63}", value)), f"labels: {value}")
    account = body.get("serviceAccount", "a@b.c")
    _require(bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", account)), "service_account")
    network = body.get("network", "projects/1/global/networks/n")
    _require(bool(re.fullmatch(r"projects/\d+/global/networks/[\w-]+", network)), "network")
    key = body.get("encryptionSpec", {"kmsKeyName": "projects/x"})
    _require(set(key) == {"kmsKeyName"} and key["kmsKeyName"].startswith("projects/"), "kms_key")
    _check_runtime(body.get("runtimeConfig", {}))
    return _checked_pipeline(body.get("pipelineSpec", {}))


def _check_runtime(runtime: dict[str, Any]) -> None:
    known = {"gcsOutputDirectory", "parameterValues", "failurePolicy"}
    _require(set(runtime) <= known, f"runtime_config {sorted(runtime)}")
    root = runtime.get("gcsOutputDirectory", "")
    _require(
        bool(re.fullmatch(r"gs://[a-z0-9][\w.-]+[a-z0-9](/.*)?", root)), "gcs_output_directory"
    )
    _require(isinstance(runtime.get("parameterValues", {}), dict), "parameter_values")
    policies = {f"PIPELINE_FAILURE_POLICY_FAIL_{policy}" for policy in ("SLOW", "FAST")}
    _require(
        runtime.get("failurePolicy", "PIPELINE_FAILURE_POLICY_FAIL_SLOW") in policies, "policy"
    )


def _checked_pipeline(spec: dict[str, Any]) -> ir.Pipeline:
    _require(spec.get("schemaVersion") == "2.1.0", "schema_version")
    sdk = re.fullmatch(r"kfp-(\d+)\..*", spec.get("sdkVersion", ""))
    _require(bool(sdk) and int(sdk[1]) >= 2, "sdk_version: versions before 2 are not supported")  # type: ignore[index]
    try:
        pipeline = ir.Pipeline.parse(json.dumps(spec))
        for task in pipeline.steps:
            ir.parameters(pipeline, task)
            _check_machine(pipeline.executor(task).container)
    except (AssertionError, ValueError, KeyError) as error:
        raise Refused(400, f"invalid argument: pipeline_spec: {error}") from error
    return pipeline


def _check_machine(container: Any) -> None:
    _require("/" in container.image and "." in container.image.partition("/")[0], "image")
    resources = container.resources
    _require(resources.cpu_limit <= 96 and resources.memory_limit <= 624, "machine")
    if resources.accelerator.type:
        names = {name for name, _ in ACCELERATORS.values()}
        _require(resources.accelerator.type in names, f"accelerator {resources.accelerator.type}")
        _require(resources.accelerator.count in (1, 2, 4, 8), "accelerator count")
