"""JSON over HTTP to a place that runs pipelines: bounded waits, and tries again only where safe.

What matters of a request that failed is whether the place may have taken it. ``NotSentError``:
it can't have. ``RefusedError``: it said no. ``UnclearError``: nobody knows; asking (GET) is tried
again, whereas who submits has to look first.

Source: RFC 9110, sections 9.2 (safe and idempotent methods) and 10.2.3 (Retry-After).
"""

from __future__ import annotations

import email.utils
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ifgan.partial import in_few_words

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

Headers = Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Patience:
    """How long a place is waited for, in seconds.

    Parameters
    ----------
    connect : until a connection stands.
    answer : between two packets of an answer.
    pauses : before each new try; each varies by half, so that clients don't come back together.
    longest : the most of what a place asks to wait (Retry-After).
    sleep : waits.
    """

    connect: float = 10.0
    answer: float = 60.0
    pauses: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0)
    longest: float = 120.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, pause: float, asked: float | None = None) -> None:
        """Sleep before a new try: as long as the place asked for, else about ``pause``."""
        varied = pause * random.Random().uniform(0.5, 1.5)
        self.sleep(varied if asked is None else min(max(asked, varied), self.longest))


class WireError(Exception):
    """A request brought no answer; ``retry_after`` is how long the place asks to wait."""

    def __init__(self, reason: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.status, self.retry_after = status, retry_after

    @property
    def is_passing(self) -> bool:
        """Whether the place refused only for now."""
        return self.status in (425, 429)


class NotSentError(WireError):
    """No connection: the place has seen nothing of the request."""


class RefusedError(WireError):
    """The place refused the request; ``status`` 302 stands for any page that asks to log in."""


class UnclearError(WireError):
    """No answer, or none that tells whether the request took effect."""


class Api:
    """What one place answers below one address.

    Parameters
    ----------
    root : the address, without a slash at the end.
    headers : of every request, asked each time: tokens expire. They are sent nowhere else:
        redirects are not followed, and no password file is read.
    """

    def __init__(self, root: str, *, headers: Headers, patience: Patience) -> None:
        self.root, self.headers, self.patience = root, headers, patience
        self.reached = False  # an address that answered once will again

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Ask, and ask again where that may help."""
        return self.insist("GET", path, query=query)

    def insist(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Send a request that does no harm twice, until it is answered or patience ends.

        Raises
        ------
        WireError
            The last one, or at once where nothing will change by itself.
        """
        for pause in self.patience.pauses:
            try:
                return self.once(method, path, **request)
            except WireError as error:
                if isinstance(error, RefusedError) and not error.is_passing:
                    raise
                if isinstance(error, NotSentError) and not self.reached:
                    raise
                self.patience.wait(pause, error.retry_after)
        return self.once(method, path, **request)

    def once(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Send one request, once; see ``_send``."""
        return _content(self._send(method, path, **request))

    def text(self, path: str) -> str:
        """Ask once for something that is no JSON and that one can do without; "" if there is none.

        Raises
        ------
        WireError
            If there is no answer.
        """
        response = self._send("GET", path)
        return response.text if response.status_code == 200 else ""

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        file: tuple[str, bytes] | None = None,
    ) -> Response:
        """The answer, whatever it says; ``file``: name and content of a form's only field."""
        import requests

        given = dict(self.headers())
        try:
            with requests.Session() as session:  # a connection kept open may be half dead
                response = session.request(
                    method,
                    f"{self.root}/{path}",
                    params=query,
                    json=body,
                    files={file[0]: (f"{file[0]}.yaml", file[1])} if file else None,
                    auth=lambda prepared: _signed(prepared, given),
                    timeout=(self.patience.connect, self.patience.answer),
                    allow_redirects=False,
                )
        except requests.ConnectTimeout as error:
            raise NotSentError(f"no connection in {self.patience.connect:g} s") from error
        except requests.Timeout as error:
            raise UnclearError(f"no answer in {self.patience.answer:g} s") from error
        except requests.RequestException as error:
            raise _classified(error) from error
        self.reached = True
        return response


def _signed(request: PreparedRequest, headers: Mapping[str, str]) -> PreparedRequest:
    request.headers.update(headers)
    request.headers["Connection"] = "close"
    return request


def _classified(error: Exception) -> WireError:
    """Whether a connection that failed had carried the request."""
    import requests
    from urllib3.exceptions import MaxRetryError

    cause = error.args[0] if error.args else None
    unsent = isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError)
    sending = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    if unsent or isinstance(cause, MaxRetryError) or not isinstance(error, sending):
        return NotSentError(in_few_words(error))
    return UnclearError(in_few_words(error))


def _content(response: Response) -> dict[str, Any]:
    """The JSON object that a place answered with."""
    status, kind = response.status_code, response.headers.get("Content-Type", "")
    after = _seconds(response.headers.get("Retry-After"))
    if 300 <= status < 400:
        place = response.headers.get("Location", "").partition("?")[0]  # the rest may be secret
        raise RefusedError(f"redirects to {place[:200]}", status=302)
    if status == 200 and kind.startswith("text/html"):
        raise RefusedError("answers with a web page", status=302)
    try:
        content = json.loads(response.content or b"{}")
    except ValueError:
        content = None
    if status >= 400:
        failure = UnclearError if status >= 500 else RefusedError
        words = _message(content) or response.reason or "no reason given"
        raise failure(f"{status} {words}", status=status, retry_after=after)
    if not isinstance(content, dict):
        raise UnclearError("its answer is not JSON, or broke off", status=status)
    return content


def _message(content: Any) -> str:
    """What an error says: Google's form, KFP's, or KFP's of uploads."""
    if not isinstance(content, dict):
        return ""
    error = content.get("error")
    said = error.get("message") if isinstance(error, dict) else content.get("message") or error
    said = said or content.get("error_message") or ""
    return " ".join(str(said).split())[:300]


def _seconds(text: str | None) -> float | None:
    """Retry-After, which is a number of seconds or a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
