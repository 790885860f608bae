"""Why a Kubeflow cluster did not do what it was asked, in one line with what to do."""

from __future__ import annotations

from ifgan.backends import Kubeflow
from ifgan.errors import UserError
from launchers.kubeflow_login import advice, without_secrets
from launchers.service import Run
from launchers.wire import NotSentError, UnclearError, WireError


def explained(
    error: WireError, backend: Kubeflow, *, run: Run | None = None, name: str | None = None
) -> UserError:
    """The line for a request that failed.

    Parameters
    ----------
    run : what was asked about.
    name : of the run that was being submitted; an unclear answer then leaves open whether it was.
    """
    said = without_secrets(str(error)).rstrip(".")
    host = f"backend.host: {backend.host}"
    if isinstance(error, NotSentError):
        return UserError(f"{host} can't be reached ({said}). Check the address and the network.")
    if isinstance(error, UnclearError):
        if name is not None:
            return UserError(
                f"{host} has not said whether it took the run {name} ({said}), and does not list "
                "it so far. It is not sent twice: python -m ifgan.fetch RUN_DIR looks again."
            )
        return UserError(f"{host} gives no usable answer ({said}). Try again later.")
    return UserError(_refusal(error.status, said, host, backend, run))


def _refusal(status: int, said: str, host: str, backend: Kubeflow, run: Run | None) -> str:
    if status in (302, 401):
        return f"{host} wants to know who you are ({said}). {advice()}"
    if status == 403:
        space = backend.namespace or "null"
        return (
            f"backend.namespace={space}: {backend.host} does not allow this ({said}). Set a "
            f"namespace that is yours, or check the account. {advice()}"
        )
    if status == 404 and run is not None:
        return f"{host} has no run {run.id} ({said}). It was deleted, or is another cluster's."
    if status == 404:
        return (
            f"{host} has no API of Kubeflow Pipelines 2 ({said}). Give the address of its UI, in "
            "full Kubeflow with /pipeline at its end; version 1 is not supported."
        )
    if status == 409:
        return (
            f"{host} has another run of that name ({said}). Submit again: names are new each time."
        )
    if status == 429:
        return f"{host} is too busy ({said}). Try again later."
    return (
        f"{host} refuses the request ({said}). Check backend.namespace and the cluster's version."
    )
