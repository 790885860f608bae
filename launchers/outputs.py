"""Where the outputs of a run elsewhere lie below its pipeline root, and how they come here.

Platforms choose the places of outputs, reuse those of earlier runs for equal work, and Kubeflow's
API does not tell: its tasks have null outputs. So every directory that a step puts out holds a
file ``<key>.node`` (``ifgan.step.marker``), and a listing of the root finds the node it names.
The outputs of one task lie side by side, on either platform.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import ifgan
from ifgan import storage
from ifgan.progress import Progress
from ifgan.specs import STEPS, StepSpec
from ifgan.step import marker
from ifgan.store import Store
from launchers.submission import Target

_OPTION = "backend.pipeline_root"
_ATTEMPTS = 5  # objects that were just written may be missing from a listing for a moment


def locate(
    root: str,
    nodes: Mapping[str, StepSpec],
    *,
    first: Sequence[str] = (),
    endpoint: str | None = None,
) -> dict[str, str]:
    """The directory of the outputs of each node, by key; those that are not there are left out.

    Parameters
    ----------
    root : pipeline root, as this machine reads it.
    nodes : step of every node, by key.
    first : places below the root to look in first; the whole root is listed only for what they
        do not hold, which an earlier run has made.
    """
    found: dict[str, str] = {}
    for place in (*first, root):
        missing = {key: spec for key, spec in nodes.items() if key not in found}
        if not missing:
            break
        names = storage.list_tree(place, option=_OPTION, endpoint=endpoint)
        for key, folder in _complete(names, missing).items():
            found[key] = f"{place.rstrip('/')}/{folder}".rstrip("/")
    return found


def _complete(names: Iterable[str], nodes: Mapping[str, StepSpec]) -> dict[str, str]:
    """Directories that hold every output of a node, by key."""
    listed = set(names)
    below: dict[str, set[str]] = {}
    for name in listed:
        folder, _, _ = name.rpartition("/")
        parent, _, output = folder.rpartition("/")
        below.setdefault(parent, set()).add(output)
        below.setdefault(folder, set()).add(name.rpartition("/")[2])
    wanted = {marker(key): key for key in nodes}
    found: dict[str, str] = {}
    for name in sorted(listed):
        folder, _, file = name.rpartition("/")
        if file in wanted:
            parent = folder.rpartition("/")[0]
            key = wanted[file]
            if set(nodes[key].outputs) <= below.get(parent, set()):
                found.setdefault(key, parent)
    return found


def locate_patiently(
    root: str,
    nodes: Mapping[str, StepSpec],
    *,
    first: Sequence[str],
    endpoint: str | None,
    pause: float,
    certain: bool,
) -> dict[str, str]:
    """``locate``, looking again before it gives up where the nodes are certainly finished."""
    look = functools.partial(locate, root, nodes, first=first, endpoint=endpoint)
    found = look()
    for _ in range(_ATTEMPTS - 1):
        if not certain or set(found) == set(nodes):
            break
        time.sleep(pause)
        found = look()
    return found


def bring(
    target: Target, uri: str, store: Store, *, run: str, endpoint: str | None, progress: Progress
) -> Path:
    """A finished node's outputs from elsewhere, published in the store; its directory there."""
    with store.lock(target.key):
        if (ready := store.find_key(target.key)) is not None:
            return ready
        with store.scratch(target.key) as scratch:
            built = scratch / "node"
            built.mkdir()
            spec = STEPS[target.step]
            for output in spec.outputs:
                place = built / output
                source = f"{uri}/{output}"
                if output in spec.files:
                    storage.download(
                        source, place, option=_OPTION, progress=progress, endpoint=endpoint
                    )
                else:
                    storage.download_tree(
                        source, place, option=_OPTION, progress=progress, endpoint=endpoint
                    )
            for leftover in built.glob("*.lock"):
                leftover.unlink()
            made = {
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "run": run,
                "ifgan": ifgan.__version__,
            }
            return store.publish_as(
                target.key,
                built,
                step=target.step,
                revision=target.revision,
                settings=target.settings,
                made=made,
            )
