"""backend=vertex: pipeline jobs of Vertex AI, over its REST API.

A job's id is chosen here before it is sent, and Vertex AI takes an id once: so whatever happens
to a request on its way, asking for the id tells what became of it.

Source: PipelineJob and PipelineService of Vertex AI's REST API, v1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import ifgan
from ifgan.backends import Vertex
from ifgan.errors import UserError
from ifgan.graph import File, Graph
from launchers.compile import Compiled, below, compile_graph
from launchers.google_login import GoogleLogin
from launchers.parameters import check_parameters
from launchers.service import Run, Status
from launchers.vertex_jobs import status_of
from launchers.vertex_machines import dress, ignored
from launchers.vertex_options import check_id, check_images, check_options, doubtful_images
from launchers.vertex_refusals import explained
from launchers.vertex_templates import register
from launchers.wire import Api, NotSentError, Patience, RefusedError, UnclearError, WireError


class VertexService:
    """A project's pipelines on Vertex AI; see ``service.Service``.

    Parameters
    ----------
    credentials : instead of the default ones.
    patience : how long answers are waited for.
    """

    def __init__(
        self, backend: Vertex, *, credentials: Any = None, patience: Patience | None = None
    ) -> None:
        self.backend = backend
        check_options(backend)
        self._host = backend.endpoint or f"https://{backend.location}-aiplatform.googleapis.com"
        self._parent = f"projects/{backend.project or 'PROJECT'}/locations/{backend.location}"
        self._jobs = f"v1/{self._parent}/pipelineJobs"
        self.patience = patience or Patience()
        self._login = GoogleLogin(
            self.patience, anonymous=self._host.startswith("http://"), credentials=credentials
        )
        self._api = Api(self._host, headers=self._login.headers, patience=self.patience)

    # Offline: contacts nothing

    def compile(self, graph: Graph, *, finished: Mapping[str, str] | None = None) -> Compiled:
        """The graph as Vertex AI takes it: one document, its own names of accelerators."""
        compiled = compile_graph(
            graph,
            images=self.backend.images,
            locate=self.locate,
            finished=finished,
            dress=partial(dress, backend=self.backend),
        )
        check_parameters(compiled.pipeline)
        return compiled

    def locate(self, file: File) -> str:
        """URI at which the importer of a file expects it."""
        return below(self.backend.pipeline_root, readable=("gs://",))(file)

    def warnings(self) -> list[str]:
        """What of the configuration Vertex AI ignores, or will regret."""
        return [*ignored(self.backend), *doubtful_images(self.backend)]

    def check(self, compiled: Compiled) -> None:
        """Refuse a pipeline that Vertex AI could not run; best before anything is uploaded.

        Raises
        ------
        UserError
            If it needs an image that is on this machine only.
        """
        executors = compiled.pipeline["deploymentSpec"]["executors"].values()
        check_images(self.backend, {e["container"]["image"] for e in executors if "container" in e})

    def request(self, compiled: Compiled, *, name: str, title: str) -> dict[str, Any]:
        """The body of POST …/pipelineJobs; options that are not set are left out.

        One failing boundary must not stop the others of a sweep: the run goes on as far as it can.
        """
        backend, root = self.backend, self.backend.pipeline_root
        key = backend.encryption_key
        options = {
            "serviceAccount": backend.service_account,
            "network": backend.network,
            "encryptionSpec": {"kmsKeyName": key} if key else None,
        }
        return {
            "displayName": title,
            "pipelineSpec": compiled.pipeline,
            "labels": {"ifgan": re.sub(r"[^a-z0-9]", "-", ifgan.__version__), **backend.labels},
            "runtimeConfig": {
                **({"gcsOutputDirectory": root} if root else {}),
                "parameterValues": {},
                "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
            },
            **{option: value for option, value in options.items() if value is not None},
        }

    def address(self) -> str:
        """Method and address of that request."""
        return f"POST {self._host}/{self._jobs}?pipelineJobId=NAME"

    def missing(self) -> list[str]:
        """Options that must be set before anything can be submitted."""
        options = {
            "backend.project": self.backend.project,
            "backend.pipeline_root": self.backend.pipeline_root,
        }
        return [option for option, value in options.items() if not value]

    def places(self, run: Run) -> list[str]:
        """Where the outputs of a run's own tasks lie: below the project's number and its id."""
        root = (self.backend.pipeline_root or "").rstrip("/")
        number = re.fullmatch(r"projects/([0-9]+)/.*", run.id)
        folders = [f"{root}/{number[1]}/{run.name}"] if number else []
        return [*folders, f"{root}/{run.name}"]

    # Online

    def submit(self, compiled: Compiled, *, name: str, title: str) -> Run:
        """Create the pipeline job of that id, once."""
        check_id(name)
        self.check(compiled)
        body = self.request(compiled, name=name, title=title)
        if self.backend.register:
            try:
                body["templateUri"] = register(
                    self._login, self.backend, self.patience, compiled.pipeline
                )
            except WireError as error:
                raise self._explained(error, place="Artifact Registry") from error
        for pause in (*self.patience.pauses, None):
            try:
                query = {"pipelineJobId": name}
                return self._run(name, self._api.once("POST", self._jobs, query=query, body=body))
            except WireError as error:
                if (taken := self._taken(name, error)) is not None:
                    return taken
                if pause is None:
                    raise self._explained(error, job=name) from error
                self.patience.wait(pause, error.retry_after)
        raise AssertionError("the last try returns or raises")

    def _taken(self, name: str, error: WireError) -> Run | None:
        """The job, if it was created though its submission failed; None if it may be sent again.

        Sending the same id again makes no second job, even if the first request is still under
        way: Vertex AI takes an id once.

        Raises
        ------
        UserError
            If nobody can tell, or Vertex AI will never take it.
        """
        if isinstance(error, NotSentError) and self._api.reached:
            return None
        if isinstance(error, RefusedError) and error.is_passing:
            return None
        if isinstance(error, UnclearError) or error.status == 409:
            try:
                found = self._find(name)
            except WireError:
                raise self._explained(error, job=name) from error
            if found is not None or error.status != 409:
                return found
        raise self._explained(error) from error

    def find(self, name: str) -> Run | None:
        """The job of that id."""
        try:
            return self._find(check_id(name))
        except WireError as error:
            raise self._explained(error) from error

    def status(self, run: Run) -> Status:
        """State of a job and its tasks."""
        try:
            status = status_of(self._api.get(f"{self._jobs}/{check_id(run.name)}"))
        except WireError as error:
            if error.status == 404:
                raise UserError(
                    f"Vertex AI has no job {run.name} in {self._parent}. It was deleted, or "
                    "backend.project and backend.location are others than when it was submitted."
                ) from error
            raise self._explained(error) from error
        hide = self._login.hide
        errors = {task: hide(error) for task, error in status.errors.items()}
        return replace(status, error=status.error and hide(status.error), errors=errors)

    def cancel(self, run: Run) -> None:
        """Cancel a job; one that has ended stays as it is."""
        try:
            self._api.insist("POST", f"{self._jobs}/{check_id(run.name)}:cancel", body={})
        except WireError as error:
            if error.status != 400 or not self.status(run).state.is_final:
                raise self._explained(error) from error

    def _find(self, name: str) -> Run | None:
        try:
            return self._run(name, self._api.get(f"{self._jobs}/{name}"))
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def _run(self, name: str, job: Mapping[str, Any]) -> Run:
        """A job as it is answered; its full name has the number of the project."""
        found = str(job.get("name"))
        if not re.fullmatch(rf"projects/[^/]+/locations/[^/]+/pipelineJobs/{name}", found):
            raise UnclearError("its answer names no job")
        link = (
            f"https://console.cloud.google.com/vertex-ai/locations/{self.backend.location}"
            f"/pipelines/runs/{name}?project={self.backend.project}"
        )
        return Run(name, found, link)

    def _explained(self, error: WireError, **known: str) -> UserError:
        return explained(error, self.backend, self._login.hide(str(error)), **known)
