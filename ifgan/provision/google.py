"""The steps that both backends need, in any project of Google Cloud.

Roles are the least that do: the account of the tasks reads and writes one bucket, pulls images of
one repository, and, on Vertex AI, reports on its own tasks.

Source: Google Cloud's documentation of each command and role.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from ifgan.provision import bucket
from ifgan.provision.options import Options
from ifgan.provision.plan import Command, Step, command


def gcloud(options: Options, *arguments: str) -> Command:
    """A gcloud command in the project, which asks nothing."""
    return command("gcloud", *arguments, f"--project={options.project}", "--quiet")


def enable(options: Options, *apis: str) -> Step:
    """Switch APIs on; those that are on stay on."""
    names = [f"{api}.googleapis.com" for api in apis]
    return Step("Enable the APIs", [gcloud(options, "services", "enable", *names)])


def make_bucket(options: Options) -> Step:
    """The bucket of artifacts and weights."""
    name = options.artifacts_bucket
    return Step(
        "Make the bucket for artifacts",
        call=functools.partial(
            bucket.create, name, project=options.project, location=options.location
        ),
        said=[
            f"# through google-cloud-storage: bucket gs://{name} in {options.location}, uniform "
            "access, never public"
        ],
    )


def make_repository(options: Options, name: str, *, form: str, title: str) -> Step:
    """A repository of Artifact Registry."""
    where = f"--location={options.location}"
    return Step(
        title,
        [
            gcloud(
                options,
                *("artifacts", "repositories", "create", name, where),
                f"--repository-format={form}",
            )
        ],
        check=gcloud(options, "artifacts", "repositories", "describe", name, where),
    )


def make_account(options: Options) -> Step:
    """The account that tasks run as."""
    accounts = ("iam", "service-accounts")
    return Step(
        "Make the service account of the tasks",
        [
            gcloud(
                options,
                *(*accounts, "create", options.account_name, "--display-name=ifgan tasks"),
            )
        ],
        check=gcloud(options, *accounts, "describe", options.service_account),
    )


def grant(options: Options, *, project_roles: Sequence[str]) -> Step:
    """Its roles: on bucket, images and templates; on the project what can't be had narrower."""
    member = f"--member=serviceAccount:{options.service_account}"
    commands = [
        gcloud(
            options,
            *("storage", "buckets", "add-iam-policy-binding", f"gs://{options.artifacts_bucket}"),
            *(member, f"--role={role}"),
        )
        for role in ("roles/storage.objectUser", "roles/storage.legacyBucketReader")
    ]
    templates = [f"{options.repository}-templates"] if options.backend == "vertex" else []
    commands += [
        gcloud(
            options,
            *("artifacts", "repositories", "add-iam-policy-binding", repository),
            f"--location={options.location}",
            *(member, "--role=roles/artifactregistry.reader"),
        )
        for repository in (options.repository, *templates)
    ]
    commands += [
        gcloud(
            options,
            *("projects", "add-iam-policy-binding", options.project, member),
            *(f"--role={role}", "--condition=None"),
        )
        for role in project_roles
    ]
    if options.submitter:
        commands.append(
            gcloud(
                options,
                *("iam", "service-accounts", "add-iam-policy-binding", options.service_account),
                *(f"--member={options.submitter}", "--role=roles/iam.serviceAccountUser"),
            )
        )
    return Step("Grant the least roles", commands)
