"""A collector in front of the store that can be out of order: it refuses, hangs, answers 500, or is slow."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self

import urllib3

from tests.support.processes import free_port

Mode = Literal["works", "refuses", "hangs", "answers 500", "is slow"]
SLOW_S = 5.0
_PASSED_ON = ("content-type", "content-encoding")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Who waits no longer for an answer has said so by going: that is what these cases are about."""


class Collector:
    """Listens on one port for its whole life (but while it refuses) and passes on to ``upstream`` what it takes."""

    def __init__(self, upstream: str, mode: Mode) -> None:
        self._upstream = urllib3.connection_from_url(upstream, maxsize=4, retries=False, timeout=30)
        self._changed = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = free_port()
        self.mode: Mode = mode
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, mode: Mode) -> None:
        """From now on; requests that hang are dropped without an answer."""
        self.mode = mode
        self._changed.set()
        self._changed = threading.Event()
        if mode == "refuses":
            self._close()
        elif self._server is None:
            self._listen()

    def __enter__(self) -> Self:
        self.set(self.mode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._changed.set()
        self._close()
        self._upstream.close()

    def _listen(self) -> None:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: self.headers[name] for name in _PASSED_ON if self.headers[name]}
                answer = collector._answer(self.path, body, headers)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
                """Quiet: the matrix says what is missing."""

        self._server = _Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes] | None:
        """Status and body; None: the connection ends without."""
        self.requests += 1
        if self.mode == "hangs":
            self._changed.wait()
            return None
        if self.mode == "answers 500":
            return 500, b""
        if self.mode == "is slow":
            self._changed.wait(SLOW_S)
        found = self._upstream.request("POST", path, body=body, headers=headers)
        return found.status, found.data
