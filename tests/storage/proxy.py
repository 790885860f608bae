"""Stands between a client and a server, and breaks what passes in the ways that networks do.

It also knows what the servers behind it ignore: the preconditions of Google Cloud Storage, and
the checksum that a request to S3 carries.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit


@dataclass
class Fault:
    """What happens to the next requests whose "METHOD PATH" matches.

    Parameters
    ----------
    on : regular expression.
    status : the answer is nothing but this status.
    reset : the connection breaks, before the request is passed on.
    lost : the request is passed on, and the connection breaks before its answer.
    cut : the answer's body ends after so many bytes.
    flip : the first byte of the answer's body is another one.
    flip_sent : the last byte of the request's body is another one.
    times : how often.
    """

    on: str
    status: int = 0
    reset: bool = False
    lost: bool = False
    cut: int | None = None
    flip: bool = False
    flip_sent: bool = False
    times: int = 1


@dataclass
class Proxy:
    """What passed, and what is to go wrong; a test changes it between requests."""

    upstream: int  # port on this machine
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # METHOD PATH
    making: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        """Begin a test."""
        self.faults, self.requests = [], []

    def made(self) -> list[str]:
        """The requests that may have changed something."""
        return [request for request in self.requests if request[:3] in ("PUT", "POS", "DEL")]

    def fault(self, request: str) -> Fault:
        for fault in self.faults:
            if fault.times and re.search(fault.on, request):
                fault.times -= 1
                return fault
        return Fault("")


@contextlib.contextmanager
def between(upstream: int) -> Iterator[Proxy]:
    """Serve on a free port until the block ends."""
    proxy = Proxy(upstream)

    class Handler(_Handler):
        what = proxy

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    proxy.url = f"http://localhost:{server.server_port}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    what: Proxy
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        self.close_connection = True
        request = f"{self.command} {self.path}"
        self.what.requests.append(request)
        fault = self.what.fault(request)
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault.reset:
            return self._break()
        if fault.status:
            return self._answer(fault.status, {}, b"")
        if fault.flip_sent:
            body = body[:-1] + bytes([body[-1] ^ 1])
        with self.what.making:
            if self._fails_precondition(body):
                return self._answer(412, {}, b'{"error": {"code": 412, "message": "no"}}')
            md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
            if self.headers.get("Content-MD5", md5) != md5:
                return self._answer(400, {}, b"<Error><Code>BadDigest</Code></Error>")
            status, headers, answer = self._forward(body)
        if fault.lost:
            return self._break()
        headers["Content-Length"] = headers.get("Content-Length", str(len(answer)))
        if fault.flip:
            answer = bytes([answer[0] ^ 1]) + answer[1:]
        return self._answer(status, headers, answer[: fault.cut])

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.what.upstream, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("expect",)}
        connection.request(self.command, self.path, body=body, headers=headers)
        answer = connection.getresponse()
        found = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in ("connection", "transfer-encoding", "date", "server")
        }
        data = answer.read()
        connection.close()
        return answer.status, found, data

    def _fails_precondition(self, body: bytes) -> bool:
        asked = parse_qs(urlsplit(self.path).query).get("ifGenerationMatch")
        name = re.search(rb'"name": "([^"]+)"', body)
        bucket = re.match(r"/upload/storage/v1/b/([^/]+)/o", self.path)
        if not (asked and name and bucket and self.command == "POST"):
            return False
        connection = http.client.HTTPConnection("127.0.0.1", self.what.upstream, timeout=30)
        known = quote(json.loads(b'"%s"' % name[1]), safe="")
        connection.request("GET", f"/storage/v1/b/{bucket[1]}/o/{known}")
        answer = connection.getresponse()
        there = json.loads(answer.read())["generation"] if answer.status == 200 else "0"
        connection.close()
        return bool(there != asked[0])

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

    def _break(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""
