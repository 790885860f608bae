"""Why Vertex AI, or Artifact Registry, did not do what it was asked: one line with what to do."""

from __future__ import annotations

from ifgan.backends import Vertex
from ifgan.errors import UserError
from launchers.google_login import ADVICE
from launchers.wire import NotSentError, UnclearError, WireError


def explained(
    error: WireError,
    backend: Vertex,
    said: str,
    *,
    place: str = "Vertex AI",
    job: str | None = None,
) -> UserError:
    """The line for a request that failed.

    Parameters
    ----------
    said : words of the error, without secrets.
    place : who was asked.
    job : id of the job that was being submitted; an unclear answer leaves open whether it was.
    """
    said = said.rstrip(".")
    if isinstance(error, NotSentError):
        return UserError(f"{place} can't be reached ({said}). Check the network, and any proxy.")
    if isinstance(error, UnclearError):
        if job is not None:
            return UserError(
                f"{place} has not said whether it took the job {job} ({said}), and can't be asked "
                "now. It is not sent twice: python -m ifgan.fetch RUN_DIR looks again."
            )
        return UserError(
            f"{place} gives no usable answer ({said}). Try again later; "
            "https://status.cloud.google.com tells of outages."
        )
    return UserError(f"{place} refuses: {said}. {_remedy(error.status, said, backend, place)}")


def _remedy(status: int, said: str, backend: Vertex, place: str) -> str:
    """What the person can do; a proxy that asks to log in is 302."""
    project, location = backend.project, backend.location
    registry = place != "Vertex AI"
    if status == 401:
        return ADVICE
    if status == 403 and ("has not been used" in said or "disabled" in said):
        api = "artifactregistry" if registry else "aiplatform"
        return f"Enable it: `gcloud services enable {api}.googleapis.com --project={project}`."
    if status == 403 and "quota project" in said:
        return f"Run `gcloud auth application-default set-quota-project {project}`."
    if status == 403 and registry:
        return f"Your account needs roles/artifactregistry.writer in project {project}."
    if status == 403:
        account = backend.service_account or "the account that tasks run as"
        return (
            f"Your account needs roles/aiplatform.user in project {project}, and "
            f"roles/iam.serviceAccountUser on {account}."
        )
    if status == 404 and registry:
        return (
            "Make the repository: `python -m ifgan.provision backend=vertex project="
            f"{project} apply=true`; or set backend.register=false."
        )
    if status == 404:
        return f"Check backend.project={project} and backend.location={location}."
    if status == 429:
        return (
            "The quota is used up: try later, or raise it at "
            f"https://console.cloud.google.com/iam-admin/quotas?project={project}."
        )
    if status == 302:
        return "Check backend.endpoint, and any proxy."
    return "Add dry_run=true to see what is sent."
