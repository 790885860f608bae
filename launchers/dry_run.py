"""dry_run=true: what a backend would be sent, written down; nothing is contacted.

The jobs of a sweep that share a backend are one graph and would be one submission. Each job's
directory gets that whole request, the same bytes in all of them: it is exactly what would be
sent on the job's behalf, and directories of different backends can't be mixed up. Launchers that
run every job on its own (joblib, submitit) give each job its own request, as they would submit.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ifgan.errors import UserError
from ifgan.graph import File, Graph, merge
from ifgan.jobs import Job
from ifgan.schema import Kubeflow, Local, Vertex
from ifgan.specs import settings_to_dict
from launchers.compile import IR, compile_graph, imports, task_names, to_yaml

_KUBEFLOW_LINES = [
    "  request  POST …/apis/v2beta1/runs",
    "  missing  experiment_id: the cluster gives it",
]
_ROOTS = {"vertex": ("gs://",), "kubeflow": ("gs://", "s3://", "minio://")}


@dataclass(frozen=True)
class DryRun:
    """What some jobs would have sent.

    Parameters
    ----------
    files : text of each file by name.
    lines : what a person should know about them.
    """

    files: Mapping[str, str]
    lines: Sequence[str]

    def write(self, folder: Path) -> list[str]:
        """Write the files; returns lines that say where they are."""
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
        return [f"  written  {shown}/{name}" for name in self.files]


def dry_run(jobs: Sequence[Job]) -> DryRun:
    """What these jobs, which share one backend, would have sent.

    Raises
    ------
    UserError
        If the pipeline root is not of a kind that the backend reads, or is not set though a
        file has to be imported from there.
    """
    graph = merge(job.target for job in jobs)
    backend = jobs[0].config.backend
    tasks = f"{len(graph)} tasks: {textwrap.shorten(', '.join(task_names(graph).values()), 80)}"
    if isinstance(backend, Local):
        text = json.dumps({"nodes": _nodes(graph)}, indent=1) + "\n"
        return DryRun({"graph.json": text}, [f"Nothing was run. {tasks}"])
    _check_root(backend)
    ir = compile_graph(graph, images=backend.images, root=backend.pipeline_root)
    if isinstance(backend, Vertex):
        request, lines = vertex_request(ir, backend, title=_title(jobs)), _vertex_lines(backend)
    else:
        request, lines = kubeflow_request(ir, backend, title=_title(jobs)), _KUBEFLOW_LINES
    text = json.dumps(request, indent=1, sort_keys=True) + "\n"
    uploads = imports(graph, backend.pipeline_root).items()
    return DryRun(
        {"pipeline.yaml": to_yaml(ir), "request.json": text},
        [
            f"Nothing was sent. {tasks}",
            *lines,
            *(f"  upload   {PurePath(file.path).name} to {uri}" for uri, file in uploads),
        ],
    )


def vertex_request(ir: IR, backend: Vertex, *, title: str) -> dict[str, Any]:
    """The body of POST …/pipelineJobs; options that are not set are left out.

    One failing boundary must not stop the others of a sweep: the run goes on as far as it can.

    Source: PipelineJob of Vertex AI's REST API, v1.
    """
    root = {"gcsOutputDirectory": backend.pipeline_root} if backend.pipeline_root else {}
    return {
        "displayName": title,
        "pipelineSpec": ir,
        "runtimeConfig": {
            **root,
            "parameterValues": {},
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
        },
    }


def kubeflow_request(ir: IR, backend: Kubeflow, *, title: str) -> dict[str, Any]:
    """The body of POST …/runs; a pipeline root that is not set is the cluster's to choose.

    Source: V2beta1Run of Kubeflow Pipelines' REST API.
    """
    root = {"pipeline_root": backend.pipeline_root} if backend.pipeline_root else {}
    return {
        "display_name": title,
        "pipeline_spec": ir,
        "runtime_config": {**root, "parameters": {}},
    }


def _title(jobs: Sequence[Job]) -> str:
    """What consoles call the run; Vertex AI takes 128 characters."""
    attributes = dict.fromkeys(job.config.attribute.name for job in jobs)
    return textwrap.shorten(f"ifgan {', '.join(attributes)}", 128, placeholder=" …")


def _vertex_lines(backend: Vertex) -> list[str]:
    options = {
        "backend.project": backend.project,
        "backend.pipeline_root": backend.pipeline_root,
    }
    missing = [option for option, value in options.items() if not value]
    project = backend.project or "PROJECT"
    lines = [f"  request  POST …/v1/projects/{project}/locations/{backend.location}/pipelineJobs"]
    return [*lines, f"  missing  {', '.join(missing)}: set them to submit"] if missing else lines


def _check_root(backend: Kubeflow | Vertex) -> None:
    root, allowed = backend.pipeline_root, _ROOTS[backend.kind]
    if root is not None and not root.startswith(allowed):
        wanted = " or ".join(f"{scheme}BUCKET/FOLDER" for scheme in allowed)
        raise UserError(f"backend.pipeline_root of {backend.kind} must be {wanted}. Got {root}.")


def _nodes(graph: Graph) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "step": node.step,
            "revision": node.spec.revision,
            "settings": settings_to_dict(node.settings),
            "inputs": {
                name: {"file": source.path, "sha256": source.sha256}
                if isinstance(source, File)
                else {"node": source.node.key, "output": source.name}
                for name, source in node.inputs.items()
            },
        }
        for key, node in graph.items()
    ]
