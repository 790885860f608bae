"""backend=kubeflow: runs of a Kubeflow Pipelines cluster, version 2, over its REST API.

kfp.Client is not used: it waits for ever for an answer, sends a POST again after a failed
connection, prints links and warnings, keeps a file of its own in the home directory, and may open
a browser to log in. Its requests are the same, which a test holds; so are its ways to log in that
ask nobody (``kubeflow_login``).

A run's display name is unique and ours, so that a run whose submission was not answered can be
looked up; the title that people read is its description. With ``register`` the pipeline is also
kept as a version of the pipeline "ifgan", named by its bytes, from which anyone may start runs;
our own run carries its pipeline itself all the same and does not depend on that version.

Fail-fast. Argo, which executes the pipeline, ends a workflow in which a task has failed as soon as
nothing that was started is running any more; KFP has no option against it. What is ready is
started before that is looked at, and the boundaries of a sweep are all ready at once: so one that
fails does not keep the others from finishing. The run then counts as failed, though, and what
finished in it is fetched all the same.

Source: backend/api/v2beta1/{run,experiment,pipeline,filter}.proto of kubeflow/pipelines;
assessDAGPhase of argoproj/argo-workflows, workflow/controller/dag.go.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from ifgan.backends import Kubeflow
from ifgan.errors import UserError
from ifgan.graph import File, Graph, Node
from launchers import kubernetes
from launchers.compile import PIPELINE, Compiled, below, compile_graph, to_yaml
from launchers.kubeflow_log import last_words, log_path
from launchers.kubeflow_login import KubeflowLogin, login_warnings, without_secrets
from launchers.kubeflow_refusals import explained
from launchers.kubeflow_status import pods_of, status_of
from launchers.machines import check_svm_has_no_accelerator, dress_common, resources_of
from launchers.service import Run, Status
from launchers.wire import Api, NotSentError, Patience, RefusedError, UnclearError, WireError

_ROOTS = ("gs://", "s3://", "minio://", "/")
_API = "v2beta1"


class KubeflowService:
    """A cluster; see ``service.Service``."""

    def __init__(self, backend: Kubeflow, *, patience: Patience | None = None) -> None:
        self.backend = backend
        self.patience = patience or Patience()
        root = backend.pipeline_root
        if root is not None and not root.startswith(_ROOTS):
            raise UserError(
                "backend.pipeline_root of kubeflow must be gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, "
                f"minio://BUCKET/FOLDER or an absolute path. Got {root}."
            )
        check_svm_has_no_accelerator(backend)
        self._reasons: dict[tuple[str, str], str] = {}
        self.host = (backend.host or "").rstrip("/")
        login = KubeflowLogin(self.host, self.patience)
        self.api = Api(f"{self.host}/apis", headers=login.headers, patience=self.patience)

    def compile(self, graph: Graph, *, finished: Mapping[str, str] | None = None) -> Compiled:
        """The graph as the cluster takes it, with what Kubernetes is told in a second document."""
        return compile_graph(
            graph,
            images=self.backend.images,
            locate=self.locate,
            finished=finished,
            dress=self._dress,
        )

    def check(self, compiled: Compiled) -> None:
        """Nothing is refused: a cluster's nodes may have images of any name."""

    def locate(self, file: File) -> str:
        """URI at which the importer of a file expects it."""
        return below(self.backend.pipeline_root, readable=("gs://", "s3://"))(file)

    def _dress(self, task: Any, node: Node) -> None:
        dress_common(task, node, self.backend)
        kubernetes.dress(task, node, self.backend)

    def warnings(self) -> list[str]:
        """What of the configuration the cluster takes otherwise than it is said."""
        root = self.backend.pipeline_root or ""
        path = [
            f"backend.pipeline_root={root}: Kubeflow Pipelines 2 itself takes gs://, s3:// and "
            "minio:// only; a path is for clusters that are made to take one."
        ]
        return [
            *(path if root.startswith("/") else []),
            *kubernetes.warnings(self.backend),
            *login_warnings(self.host),
        ]

    def request(self, compiled: Compiled, *, name: str, title: str) -> dict[str, Any]:
        """The body of POST …/runs; a pipeline root that is not set is the cluster's to choose."""
        root, account = self.backend.pipeline_root, self.backend.service_account
        spec: dict[str, Any] = compiled.pipeline
        if compiled.platform is not None:
            spec = {"pipeline_spec": compiled.pipeline, "platform_spec": compiled.platform}
        return {
            "display_name": name,
            "description": title,
            "pipeline_spec": spec,
            "runtime_config": {**({"pipeline_root": root} if root else {}), "parameters": {}},
            **({"service_account": account} if account else {}),
        }

    def address(self) -> str:
        """Method and address of that request."""
        return f"POST {self.host or '…'}/apis/{_API}/runs"

    def missing(self) -> list[str]:
        """Options that must be set before anything can be submitted."""
        options = {"backend.host": self.backend.host}
        return [option for option, value in options.items() if not value]

    def submit(self, compiled: Compiled, *, name: str, title: str) -> Run:
        """Create the run, and before it the experiment that it belongs to.

        It is sent again only where the cluster can't have taken it.
        """
        try:
            experiment = self._named("experiments", self.backend.experiment, "experiment_id")
            if self.backend.register:
                self._register(compiled)
        except WireError as error:
            raise explained(error, self.backend) from error
        body = {**self.request(compiled, name=name, title=title), "experiment_id": experiment}
        for pause in (*self.patience.pauses, None):
            try:
                return self._run(self.api.once("POST", f"{_API}/runs", body=body))
            except WireError as error:
                if (taken := self._taken(name, error)) is not None:
                    return taken
                if pause is None:
                    raise explained(error, self.backend) from error
                self.patience.wait(pause, error.retry_after)
        raise AssertionError("the last try returns or raises")

    def find(self, name: str) -> Run | None:
        """The run of that name."""
        try:
            return self._find(name)
        except WireError as error:
            raise explained(error, self.backend) from error

    def status(self, run: Run) -> Status:
        """State of a run and its tasks."""
        try:
            message = self.api.get(f"{_API}/runs/{run.id}")
        except WireError as error:
            raise explained(error, self.backend, run=run) from error
        found = status_of(message)
        errors = {
            task: why or self._reason(run, task, message) for task, why in found.errors.items()
        }
        return dataclasses.replace(found, errors=errors)

    def _reason(self, run: Run, task: str, message: Mapping[str, Any]) -> str:
        """Why a task failed, from its log where that is still there; asked for once."""
        if (run.id, task) not in self._reasons:
            retries = resources_of(self.backend, task.partition("-")[0]).retries
            words = None
            for child in pods_of(message, task)[:1]:
                labels = len(self.backend.labels)
                path = log_path(run.id, task, child=child, retries=retries, labels=labels)
                with contextlib.suppress(WireError):
                    words = last_words(self.api.text(path))
            reason = without_secrets(words or f"no reason is told; see {run.link}")
            self._reasons[run.id, task] = reason
        return self._reasons[run.id, task]

    def places(self, run: Run) -> list[str]:
        """Where this run's outputs lie: <root>/<pipeline>/<run>/<task>/<number>/<output>."""
        root = self.backend.pipeline_root
        if root is None:
            return []
        root = re.sub("^minio://", "s3://", root.rstrip("/"))  # as this machine reads it
        return [f"{root}/{PIPELINE}/{run.id}"]

    def cancel(self, run: Run) -> None:
        """Stop a run; one that has ended stays as it is."""
        try:
            self.api.insist("POST", f"{_API}/runs/{run.id}:terminate")
        except WireError as error:
            if isinstance(error, NotSentError) or not self.status(run).state.is_final:
                raise explained(error, self.backend, run=run) from error

    def _taken(self, name: str, error: WireError) -> Run | None:
        """The run, if it was created though its submission failed; None if it may be sent again.

        Raises
        ------
        UserError
            If nobody can tell, or the cluster will never take it.
        """
        if isinstance(error, NotSentError):
            if self.api.reached:
                return None
        elif isinstance(error, RefusedError):
            if error.is_passing:
                return None
            if error.status == 409 and (found := self.find(name)) is not None:
                return found
        else:
            found = self._look(name, error)
            if found is not None or (error.status == 503 and error.retry_after is not None):
                return found
        raise explained(error, self.backend, name=name) from error

    def _look(self, name: str, error: WireError) -> Run | None:
        """Look a few times for a run that may have been created: lists lag behind."""
        for pause in self.patience.pauses[:3]:
            self.patience.wait(pause)
            try:
                found = self._find(name)
            except WireError:
                raise explained(error, self.backend, name=name) from error
            if found is not None:
                return found
        return None

    def _find(self, name: str) -> Run | None:
        found = self.api.get(f"{_API}/runs", **self._query(name)).get("runs") or []
        return next((self._run(run) for run in found if run.get("display_name") == name), None)

    def _run(self, message: Mapping[str, Any]) -> Run:
        if not message.get("run_id"):
            raise UnclearError("its answer names no run")
        link = f"{self.host}/#/runs/details/{message['run_id']}"
        return Run(str(message["display_name"]), str(message["run_id"]), link)

    def _query(self, name: str) -> dict[str, str]:
        """Restricts a list to what is called so, in our namespace."""
        predicate = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        space = {"namespace": self.backend.namespace} if self.backend.namespace else {}
        return {"filter": json.dumps({"predicates": [predicate]}), **space}

    def _named(self, kind: str, name: str, identity: str) -> str:
        """Id of the experiment or pipeline of that name, which is made if there is none."""
        space = {"namespace": self.backend.namespace} if self.backend.namespace else {}
        for pause in (*self.patience.pauses, None):
            for found in self.api.get(f"{_API}/{kind}", **self._query(name)).get(kind) or []:
                if found.get("display_name") == name:
                    return str(found[identity])
            try:
                body = {"display_name": name, **space}
                made = self.api.once("POST", f"{_API}/{kind}", body=body)
                if made.get(identity):
                    return str(made[identity])
                raise UnclearError(f"its answer names no {identity}")
            except WireError as error:  # perhaps it is there now: names are unique
                final = isinstance(error, RefusedError) and error.status != 409
                if pause is None or (final and not error.is_passing):
                    raise
                self.patience.wait(pause, error.retry_after)
        raise AssertionError("the last try returns or raises")

    def _register(self, compiled: Compiled) -> None:
        """Keep the pipeline as a version, unless these bytes are one already."""
        text = to_yaml(compiled.pipeline, compiled.platform).encode()
        version = hashlib.sha256(text).hexdigest()[:32]
        pipeline = self._named("pipelines", PIPELINE, "pipeline_id")
        place = f"{_API}/pipelines/{pipeline}/versions"
        query = {"filter": self._query(version)["filter"]}
        if self.api.get(place, **query).get("pipeline_versions"):
            return
        upload = {"query": {"name": version, "pipelineid": pipeline}, "file": ("uploadfile", text)}
        try:
            self.api.insist("POST", f"{_API}/pipelines/upload_version", **upload)
        except WireError as error:
            if error.status != 409 and not self.api.get(place, **query).get("pipeline_versions"):
                raise
