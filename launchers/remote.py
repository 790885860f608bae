"""The graph on a place elsewhere: submit, follow, fetch; the same way for all such backends.

Policy. What the store has is not sent again. Weights are uploaded under the names of their bytes.
The name of a run is on the disk before the run is sent, and a run is sent once. Whoever waits may
stop waiting: Ctrl-C leaves the run alone, and ``python -m ifgan.fetch`` takes up from there.
What finished is fetched even if other tasks of the run failed.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping

from ifgan import storage
from ifgan.backends import Kubeflow, Remote
from ifgan.errors import UserError
from ifgan.graph import Graph, Node, merge
from ifgan.paths import as_typed
from ifgan.progress import Progress
from ifgan.specs import STEPS, StepSpec
from ifgan.store import Store
from launchers import Detached, Outcome, Work
from launchers.board import Board, board_of
from launchers.compile import Compiled, files_of, task_names
from launchers.follow import follow
from launchers.outputs import bring, locate_patiently
from launchers.service import Run, Service, Status, service_of
from launchers.split import split
from launchers.states import State
from launchers.submission import Pipeline, Submission, new_name

log = logging.getLogger(__name__)

_HOPELESS = (State.FAILED, State.CANCELLED, State.WAITING)  # of a task, once its run has ended


def execute(backend: Remote, work: Work) -> dict[str, Outcome]:
    """Run the graph elsewhere; outcomes by key, those of targets with their fetched artifacts.

    Raises
    ------
    UserError
        If nothing can be submitted as it is configured; nothing is sent then.
    Detached
        On Ctrl-C while the run is waited for.
    """
    service = service_of(backend)
    _check(backend, service)
    for line in service.warnings():
        log.warning("%s", line)
    targets = {node.key: node for job in work.jobs for node in job.targets}
    outcomes = {
        key: Outcome(place, cached=True)
        for key, node in targets.items()
        if (place := work.store.find(node)) is not None
    }
    missing = [node for key, node in targets.items() if key not in outcomes]
    graph = merge(missing)
    # What the store's results were made of needs no run.
    for key in work.graph:
        if key not in graph:
            outcomes.setdefault(key, Outcome(None, cached=True))
    if not graph:
        return outcomes
    parts = split(graph, service.compile)
    submission = Submission.of(backend, graph, work.jobs, title=work.title, folder=work.folder)
    if not backend.wait:
        if len(parts) > 1:
            raise UserError(
                f"backend.wait must be true, because this sweep needs {len(parts)} pipelines, one "
                "after the other. Got false. Set backend.wait=true, or run fewer jobs at once."
            )
        run = _send(service, submission, graph, {})
        return {**_detached(graph, submission, run), **outcomes}
    # A result that the store has may be a condition of another, and be made again over there.
    with board_of(work.graph, work.progress) as board:
        for key, outcome in outcomes.items():
            if key not in graph:
                board.end(key, outcome.state)
        found = _wait(service, submission, graph, parts, work.store, board)
        for key, outcome in found.items():  # what was never sent, or was not reported on
            if not board.tasks[key].state.is_final:
                state = State.CANCELLED if outcome.error else State.DONE
                board.end(key, state, error=outcome.error)
        return {**found, **outcomes}


def _check(backend: Remote, service: Service) -> None:
    """Whether a run could be sent, and its results read, before anything is."""
    if missing := service.missing():
        raise UserError(
            f"backend={backend.kind} needs {' and '.join(f'{name}=…' for name in missing)}. "
            "Got none. Add it to the command line or to conf.local."
        )
    root = readable_root(backend)
    if root is None:
        if backend.wait:
            raise UserError(
                f"backend.pipeline_root must be set to wait for a run of {backend.kind}: its API "
                "tells no task's outputs, and its default place lies inside the cluster. Got null. "
                "Set backend.pipeline_root=gs://BUCKET/FOLDER, or backend.wait=false."
            )
        return
    # One request: that it can be read at all is found out now, not after hours of rendering.
    storage.exists(
        f"{root.rstrip('/')}/ifgan", option="backend.pipeline_root", endpoint=endpoint_of(backend)
    )


def readable_root(backend: Remote) -> str | None:
    """The pipeline root as this machine reads it: MinIO speaks S3."""
    root = backend.pipeline_root
    if root is not None and root.startswith("minio://"):
        return f"s3://{root.removeprefix('minio://')}"
    return root


def endpoint_of(backend: Remote) -> str | None:
    """Where this machine reaches an S3 root; None: where the environment says."""
    return backend.s3_endpoint if isinstance(backend, Kubeflow) else None


def _send(
    service: Service, submission: Submission, graph: Graph, finished: Mapping[str, str]
) -> Run:
    """Compile, upload, put the name on the disk, and submit once."""
    compiled: Compiled = service.compile(graph, finished=finished)
    service.check(compiled)
    backend = submission.backend
    root = readable_root(backend)
    for file in files_of(graph, finished=finished):
        if root is not None and file.uri is None:  # what came from a bucket is read from there
            storage.upload_weights(
                file, root, progress=Progress("upload"), endpoint=endpoint_of(backend)
            )
    name = submission.name if not submission.pipelines else new_name(graph)
    names = task_names(graph)
    tasks = {names[key]: key for key in graph if key not in finished}
    pipeline = Pipeline(name, tasks)
    submission.pipelines.append(pipeline)
    submission.write()
    pipeline.run = service.submit(compiled, name=name, title=submission.title)
    submission.write()
    log.info("Submitted %s, %d tasks: %s", name, len(tasks), pipeline.run.link)
    return pipeline.run


def _detached(graph: Graph, submission: Submission, run: Run) -> dict[str, Outcome]:
    said = f"runs at {run.link}; fetch it with: {fetch_command(submission)}"
    return {key: Outcome(None, detached=said) for key in graph}


def fetch_command(submission: Submission) -> str:
    """What brings the results later."""
    return f"python -m ifgan.fetch {as_typed(submission.path.parent)}"


def _wait(
    service: Service,
    submission: Submission,
    graph: Graph,
    parts: list[Graph],
    store: Store,
    board: Board,
) -> dict[str, Outcome]:
    """Send the parts one after the other, the head first, and bring what was asked for."""
    outcomes: dict[str, Outcome] = {}
    finished: dict[str, str] = {}
    for part in parts:
        ready = {key: node for key, node in part.items() if _can_run(node, outcomes)}
        if not any(key not in finished for key in ready):
            outcomes.update({key: _like_ancestors(part[key], outcomes) for key in part})
            continue
        run = _send(service, submission, ready, finished)
        pipeline = submission.pipelines[-1]
        status = watch(service, submission, run, pipeline.tasks, board)
        if len(parts) > 1 and not finished:
            nodes = {key: node.spec for key, node in ready.items()}
            finished = _located(submission, service, run, nodes, status)
        outcomes.update(collect(service, submission, pipeline, status, store))
        for key in part.keys() - ready.keys():
            outcomes[key] = _like_ancestors(part[key], outcomes)
    return outcomes


def _can_run(node: Node, outcomes: Mapping[str, Outcome]) -> bool:
    return not any(
        outcomes[ancestor.key].error
        for ancestor in (*node.ancestors(), node)
        if ancestor.key in outcomes
    )


def _like_ancestors(node: Node, outcomes: Mapping[str, Outcome]) -> Outcome:
    """A node that was never sent, because what it reads from failed."""
    if node.key in outcomes:
        return outcomes[node.key]
    errors = [
        outcomes[ancestor.key].error for ancestor in node.ancestors() if ancestor.key in outcomes
    ]
    return Outcome(None, error=next(error for error in errors if error is not None))


def watch(
    service: Service, submission: Submission, run: Run, tasks: Mapping[str, str], board: Board
) -> Status:
    """Follow a run to its end; Ctrl-C, and a place that falls silent, leave it running."""
    command = fetch_command(submission)
    try:
        every = submission.backend.poll_seconds
        return follow(service, run, tasks=tasks, every=every, board=board)
    except KeyboardInterrupt:
        raise Detached(
            f"detached; the run goes on at {run.link}; fetch it with: {command}"
        ) from None
    except UserError as error:
        raise UserError(f"{error} The run may go on; look again with: {command}") from error


def collect(
    service: Service, submission: Submission, pipeline: Pipeline, status: Status, store: Store
) -> dict[str, Outcome]:
    """Outcomes of a finished pipeline's nodes; the outputs of its targets are brought here."""
    assert pipeline.run is not None
    run = pipeline.run
    outcomes = {}
    for task, key in pipeline.tasks.items():
        state = status.tasks.get(task, status.state)
        outcomes[key] = Outcome(
            None, error=None if state.is_good else _failure(task, state, status, submission, run)
        )
    task_of = {key: task for task, key in pipeline.tasks.items()}
    targets = [target for target in submission.targets if target.key in outcomes]
    # A task that the place does not report on may have finished all the same.
    hoped = {
        target.key: STEPS[target.step]
        for target in targets
        if status.tasks.get(task_of[target.key]) not in _HOPELESS
    }
    found = _located(submission, service, run, hoped, status) if hoped else {}
    fetch = functools.partial(
        bring,
        store=store,
        run=run.link,
        endpoint=endpoint_of(submission.backend),
        progress=Progress("fetch", quiet=True),
    )
    for target in targets:
        if target.key in found:
            outcomes[target.key] = Outcome(fetch(target, found[target.key]))
        elif outcomes[target.key].error is None:
            outcomes[target.key] = Outcome(None, error=_lost(task_of[target.key], submission, run))
    return outcomes


def _located(
    submission: Submission,
    service: Service,
    run: Run,
    nodes: Mapping[str, StepSpec],
    status: Status,
) -> dict[str, str]:
    root = readable_root(submission.backend)
    assert root is not None, "whoever waits has a root"
    return locate_patiently(
        root,
        nodes,
        first=service.places(run),
        endpoint=endpoint_of(submission.backend),
        pause=min(2.0, submission.backend.poll_seconds),
        certain=status.state.is_good,
    )


def _failure(
    task: str, state: State, status: Status, submission: Submission, run: Run
) -> UserError:
    kind = submission.backend.kind
    reason = status.errors.get(task) or status.error or "the place gives no reason"
    happened = {
        State.FAILED: "failed",
        State.CANCELLED: "was cancelled",
    }.get(state, "was not run")
    return UserError(f"{task} {happened} on {kind}: {reason} See {run.link}.")


def _lost(task: str, submission: Submission, run: Run) -> UserError:
    root = submission.backend.pipeline_root
    return UserError(
        f"{task} is done, but its outputs are not below backend.pipeline_root={root}. Look at "
        f"{run.link}; then {fetch_command(submission)} looks again."
    )
