"""A JSON API over real HTTP, in a thread, whose failures are scripted.

A subclass answers requests as the place it stands for does; a test says beforehand which request
goes wrong, and how: an error, a reset before or after the request was taken, a hang, garbage.
Every request is kept, so that a test can count them and look for secrets.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from ifgan.blas import one_thread_each


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire; ``query`` holds the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        """The body; None if there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with a request.

    Parameters
    ----------
    status : the answer instead; None: there is none, the connection is reset.
    taken : the request takes effect all the same, before the fault.
    hang : nothing is answered for as long as the server lives.
    body : what is answered; None: the place's own form of an error.
    """

    status: int | None = None
    taken: bool = False
    hang: bool = False
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


RESET_BEFORE = Fault()
RESET_AFTER = Fault(taken=True)
HANG_BEFORE = Fault(hang=True)
HANG_AFTER = Fault(hang=True, taken=True)
MALFORMED = Fault(200, body=b'{"half of an ans')
MALFORMED_AFTER = Fault(200, body=b'{"half of an ans', taken=True)


def too_many(retry_after: str = "7") -> Fault:
    """429, with the seconds to wait."""
    return Fault(429, headers={"Retry-After": retry_after})


class Refused(Exception):  # noqa: N818  # it is an answer, not an error of the server
    """Raised by ``answer`` to refuse a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class FaultServer:
    """Serves on a free port of this machine while it is entered; see ``url``.

    A bug in ``answer``, or an assertion in it, is answered with 500 and raised when the server is
    left, so that no test passes over it.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._faults: list[tuple[str, str, Fault]] = []
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._bug: BaseException | None = None

    def answer(self, request: Request) -> Any:
        """What the place answers with 200: something JSON, or bytes as they are."""
        raise NotImplementedError

    def error_body(self, status: int, message: str) -> Any:
        """How the place words an error."""
        return {"error": {"code": status, "message": message}}

    def fail(self, fault: Fault, *, on: str, times: int = 1) -> None:
        """Let the next ``times`` requests fail that match: "POST runs" is method and part of path.

        Several faults for equal requests happen one after the other.
        """
        method, _, part = on.partition(" ")
        self._faults += [(method, part, fault)] * times

    def seen(self, on: str) -> list[Request]:
        """The requests so far that match, as in ``fail``."""
        method, _, part = on.partition(" ")
        return [r for r in self.requests if r.method == method and part in r.path]

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        # What is executed runs in threads, where the limit that fits need can't be set.
        self._one_thread = one_thread_each()
        self._one_thread.__enter__()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        # A short poll: leaving waits for the end of one.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._one_thread.__exit__(None, None, None)
        if self._bug is not None and error is None:
            raise self._bug

    def respond(self, request: Request) -> tuple[int, Mapping[str, str], bytes] | None:
        """Status, headers and body; None where the connection is to be reset."""
        with self._lock:  # one at a time: what is kept stays consistent
            self.requests.append(request)
            fault = self._next_fault(request)
            status, content = 200, None
            if fault is None or fault.taken:
                status, content = self._checked_answer(request)
        if fault is None:
            return status, {}, _bytes_of(content)
        if fault.hang:
            self._over.wait()
        if fault.hang or fault.status is None:
            return None
        body = fault.body
        if body is None:
            body = _bytes_of(self.error_body(fault.status, "scripted by the test"))
        return fault.status, fault.headers, body

    def _checked_answer(self, request: Request) -> tuple[int, Any]:
        try:
            return 200, self.answer(request)
        except Refused as refused:
            return refused.status, self.error_body(refused.status, refused.message)
        except Exception as bug:
            self._bug = self._bug or bug
            return 500, self.error_body(500, f"bug in the test's server: {bug!r}")

    def _next_fault(self, request: Request) -> Fault | None:
        for entry in self._faults:
            method, part, fault = entry
            if request.method == method and part in request.path:
                self._faults.remove(entry)
                return fault
        return None


def _bytes_of(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


class _Server(ThreadingHTTPServer):
    block_on_close = True  # no thread outlives the test
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hung up


def _handler_of(server: FaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5  # an idle connection does not keep its thread

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            given = server.respond(
                Request(
                    self.command,
                    parts.path,
                    {name: values[-1] for name, values in parse_qs(parts.query).items()},
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(int(self.headers.get("Content-Length", 0))),
                )
            )
            self.close_connection = True
            if given is None:
                self._reset()
                return
            status, headers, body = given
            self.send_response(status)
            everything = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            for name, value in {**everything, "Connection": "close", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def _reset(self) -> None:
            """End the connection by a TCP reset, as a dying server or proxy does."""
            linger = struct.pack("ii", 1, 0)  # on, for 0 seconds
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.wfile.close()
            self.connection.close()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
