"""Downloads over https: resumed where they broke off, started over where they can't be.

A request for the rest of a file carries its validator (``If-Range``), so that the answer is
either the rest of the same file (206) or the whole of what is there now (200). A connection
that ends early, and a server that is busy, are tried again as long as bytes keep coming; a
first connection that fails is not: that is a machine without a network, and it should say so.

Source: RFC 9110, sections 8.8 (validators), 13.1.5 (If-Range) and 14 (ranges).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from ifgan.errors import UserError, refuse_accounts
from ifgan.partial import Part, Version, in_few_words
from ifgan.progress import Progress

if TYPE_CHECKING:
    from requests import Response, Session

log = logging.getLogger(__name__)

_LOCALHOST = ("localhost", "127.0.0.1", "::1")
_CHUNK = 2**16  # a connection that breaks off takes at most this much with it
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two packets
_PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before each new try that brought nothing
_REDIRECTS = 10
_BUSY = (408, 425, 429, 500, 502, 503, 504)


class _BrokenError(Exception):
    """The transfer ended before the file did; trying again may help."""


def parse(url: str, *, option: str) -> SplitResult:
    """The parts of an address that may be downloaded from.

    Raises
    ------
    UserError
        If it is malformed, names an account, or is unencrypted and not on this machine.
    """
    refuse_accounts([f"{option}={url}"])
    parts = _split(url)
    if not parts.hostname or re.search(r"[\s\x00-\x1f]", url):
        raise UserError(f"{option} must have the form https://HOST/PATH. Got {url!r}.")
    if not _trusted(parts):
        raise UserError(
            f"{option}: {_shown(url)} is not encrypted, and anyone on the way could change the "
            "file. Use https://, or download it yourself and give the path."
        )
    return parts


def download(url: str, part: Part, *, option: str, progress: Progress) -> None:
    """Bring the whole file into ``part``, going on from what is there.

    Parameters
    ----------
    url : checked by `parse`.
    option : the option that ``url`` comes from, for messages.

    Raises
    ------
    UserError
        If the server can't be reached, does not have or give the file, or keeps breaking off.
    """
    import requests

    most, failures, reached = part.held, 0, False
    with requests.Session() as session:
        while True:
            try:
                with _get(session, url, part, option=option) as response:
                    reached = True
                    _check_status(response, url, part, option=option)
                    _receive(response, part, option=option, progress=progress)
                return
            except (requests.RequestException, _BrokenError) as error:
                reason, host = in_few_words(error), _split(url).hostname or ""
                if not reached:
                    raise part.unreachable(host, reason, option=option) from error
            failures = 0 if part.held > most else failures + 1
            most = max(most, part.held)
            if failures >= len(_PAUSES):
                raise UserError(
                    f"{option}: {host} keeps breaking off ({reason}); {part.held:,} bytes of "
                    f"{part.place.name} are here. Run the same command later to continue, or put "
                    f"the file at {part.place}."
                )
            log.info("%s broke off (%s); going on in %.0f s.", host, reason, _PAUSES[failures])
            time.sleep(_PAUSES[failures])


def _get(session: Session, url: str, part: Part, *, option: str) -> Response:
    """Ask for what is missing, following redirects to places that may be trusted."""
    headers = {"Accept-Encoding": "identity"}  # sizes and ranges count the file's own bytes
    version = part.version()
    if version and version.validator:
        headers |= {"Range": f"bytes={part.held}-", "If-Range": version.validator}
    for _ in range(_REDIRECTS):
        try:
            response = session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=_TIMEOUT
            )
        except ValueError as error:  # what `parse` lets pass and the library does not
            raise UserError(
                f"{option}: {_shown(url)} is malformed or redirects to an address that is."
            ) from error
        if not response.is_redirect:
            return response
        response.close()
        target = _split(url, response.headers["Location"])
        if not _trusted(target, came_from=_split(url)):
            raise UserError(
                f"{option}: {_shown(url)} redirects to {_shown(response.headers['Location'])}, "
                f"which is not https. Download the file yourself and put it at {part.place}."
            )
        url = target.geturl()
    raise UserError(f"{option}: {_shown(url)} redirects without end. Check the address.")


def _check_status(response: Response, url: str, part: Part, *, option: str) -> None:
    status = f"{response.status_code} {response.reason}"
    host = _split(url).hostname
    if response.status_code in (200, 206, 416):
        return
    if response.status_code in _BUSY:
        raise _BrokenError(f"it answers {status}")
    if response.status_code in (404, 410):
        raise UserError(f"{option}: {host} has no such file ({status}): {_shown(url)}. Check it.")
    if response.status_code in (401, 403):
        raise UserError(
            f"{option}: {host} refuses access to {_shown(url)} ({status}). Download it with an "
            f"account that may, and put it at {part.place}."
        )
    raise UserError(
        f"{option}: {host} answers {status} to {_shown(url)}. Check the address, or put the file "
        f"at {part.place}."
    )


def _receive(response: Response, part: Part, *, option: str, progress: Progress) -> None:
    """Write what comes; raises unless the file is then complete."""
    if (coding := response.headers.get("Content-Encoding", "identity")) != "identity":
        raise UserError(
            f"{option}: the server packs the file in {coding}, though asked not to. Download and "
            f"unpack it yourself, and put it at {part.place}."
        )
    version = part.version()
    if response.status_code == 416 and version and part.held == version.size:
        return  # nothing comes after what is here: an earlier run died just before the end
    if response.status_code == 200:
        version = Version(_validator(response.headers), _length(response.headers))
        part.start(version)
    elif version is None or not _continues(response, part.held, version):
        part.discard()
        raise _BrokenError("the file there has changed")
    part.append(response.iter_content(_CHUNK), size=version.size, progress=progress)
    if version.size is not None and part.held != version.size:
        if part.held > version.size:
            part.discard()
        raise _BrokenError(f"it ended at {part.held:,} of {version.size:,} bytes")


def _continues(response: Response, held: int, version: Version) -> bool:
    """Whether an answer holds the bytes behind the first ``held`` of this version."""
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if response.status_code != 206 or not said or int(said[1]) != held:
        return False
    if said[2] != "*" and version.size is not None and int(said[2]) != version.size:
        return False
    # A server may know ranges and not If-Range.
    return _validator(response.headers) in (None, version.validator)


def _validator(headers: Mapping[str, str]) -> str | None:
    """A strong ETag, else the time of the last change; a weak ETag does not promise equal bytes."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _length(headers: Mapping[str, str]) -> int | None:
    said = headers.get("Content-Length", "")
    return int(said) if said.isdecimal() else None


def _split(url: str, relative: str = "") -> SplitResult:
    """The parts of an address; empty ones if it is malformed."""
    try:
        parts = urlsplit(urljoin(url, relative))
        _ = parts.port  # a malformed one is found only when asked for
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def _trusted(parts: SplitResult, *, came_from: SplitResult | None = None) -> bool:
    """Encrypted, or on this machine and not sent there from elsewhere."""
    if parts.scheme == "http":
        return parts.hostname in _LOCALHOST and (
            came_from is None or came_from.hostname in _LOCALHOST
        )
    return parts.scheme == "https"


def _shown(url: str) -> str:
    """An address without what may be secret: account, query."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])
