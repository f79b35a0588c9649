"""Servers for the storage tests: files over HTTP, and a proxy that does what networks do."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal["pass", "500", "503", "hang", "cut", "corrupt", "disguise", "garble"]
"""``corrupt`` flips a byte of the answer; ``disguise`` also drops the checksum that the server
sends with it; ``garble`` flips a byte of what was sent to the server."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def files_over_http(files: dict[str, bytes], *, knows_ranges: bool = True) -> Iterator[str]:
    """Serve ``files`` by path; yields the address. The dict may change while it serves."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            data = files.get(self.path.lstrip("/"))
            if data is None:
                self.send_error(404)
                return
            status, wanted = 200, self.headers.get("Range")
            if knows_ranges and wanted:
                first, last = wanted.removeprefix("bytes=").split("-")
                data = data[int(first) : int(last) + 1]
                status = 206
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if with_body:
                self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    with _serving(Handler) as address:
        yield address


@dataclass
class Proxy:
    """A server in between. ``faults`` are used up one a request, the last one stays for ever."""

    address: str = ""
    faults: list[Fault] = field(default_factory=lambda: ["pass"])
    method: str = "GET"
    """Requests of other methods pass; empty: none does."""
    requests: list[str] = field(default_factory=list)
    """Requests of that method, so that attempts can be counted."""
    says_continue: bool = True
    """Answer ``Expect: 100-continue``; a client that asks and is not answered waits."""

    def next_fault(self, method: str, path: str) -> Fault:
        if self.method and method != self.method:
            return "pass"
        self.requests.append(path)
        return self.faults.pop(0) if len(self.faults) > 1 else self.faults[0]


@contextmanager
def proxy_to(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of ``upstream`` (``http://host:port``)."""
    proxy = Proxy()
    host = upstream.removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_expect_100(self) -> bool:
            return super().handle_expect_100() if proxy.says_continue else True

        def _forward(self) -> None:
            fault = proxy.next_fault(self.command, self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if fault == "garble" and body:
                middle = len(body) // 2
                body = body[:middle] + bytes([body[middle] ^ 0x01]) + body[middle + 1 :]
            if fault == "hang":
                time.sleep(1.5)
                self.close_connection = True
                return
            if fault in ("500", "503"):
                self.send_response(int(fault))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            connection = http.client.HTTPConnection(host, timeout=10)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            data = answer.read()
            if fault in ("corrupt", "disguise") and data:
                data = bytes([data[0] ^ 0xFF]) + data[1:]
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                drop = {"transfer-encoding", "connection", "server", "date"}
                checksum = name.lower().startswith("x-amz-checksum")
                if name.lower() not in drop and not (fault == "disguise" and checksum):
                    self.send_header(name, value)
            if "Content-Length" not in dict(answer.getheaders()):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if fault == "cut":
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                self.connection.close()
                self.close_connection = True
                return
            self.wfile.write(data)
            connection.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward

        def log_message(self, *args: object) -> None:
            pass

    with _serving(Handler) as address:
        proxy.address = address
        yield proxy
