"""register=true: the compiled pipeline as a version of the template "ifgan" in Artifact Registry.

The tag of a version is made of the digest of its bytes, so equal pipelines are uploaded once. A
job that names its template by version is listed under it in Vertex AI's console; tags in a job's
templateUri are answered with 500.

Source: kfp.registry.RegistryClient, which knows no time limits; Artifact Registry's REST API, v1;
googleapis/python-aiplatform, issue 2181.
"""

from __future__ import annotations

import hashlib
import re

from ifgan.backends import Vertex
from launchers.compile import IR, PIPELINE, to_yaml
from launchers.google_login import GoogleLogin
from launchers.wire import Api, NotSentError, Patience, RefusedError, UnclearError, WireError

_REGISTRY = "https://artifactregistry.googleapis.com"


def register(login: GoogleLogin, backend: Vertex, patience: Patience, pipeline: IR) -> str:
    """Upload a pipeline unless it is there; the templateUri of its version.

    Raises
    ------
    WireError
        If that fails.
    """
    local = backend.endpoint if login.anonymous else None  # which stands for the registry, too
    templates = f"{backend.project}/{backend.repository}-templates"
    public = f"https://{backend.location}-kfp.pkg.dev"
    api = Api(local or _REGISTRY, headers=login.headers, patience=patience)
    uploads = Api(local or public, headers=login.headers, patience=patience)
    text = to_yaml(pipeline).encode()
    tag = f"v{hashlib.sha256(text).hexdigest()[:32]}"
    version = _version(api, backend, tag)
    problem: WireError = UnclearError("it has no version after an upload")
    for pause in patience.pauses:
        if version is not None:
            return f"{public}/{templates}/{PIPELINE}/{version}"
        try:
            uploads.once("POST", templates, form={"tags": tag}, file=("content", text))
        except UnclearError as error:
            problem = error  # so is success: it is answered in plain text; the tag tells
        except (NotSentError, RefusedError) as error:
            problem = error
            if error.status != 409 and not error.is_passing and not isinstance(error, NotSentError):
                raise
        version = _version(api, backend, tag)
        if version is None:
            patience.wait(pause, problem.retry_after)
    raise problem


def _version(api: Api, backend: Vertex, tag: str) -> str | None:
    """The version that a tag stands for; None if there is no such tag, or nothing to have it."""
    try:
        found = api.get(
            f"v1/projects/{backend.project}/locations/{backend.location}/repositories/"
            f"{backend.repository}-templates/packages/{PIPELINE}/tags/{tag}"
        )
    except RefusedError as error:
        if error.status == 404:
            return None
        raise
    named = re.fullmatch(r".*/(sha256:[0-9a-f]{64})", str(found.get("version")))
    if named is None:
        raise UnclearError("its answer names no version")
    return named[1]
