"""Google Cloud Storage: the one module that talks to it.

An object is read in ranges of one generation, so that a broken transfer continues and a
replaced object is noticed. It is made once: the request names the generation that it replaces,
0 for none, so that an answer that was lost on its way does no harm, and it carries the
checksum, so that the bucket takes the right bytes or none.

Busy answers and broken connections are tried again as the library does it, up to a deadline.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ifgan.partial import in_few_words
from ifgan.progress import Progress
from ifgan.storage.base import StorageError, Stored, pieces, size_of, watched

log = logging.getLogger(__name__)

_RANGE = 16 * 2**20
_SENT = 16 * 2**20  # bytes of one request of an upload; smaller objects take one
_FIRST_ANSWER = 10.0  # seconds of trying, before the bucket has answered at all
_EACH_RANGE = 120.0  # seconds of trying, once it has
_CHOOSE_CLIENT = ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "HOME")
_FIELDS = "items(name,size,crc32c,generation),nextPageToken"


class Gcs:
    """The objects of one bucket."""

    host = "storage.googleapis.com"

    def __init__(self, bucket: str) -> None:
        with _translated():
            self._client = _client(*(os.environ.get(name) for name in _CHOOSE_CLIENT))
        self._bucket = self._client.bucket(bucket)

    def find(self, name: str) -> Stored | None:
        with _translated():
            blob = self._bucket.get_blob(name, retry=_retry(_FIRST_ANSWER), timeout=_FIRST_ANSWER)
        return None if blob is None else _stored(blob)

    def entries(self, prefix: str) -> Iterator[Stored]:
        with _translated(missing="no bucket"):
            found = self._client.list_blobs(
                self._bucket,
                prefix=f"{prefix}/" if prefix else None,
                fields=_FIELDS,
                retry=_retry(_FIRST_ANSWER),
                timeout=_FIRST_ANSWER,
            )
            for blob in found:
                if not blob.name.endswith("/"):  # consoles make such objects for empty folders
                    yield _stored(blob)

    def ranges(self, stored: Stored, start: int) -> Iterator[bytes]:
        with _translated(missing="replaced"):
            blob = self._bucket.blob(stored.name, generation=int(stored.version))
            for first in range(start, stored.size, _RANGE):
                last = min(first + _RANGE, stored.size) - 1
                data = blob.download_as_bytes(
                    start=first,
                    end=last,
                    raw_download=True,
                    if_generation_match=int(stored.version),
                    checksum=None,  # the bucket's is of the whole object
                    retry=_retry(_EACH_RANGE),
                )
                if len(data) != last + 1 - first:
                    raise StorageError("unreachable", "it sent less than was asked for")
                yield data

    def matches(self, source: Path | bytes, stored: Stored) -> bool:
        return size_of(source) == stored.size and f"crc32c={_crc32c(source)}" == stored.checksum

    def put(self, path: Path, name: str, *, replacing: Stored | None, progress: Progress) -> bool:
        from google.api_core import exceptions

        blob = self._bucket.blob(name, chunk_size=_SENT)
        blob.crc32c = _crc32c(path)
        with _translated(missing="no bucket"), watched(path, progress) as file:
            try:
                blob.upload_from_file(
                    file,
                    size=path.stat().st_size,
                    content_type="application/octet-stream",
                    if_generation_match=int(replacing.version) if replacing else 0,
                    checksum=None,  # the bucket compares it with ours
                    retry=_retry(_EACH_RANGE),
                )
            except exceptions.PreconditionFailed:
                return False
        return True


@functools.lru_cache(maxsize=4)
def _client(*_: str | None) -> Any:
    """A client of the standard credentials; the arguments are what decides about it."""
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import storage

    try:
        return storage.Client(project=None)  # objects have names without one
    except DefaultCredentialsError:
        log.info("No Google credentials: reaching gs:// as anyone may.")
        return storage.Client.create_anonymous_client()


def _stored(blob: Any) -> Stored:
    return Stored(blob.name, int(blob.size), f"crc32c={blob.crc32c}", str(blob.generation))


def _retry(seconds: float) -> Any:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(seconds)


def _crc32c(source: Path | bytes) -> str:
    """Checksum as the bucket writes it: big-endian, base64."""
    import google_crc32c

    checksum = 0
    for piece in pieces(source):
        checksum = google_crc32c.extend(checksum, piece)
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()


@contextlib.contextmanager
def _translated(*, missing: Any = "missing") -> Iterator[None]:
    """Errors of the library in our words."""
    import requests
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError, InvalidOperation, RefreshError

    try:
        yield
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise StorageError("refused", in_few_words(error)) from error
    except (RefreshError, InvalidOperation) as error:  # of credentials that are none
        raise StorageError("refused", in_few_words(error)) from error
    except exceptions.NotFound as error:
        raise StorageError(missing, in_few_words(error)) from error
    except exceptions.PreconditionFailed as error:
        raise StorageError("replaced", in_few_words(error)) from error
    except exceptions.ClientError as error:
        kind: Any = "unreachable" if error.code in (408, 429) else "rejected"
        raise StorageError(kind, in_few_words(error)) from error
    except (exceptions.GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
        raise StorageError("unreachable", in_few_words(error)) from error
    except ConnectionError as error:
        raise StorageError("unreachable", in_few_words(error)) from error
