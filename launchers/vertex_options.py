"""What Vertex AI asks of names and options, beyond what every backend does.

Source: PipelineJob of Vertex AI's REST API, v1; "Requirements for labels" of Google Cloud.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from ifgan.backends import Vertex
from ifgan.errors import UserError
from ifgan.ranges import matches
from launchers.machines import check_svm_has_no_accelerator

_ID = r"[a-z][-a-z0-9]{0,127}"
_ROOT = r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[^?#*\[\]\\]*)?"
_ACCOUNT = r"[a-z0-9][a-z0-9-]*@[a-z0-9][a-z0-9.-]+"
_LABEL = r"[a-z][-_a-z0-9]{0,62}"
_RESERVED = "vertex-ai-pipelines-"
_MOST_LABELS = 64
_PROVISION = (
    "`python -m ifgan.provision backend=vertex project=PROJECT apply=true` builds the images and "
    "pushes them."
)


def check_options(backend: Vertex) -> None:
    """Refuse options that Vertex AI would.

    Raises
    ------
    UserError
        Naming the option.
    """
    root, key, location = backend.pipeline_root, backend.encryption_key, backend.location
    if root is not None and not re.fullmatch(_ROOT, root):
        raise UserError(f"backend.pipeline_root of vertex must be gs://BUCKET/FOLDER. Got {root}.")
    example = "NAME@PROJECT.iam.gserviceaccount.com"
    matches("backend.service_account", backend.service_account, _ACCOUNT, example=example)
    if key is not None and f"/locations/{location}/" not in key:
        raise UserError(
            f"backend.encryption_key must lie in backend.location={location}. Got {key}."
        )
    _check_labels(backend.labels)
    check_svm_has_no_accelerator(backend)


def check_id(name: str) -> str:
    """The name, if it can be a job's id and stand in an address."""
    matches("the name of a pipeline job", name, _ID, example="ifgan-1")
    return name


def check_images(backend: Vertex, used: Collection[str]) -> None:
    """Refuse images that are on this machine only.

    Parameters
    ----------
    used : the images that a pipeline needs.

    Raises
    ------
    UserError
        Naming the option.
    """
    for step, image in vars(backend.images).items():
        if image in used and not _is_remote(image):
            example = f"{backend.location}-docker.pkg.dev/PROJECT/ifgan/{step}@sha256:…"
            raise UserError(
                f"backend.images.{step} must be the path of a registry like {example}. Got "
                f"'{image}'. {_PROVISION}"
            )


def doubtful_images(backend: Vertex) -> Iterator[str]:
    """A line for images that are on this machine only, and for each that is no digest."""
    images = vars(backend.images).items()
    if local := [step for step, image in images if not _is_remote(image)]:
        yield (
            f"backend.images of {', '.join(local)}: names of this machine, which Vertex AI can't "
            f"pull. {_PROVISION}"
        )
    for step, image in images:
        if _is_remote(image) and "@sha256:" not in image:
            yield (
                f"backend.images.{step}={image} is no digest: Vertex AI's cache does not see when "
                "what it names changes. Pin it as NAME@sha256:…"
            )


def _is_remote(image: str) -> bool:
    """Whether the first part of an image's name is a host."""
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host)


def _check_labels(labels: Mapping[str, str]) -> None:
    for key in labels:
        matches("backend.labels of vertex", key, _LABEL, example="team")
        if key.startswith(_RESERVED):
            raise UserError(
                f"backend.labels must not begin with {_RESERVED}, which Vertex AI sets. Got {key}."
            )
    if len(labels) >= _MOST_LABELS:
        raise UserError(
            f"backend.labels must be fewer than {_MOST_LABELS} on vertex. Got {len(labels)}."
        )
