"""backend=vertex: pipeline jobs of Vertex AI, over its REST API.

Source: PipelineJob of Vertex AI's REST API, v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ifgan.backends import Vertex
from ifgan.errors import UserError
from ifgan.graph import File, Graph, Node
from launchers.compile import Compiled, below, compile_graph
from launchers.machines import check_svm_has_no_accelerator, dress_common
from launchers.service import Run, Status


class VertexService:
    """A project's pipelines on Vertex AI; see ``service.Service``."""

    def __init__(self, backend: Vertex) -> None:
        self.backend = backend
        root = backend.pipeline_root
        if root is not None and not root.startswith("gs://"):
            raise UserError(
                f"backend.pipeline_root of vertex must be gs://BUCKET/FOLDER. Got {root}."
            )
        check_svm_has_no_accelerator(backend)

    def compile(self, graph: Graph, *, finished: Mapping[str, str] | None = None) -> Compiled:
        """The graph as Vertex AI takes it: one document, its own names of accelerators."""
        return compile_graph(
            graph,
            images=self.backend.images,
            locate=self.locate,
            finished=finished,
            dress=self._dress,
        )

    def _dress(self, task: Any, node: Node) -> None:
        dress_common(task, node, self.backend)

    def warnings(self) -> list[str]:
        """What of the configuration Vertex AI ignores."""
        return []

    def request(self, compiled: Compiled, *, name: str, title: str) -> dict[str, Any]:
        """The body of POST …/pipelineJobs; options that are not set are left out.

        One failing boundary must not stop the others of a sweep: the run goes on as far as it can.
        """
        root = self.backend.pipeline_root
        return {
            "displayName": title,
            "pipelineSpec": compiled.pipeline,
            "runtimeConfig": {
                **({"gcsOutputDirectory": root} if root else {}),
                "parameterValues": {},
                "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
            },
        }

    def address(self) -> str:
        """Method and address of that request."""
        project = self.backend.project or "PROJECT"
        return f"POST …/v1/projects/{project}/locations/{self.backend.location}/pipelineJobs"

    def missing(self) -> list[str]:
        """Options that must be set before anything can be submitted."""
        options = {
            "backend.project": self.backend.project,
            "backend.pipeline_root": self.backend.pipeline_root,
        }
        return [option for option, value in options.items() if not value]

    def submit(self, compiled: Compiled, *, name: str, title: str) -> Run:
        """Create the pipeline job."""
        raise UserError("backend=vertex submits nothing yet; add dry_run=true.")

    def find(self, name: str) -> Run | None:
        """The job of that id."""
        raise UserError("backend=vertex submits nothing yet; add dry_run=true.")

    def status(self, run: Run) -> Status:
        """State of a job and its tasks."""
        raise UserError("backend=vertex submits nothing yet; add dry_run=true.")

    def locate(self, file: File) -> str:
        """URI at which the importer of a file expects it."""
        return below(self.backend.pipeline_root, readable=("gs://",))(file)

    def places(self, run: Run) -> list[str]:
        """Where this run's outputs lie."""
        return []

    def cancel(self, run: Run) -> None:
        """Cancel a job."""
        raise UserError("backend=vertex submits nothing yet; add dry_run=true.")
