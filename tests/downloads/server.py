"""A file server on this machine that knows ranges, and breaks in the ways that servers break."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What the server does; a test changes it between requests.

    Parameters
    ----------
    content, etag, last_modified : the file. Empty strings: no such header.
    ranges, if_range : whether the server knows these headers.
    drops : bytes after which the coming answers break off, one each.
    statuses : the coming answers that are nothing but a status, one each; 200: the file.
    refused : beginning of a path -> the status of its answers.
    redirects : path -> where it redirects.
    says_length : whether answers carry Content-Length.
    coding : what answers say of their Content-Encoding.
    trickle : seconds between two pieces of an answer.
    """

    content: bytes = b""
    etag: str = '"one"'
    last_modified: str = ""
    ranges: bool = True
    if_range: bool = True
    drops: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    says_length: bool = True
    coding: str = ""
    trickle: float = 0.0
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    sent: int = 0  # bytes of bodies
    url: str = ""


@contextlib.contextmanager
def serve(served: Served) -> Iterator[Served]:
    """Serve on a free port until the block ends."""

    class Handler(_Handler):
        what = served

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://localhost:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    what: Served

    def do_GET(self) -> None:
        self.close_connection = True
        self.what.requests.append((self.path, self.headers.get("Range")))
        if self.path in self.what.redirects:
            self._answer(302, {"Location": self.what.redirects[self.path]}, b"")
        elif (status := self._status()) != 200:
            self._answer(status, {"Content-Length": "0"}, b"")
        else:
            self._file()

    def _status(self) -> int:
        for beginning, status in self.what.refused.items():
            if self.path.startswith(beginning):
                return status
        return self.what.statuses.pop(0) if self.what.statuses else 200

    def _file(self) -> None:
        what, content = self.what, self.what.content
        headers = {"ETag": what.etag, "Last-Modified": what.last_modified}
        headers["Content-Encoding"] = what.coding
        start = self._start()
        status = 200
        if start is not None and start >= len(content):
            headers["Content-Range"] = f"bytes */{len(content)}"
            return self._answer(416, headers, b"")
        if start is not None:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status, content = 206, content[start:]
        if what.says_length:
            headers["Content-Length"] = str(len(content))
        if what.drops:
            content = content[: what.drops.pop(0)]
        return self._answer(status, headers, content)

    def _start(self) -> int | None:
        """First byte asked for; None: the whole file."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        known = (None, self.what.etag, self.what.last_modified)
        if not asked or not self.what.ranges or (self.what.if_range and condition not in known):
            return None
        return int(asked[1])

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client has gone
            for first in range(0, len(body), 100_000):
                piece = body[first : first + 100_000]
                self.wfile.write(piece)
                self.what.sent += len(piece)
                time.sleep(self.what.trickle)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""
