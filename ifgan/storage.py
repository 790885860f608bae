"""Google Cloud Storage: the one module that talks to it.

An object is read in ranges of one generation, so that a broken transfer continues and a
replaced object is noticed; the whole is then held against the checksum the bucket keeps.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ifgan.errors import UserError
from ifgan.partial import Part, Version, in_few_words
from ifgan.progress import Progress

log = logging.getLogger(__name__)

_HOST = "storage.googleapis.com"
_RANGE = 16 * 2**20
_FIRST_ANSWER = 10.0  # seconds of trying, before the bucket has answered at all
_EACH_RANGE = 120.0  # seconds of trying, once it has


def parse(uri: str, *, option: str) -> tuple[str, str]:
    """Bucket and object name of ``gs://BUCKET/NAME``."""
    bucket, _, name = uri.partition("://")[2].partition("/")
    if not bucket or not name or name.endswith("/"):
        raise UserError(f"{option} must have the form gs://BUCKET/NAME. Got {uri!r}.")
    return bucket, name


def download(uri: str, part: Part, *, option: str, progress: Progress) -> None:
    """Bring the whole object into ``part``, going on from what is there.

    Raises
    ------
    UserError
        If the bucket can't be reached, the object does not exist or may not be read, it is
        replaced meanwhile, or what came is not what the bucket holds.
    """
    import requests
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError, InvalidOperation, RefreshError

    bucket, name = parse(uri, option=option)
    try:
        blob = _find(bucket, name)
        if blob is None:
            raise UserError(f"{option}: there is no object {uri}. Check bucket and name.")
        version = Version(str(blob.generation), blob.size)
        if part.version() != version:
            part.start(version)
        part.append(_ranges(blob, part.held), size=blob.size, progress=progress)
    except (
        exceptions.Forbidden,
        exceptions.Unauthorized,
        RefreshError,
        InvalidOperation,  # of credentials that are none
    ) as error:
        raise UserError(
            f"{option}: access to {uri} is refused. Log in with `gcloud auth application-default "
            f"login`, or put the file at {part.place}."
        ) from error
    except (exceptions.NotFound, exceptions.PreconditionFailed) as error:
        raise UserError(
            f"{option}: {uri} was replaced while it was read. Run the same command again."
        ) from error
    except exceptions.ClientError as error:
        raise UserError(f"{option}: {_HOST} refuses {uri} ({in_few_words(error)}).") from error
    except (exceptions.GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
        raise part.unreachable(_HOST, in_few_words(error), option=option) from error
    if blob.crc32c and _crc32c(part.path) != blob.crc32c:
        part.discard()
        raise UserError(f"{option}: {uri} arrived damaged. Run the same command again.")


def _find(bucket: str, name: str) -> Any:
    """The object with its generation, size and checksum; None if it does not exist."""
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import storage
    from google.cloud.storage.retry import DEFAULT_RETRY

    try:
        client = storage.Client(project=None)  # objects have names without one
    except DefaultCredentialsError:
        log.info("No Google credentials: reading gs://%s as anyone may.", bucket)
        client = storage.Client.create_anonymous_client()
    retry = DEFAULT_RETRY.with_timeout(_FIRST_ANSWER)
    return client.bucket(bucket).get_blob(name, retry=retry, timeout=_FIRST_ANSWER)


def _ranges(blob: Any, start: int) -> Iterator[bytes]:
    """The object's bytes from ``start`` on, as stored."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    for first in range(start, blob.size, _RANGE):
        yield blob.download_as_bytes(
            start=first,
            end=min(first + _RANGE, blob.size) - 1,
            raw_download=True,
            if_generation_match=blob.generation,
            checksum=None,  # the bucket's is of the whole object
            retry=DEFAULT_RETRY.with_timeout(_EACH_RANGE),
        )


def _crc32c(path: Path) -> str:
    """Checksum of a file as the bucket writes it: big-endian, base64."""
    import google_crc32c

    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            checksum = google_crc32c.extend(checksum, chunk)
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()
