"""The plan of backend=vertex: APIs, bucket, registries, account, images, configuration."""

from __future__ import annotations

from collections.abc import Sequence

from ifgan.provision import google
from ifgan.provision.images import push_images
from ifgan.provision.options import Options
from ifgan.provision.plan import Step


def plan(options: Options) -> Sequence[Step]:
    """Everything Vertex AI Pipelines needs, in order."""
    return [
        google.enable(options, "aiplatform", "artifactregistry", "storage", "iam"),
        google.make_bucket(options),
        google.make_repository(
            options, options.repository, form="docker", title="Make the repository of images"
        ),
        google.make_repository(
            options,
            f"{options.repository}-templates",
            form="kfp",
            title="Make the repository of pipeline templates",
        ),
        google.make_account(options),
        google.grant(options, project_roles=["roles/aiplatform.user"]),
        *push_images(options, lambda: _settings(options)),
    ]


def _settings(options: Options) -> dict[str, str]:
    return {
        "project": options.project,
        "location": options.location,
        "repository": options.repository,
    }
