"""backend=kubeflow: runs of a Kubeflow Pipelines cluster, through kfp.Client.

Source: V2beta1Run of Kubeflow Pipelines' REST API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ifgan.backends import Kubeflow
from ifgan.errors import UserError
from ifgan.graph import File, Graph, Node
from launchers.compile import Compiled, below, compile_graph
from launchers.machines import check_svm_has_no_accelerator, dress_common
from launchers.service import Run, Status

_ROOTS = ("gs://", "s3://", "minio://", "/")


class KubeflowService:
    """A cluster; see ``service.Service``."""

    def __init__(self, backend: Kubeflow) -> None:
        self.backend = backend
        root = backend.pipeline_root
        if root is not None and not root.startswith(_ROOTS):
            raise UserError(
                "backend.pipeline_root of kubeflow must be gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, "
                f"minio://BUCKET/FOLDER or an absolute path. Got {root}."
            )
        check_svm_has_no_accelerator(backend)

    def compile(self, graph: Graph, *, finished: Mapping[str, str] | None = None) -> Compiled:
        """The graph as the cluster takes it, with what Kubernetes is told in a second document."""
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
        """What of the configuration the cluster ignores."""
        return []

    def request(self, compiled: Compiled, *, name: str, title: str) -> dict[str, Any]:
        """The body of POST …/runs; a pipeline root that is not set is the cluster's to choose."""
        root = self.backend.pipeline_root
        spec: dict[str, Any] = compiled.pipeline
        if compiled.platform is not None:
            spec = {"pipeline_spec": compiled.pipeline, "platform_spec": compiled.platform}
        return {
            "display_name": title,
            "pipeline_spec": spec,
            "runtime_config": {**({"pipeline_root": root} if root else {}), "parameters": {}},
        }

    def address(self) -> str:
        """Method and address of that request."""
        return "POST …/apis/v2beta1/runs"

    def missing(self) -> list[str]:
        """Options that must be set before anything can be submitted."""
        options = {"backend.host": self.backend.host}
        return [option for option, value in options.items() if not value]

    def submit(self, compiled: Compiled, *, name: str, title: str) -> Run:
        """Create the run."""
        raise UserError("backend=kubeflow submits nothing yet; add dry_run=true.")

    def find(self, name: str) -> Run | None:
        """The run of that name."""
        raise UserError("backend=kubeflow submits nothing yet; add dry_run=true.")

    def status(self, run: Run) -> Status:
        """State of a run and its tasks."""
        raise UserError("backend=kubeflow submits nothing yet; add dry_run=true.")

    def locate(self, file: File) -> str:
        """URI at which the importer of a file expects it."""
        return below(self.backend.pipeline_root, readable=("gs://", "s3://"))(file)

    def places(self, run: Run) -> list[str]:
        """Where this run's outputs lie."""
        return []

    def cancel(self, run: Run) -> None:
        """Stop a run."""
        raise UserError("backend=kubeflow submits nothing yet; add dry_run=true.")
