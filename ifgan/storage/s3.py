"""S3 and what speaks its protocol (MinIO, Ceph): the one module that talks to it.

The endpoint, the account and the region are those of the standard environment and files of AWS
(``AWS_ENDPOINT_URL``, ``AWS_PROFILE``, …). Parts carry their MD5, so that the service refuses
damaged ones; our own objects also carry the SHA-256 of the whole, because what an ETag means
depends on how an object was written: MD5 of the bytes; MD5 of the MD5s of its parts; or nothing,
of an object that the service encrypts with a key of the user's.

Source: Amazon S3 API reference, PutObject (If-None-Match), GetObject (If-Match, partNumber).
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import importlib.util
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ifgan.errors import UserError
from ifgan.files import sha256_once
from ifgan.partial import in_few_words
from ifgan.progress import Progress
from ifgan.storage.base import StorageError, Stored, pieces, size_of, watched

log = logging.getLogger(__name__)

_RANGE = 16 * 2**20
_WHOLE = 64 * 2**20  # larger objects are made in parts
_MOST_PARTS = 10_000
_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before a body that broke off is asked for again
_TRIES = 6  # of one request, with the library's own backoff
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two packets


class S3:
    """The objects of one bucket."""

    def __init__(self, bucket: str, *, endpoint: str | None = None) -> None:
        self._bucket = bucket
        require_boto3()
        with _translated():
            self._client = _client(endpoint or _endpoint())
        self.host = self._client.meta.endpoint_url.partition("://")[2]

    def find(self, name: str) -> Stored | None:
        try:
            found = self._head(name)
        except StorageError as error:
            if error.kind == "missing":
                return None
            raise
        return Stored(name, found["ContentLength"], f"etag={found['ETag']}", found["ETag"])

    def entries(self, prefix: str) -> Iterator[Stored]:
        pages = self._client.get_paginator("list_objects_v2")
        with _translated(missing="no bucket"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=f"{prefix}/" if prefix else ""):
                for entry in page.get("Contents", []):
                    if not entry["Key"].endswith("/"):  # consoles make such for empty folders
                        etag = entry["ETag"]
                        yield Stored(entry["Key"], entry["Size"], f"etag={etag}", etag)

    def ranges(self, stored: Stored, start: int) -> Iterator[bytes]:
        for first in range(start, stored.size, _RANGE):
            yield self._range(stored, first, min(first + _RANGE, stored.size) - 1)

    def _range(self, stored: Stored, first: int, last: int) -> bytes:
        """Some bytes of an object. The library repeats a request, but not a body's end."""
        for pause in (*_PAUSES, None):
            try:
                with _translated(missing="replaced"):
                    answer = self._client.get_object(
                        Bucket=self._bucket,
                        Key=stored.name,
                        Range=f"bytes={first}-{last}",
                        IfMatch=stored.version,
                    )
                    data: bytes = answer["Body"].read()
                if len(data) == last + 1 - first:
                    return data
                trouble = StorageError("unreachable", "it sent less than was asked for")
            except StorageError as error:
                trouble = error
            if trouble.kind != "unreachable" or pause is None:
                break
            time.sleep(pause)
        raise trouble

    def matches(self, source: Path | bytes, stored: Stored) -> bool:
        if size_of(source) != stored.size:
            return False
        if f'"{_md5(source).hexdigest()}"' == stored.version:
            return True
        head = self._head(stored.name)
        if known := head.get("Metadata", {}).get("sha256"):
            found = hashlib.sha256()
            for piece in pieces(source):
                found.update(piece)
            return bool(found.hexdigest() == known)
        if head.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in head:
            log.warning("%s has no checksum that can be compared; its size is right.", stored.name)
            return True
        if "-" not in stored.version:
            return False
        part = self._head(stored.name, PartNumber=1)["ContentLength"]
        return _etag_of_parts([_md5(piece).digest() for piece in pieces(source, part)]) == (
            stored.version
        )

    def put(self, path: Path, name: str, *, replacing: Stored | None, progress: Progress) -> bool:
        about = {"Bucket": self._bucket, "Key": name}
        condition = {"IfMatch": replacing.version} if replacing else {"IfNoneMatch": "*"}
        metadata = {"sha256": sha256_once(path)}
        with _translated(missing="no bucket"), watched(path, progress) as file:
            size = path.stat().st_size
            try:
                if size <= _WHOLE:
                    md5 = base64.b64encode(_md5(path).digest()).decode()
                    self._client.put_object(
                        **about, **condition, Body=file, ContentMD5=md5, Metadata=metadata
                    )
                else:
                    self._put_parts(about, condition, metadata, file, size)
            except self._client.exceptions.ClientError as error:
                if _status(error) in (409, 412):
                    return False
                raise
        return True

    def _put_parts(
        self, about: Any, condition: Any, metadata: dict[str, str], file: Any, size: int
    ) -> None:
        """Upload in parts; the object appears with the last request, or not at all."""
        upload = self._client.create_multipart_upload(**about, Metadata=metadata)["UploadId"]
        parts: list[dict[str, Any]] = []
        try:
            while data := file.read(max(_RANGE, -(-size // _MOST_PARTS))):
                number = len(parts) + 1
                md5 = base64.b64encode(_md5(data).digest()).decode()
                sent = self._client.upload_part(
                    **about, UploadId=upload, PartNumber=number, Body=data, ContentMD5=md5
                )
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            self._client.complete_multipart_upload(
                **about, **condition, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self._client.abort_multipart_upload(**about, UploadId=upload)
            raise

    def _head(self, name: str, **more: Any) -> dict[str, Any]:
        with _translated():
            found: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=name, **more)
        return found


def require_boto3() -> None:
    """Say what to install if it is not there."""
    if importlib.util.find_spec("boto3") is None:
        raise UserError('s3:// needs boto3, which is not installed: pip install "ifgan[s3]"')


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


@functools.lru_cache(maxsize=4)
def _client(endpoint: str | None) -> Any:
    """A client of the standard environment; a service of one's own has its buckets in paths."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    session = boto3.session.Session()
    signed: dict[str, Any] = {}
    if session.get_credentials() is None:
        log.info("No AWS credentials: reaching s3:// as anyone may.")
        signed = {"signature_version": UNSIGNED}
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _TRIES},
        connect_timeout=_TIMEOUT[0],
        read_timeout=_TIMEOUT[1],
        # Not every service knows the newer checksums; MD5 and ETag are known to all.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        **({"s3": {"addressing_style": "path"}} if endpoint else {}),
        **signed,
    )
    return session.client("s3", endpoint_url=endpoint, config=config)


def _md5(source: Path | bytes) -> Any:
    found = hashlib.md5(usedforsecurity=False)
    for piece in pieces(source):
        found.update(piece)
    return found


def _etag_of_parts(md5s: list[bytes]) -> str:
    return f'"{_md5(b"".join(md5s)).hexdigest()}-{len(md5s)}"'


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextlib.contextmanager
def _translated(*, missing: Any = "missing") -> Iterator[None]:
    """Errors of the library in our words."""
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        code, said = error.response["Error"].get("Code", ""), error.response["Error"]
        status, reason = _status(error), f"{code}: {said.get('Message', '')}".strip(": ")
        kind: Any = "rejected"
        if code == "NoSuchBucket":
            kind = "no bucket"
        elif status in (401, 403):
            kind = "refused"
        elif status == 404:
            kind = missing
        elif status == 412:
            kind = "replaced"
        elif status in (408, 429) or status >= 500:
            kind = "unreachable"
        elif status in (301, 400) and ("Redirect" in code or "Region" in reason or code == "301"):
            reason += "; set AWS_REGION to the region of the bucket"
        raise StorageError(kind, " ".join(reason.split())[:200]) from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise StorageError("refused", in_few_words(error)) from error
    except (
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
    ) as error:  # no way to the service, or one that broke
        raise StorageError("unreachable", _cause(error)) from error
    except (exceptions.IncompleteReadError, ConnectionError) as error:
        raise StorageError("unreachable", in_few_words(error)) from error
    except (exceptions.BotoCoreError, ValueError) as error:
        raise StorageError("rejected", in_few_words(error)) from error


def _cause(error: Any) -> str:
    """What broke, without the whole address again."""
    reason = in_few_words(error)
    return reason if "://" not in reason else str(reason).partition(': "')[0]
