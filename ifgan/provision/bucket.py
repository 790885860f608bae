"""The bucket of artifacts, through google-cloud-storage."""

from __future__ import annotations

from ifgan.errors import UserError

_TIMEOUT = 30.0


def create(name: str, *, project: str, location: str) -> str:
    """Make the bucket unless it is there; a line that says which.

    Access is by roles alone, and nothing in it can be made public.

    Raises
    ------
    UserError
        If the name is somebody else's, the bucket lies elsewhere, or we may not make it.
    """
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import storage

    try:
        client = storage.Client(project=project)
        bucket = client.lookup_bucket(name, timeout=_TIMEOUT)
        if bucket is None:
            bucket = client.bucket(name)
            bucket.iam_configuration.uniform_bucket_level_access_enabled = True
            bucket.iam_configuration.public_access_prevention = "enforced"
            client.create_bucket(bucket, location=location, timeout=_TIMEOUT)
            return f"gs://{name} made in {location}"
    except exceptions.Forbidden as error:
        raise UserError(
            f"bucket: gs://{name} can't be used from project {project} "
            f"({_words(error)}). Choose another name with bucket=…, or ask for the role Storage "
            "Admin."
        ) from error
    except exceptions.Conflict as error:
        raise UserError(
            f"bucket: the name gs://{name} is taken by another project. Choose another with "
            "bucket=…."
        ) from error
    except GoogleAuthError as error:
        raise UserError(
            f"no Google credentials ({_words(error)}). Run gcloud auth application-default login."
        ) from error
    except exceptions.GoogleAPIError as error:
        raise UserError(f"bucket: gs://{name} can't be made ({_words(error)}).") from error
    found = str(bucket.location or location).lower()
    if found not in (location, location.split("-")[0]):
        raise UserError(
            f"bucket: gs://{name} lies in {found}, not in {location}. Set location={found}, or "
            "another bucket=…."
        )
    return f"gs://{name} is there"


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
