"""Where things lie: ``gs://BUCKET/NAME``, ``s3://BUCKET/NAME`` or a path, checked before use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ifgan.errors import UserError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LONGEST = 1024  # bytes of a name, in either service


@dataclass(frozen=True)
class Address:
    """A place in a bucket or on a disk.

    Parameters
    ----------
    scheme : "gs", "s3"; "" for a path.
    bucket : "" for a path.
    name : of an object, or the beginning of many; without slashes at its ends. "" is the whole
        bucket. For a path, the absolute path.
    """

    scheme: str
    bucket: str
    name: str

    @classmethod
    def parse(cls, uri: str, *, option: str) -> Address:
        """The address that a person wrote.

        Raises
        ------
        UserError
            If it is of another kind, or holds what has no place in a name.
        """
        scheme, separator, rest = uri.partition("://")
        scheme = scheme.lower()
        if not separator:
            if not uri or "\0" in uri:
                raise UserError(f"{option} must be a path, gs://… or s3://…. Got {uri!r}.")
            return cls("", "", str(Path(uri).expanduser().absolute()))
        if scheme not in ("gs", "s3"):
            raise UserError(f"{option} must be a path, gs://… or s3://…. Got {uri!r}.")
        bucket, _, name = rest.partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise UserError(f"{option} must have the form {scheme}://BUCKET/NAME. Got {uri!r}.")
        name = name.rstrip("/")
        if name and (problem := problem_of(name)):
            raise UserError(f"{option}: a name in a bucket {problem}. Got {uri!r}.")
        return cls(scheme, bucket, name)

    @classmethod
    def of_object(cls, uri: str, *, option: str) -> Address:
        """The address of one object or file, rather than of a place that may hold many."""
        address = cls.parse(uri, option=option)
        if address.scheme and (not address.name or uri.endswith("/")):
            raise UserError(
                f"{option} must have the form {address.scheme}://BUCKET/NAME. Got {uri!r}."
            )
        return address

    def child(self, name: str) -> Address:
        """What lies below this place; ``name`` may hold slashes."""
        assert problem_of(name) is None, name
        return Address(self.scheme, self.bucket, f"{self.name}/{name}" if self.name else name)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.name}" if self.scheme else self.name


def problem_of(name: str) -> str | None:
    """Why a name can't be taken for an object, nor for a file below a folder; None if it can.

    Names come from listings too: whoever writes into a bucket must not choose where on this
    machine its objects land.
    """
    parts = name.split("/")
    if re.search(r"[\x00-\x1f\x7f\\]", name):
        return "must be free of control characters and backslashes"
    if any(part in ("", ".", "..") for part in parts):
        return "must have no empty part, '.' or '..'"
    if len(name.encode(errors="surrogatepass")) > _LONGEST:
        return f"must be no longer than {_LONGEST:,} bytes"
    if any(len(part.encode(errors="surrogatepass")) > 240 for part in parts):
        return "must have no part longer than 240 bytes"
    return None
