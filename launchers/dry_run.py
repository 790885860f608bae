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

from ifgan.backends import Docker, Remote
from ifgan.graph import File, Graph, merge
from ifgan.jobs import Job
from ifgan.paths import as_typed
from ifgan.schema import Local
from ifgan.specs import settings_to_dict
from launchers import title_of
from launchers.compile import files_of, task_names, to_yaml
from launchers.docker_daemon import caller
from launchers.docker_plan import Plan, compile_for_docker, warnings
from launchers.service import service_of

#: Stands where a submission has a number of its own, which a dry run must not invent.
RUN_ID = "RUN"


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
        return [f"  written  {as_typed(folder)}/{name}" for name in self.files]


def dry_run(jobs: Sequence[Job]) -> DryRun:
    """What these jobs, which share one backend, would have sent.

    Raises
    ------
    UserError
        If the backend can't express what is asked, or its pipeline root is not set though a file
        has to be imported from there.
    """
    graph = merge(node for job in jobs for node in job.targets)
    backend = jobs[0].config.backend
    tasks = f"{len(graph)} tasks: {textwrap.shorten(', '.join(task_names(graph).values()), 80)}"
    if isinstance(backend, Local):
        text = json.dumps({"nodes": _nodes(graph)}, indent=1) + "\n"
        return DryRun({"graph.json": text}, [f"Nothing was run. {tasks}"])
    if isinstance(backend, Docker):
        return _containers(backend, graph, jobs[0].config.store, tasks)
    assert isinstance(backend, Remote)
    service = service_of(backend)
    compiled = service.compile(graph)
    request = service.request(compiled, name=f"ifgan-{RUN_ID}", title=title_of(jobs))
    missing = service.missing()
    uploads = [file for file in files_of(graph) if file.uri is None]
    return DryRun(
        {
            "pipeline.yaml": to_yaml(compiled.pipeline, compiled.platform),
            "request.json": json.dumps(request, indent=1, sort_keys=True) + "\n",
        },
        [
            f"Nothing was sent. {tasks}",
            f"  request  {service.address()}",
            *([f"  missing  {', '.join(missing)}: set them to submit"] if missing else []),
            *(f"  upload   {PurePath(f.path).name} to {service.locate(f)}" for f in uploads),
            *(f"  warning  {line}" for line in service.warnings()),
        ],
    )


def _containers(backend: Docker, graph: Graph, place: str, tasks: str) -> DryRun:
    """The pipeline and the commands that would create its containers, in order."""
    compiled = compile_for_docker(backend, graph)
    plan = Plan.of(backend, graph, Path(place).expanduser().absolute(), caller())
    requests = {
        name: plan.container(task, plan.root / ".scratch" / f"{task.key}-{RUN_ID}", run=RUN_ID)
        for name, task in plan.tasks.items()
    }
    commands = {name: container.arguments() for name, container in requests.items()}
    return DryRun(
        {
            "pipeline.yaml": to_yaml(compiled.pipeline),
            "containers.json": json.dumps(commands, indent=1) + "\n",
        },
        [
            f"Nothing was run. {tasks}",
            *(f"  warning  {line}" for line in warnings(backend)),
        ],
    )


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
