"""Requests to an ASGI application without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp

LOOPBACK = ("127.0.0.1", 50_000)


@dataclass
class AsgiAnswer:
    """What the application sent; ``headers`` have lower-case names."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self._start["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self._start["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages if m["type"] == "http.response.body")

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def _start(self) -> dict[str, Any]:
        return next(m for m in self.messages if m["type"] == "http.response.start")


def call(app: ASGIApp, scope: Mapping[str, Any]) -> AsgiAnswer:
    """Run ``app`` on one scope until it returns."""
    answer = AsgiAnswer()
    connect = "websocket.connect" if scope["type"] == "websocket" else "http.request"

    async def receive() -> dict[str, Any]:
        return {"type": connect, "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answer.messages.append(dict(message))

    asyncio.run(app(dict(scope), receive, send))  # type: ignore[arg-type]
    return answer


def scope_of(
    path: str = "/",
    query: str = "",
    *,
    kind: str = "http",
    headers: Sequence[tuple[str, str]] = (("host", "127.0.0.1:8501"),),
    client: tuple[str, int] | None = LOOPBACK,
    method: str = "GET",
) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "ws" if kind == "websocket" else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": client,
        "server": ("127.0.0.1", 8501),
    }


def get(app: ASGIApp, path: str, query: str = "", *, headers: Mapping[str, str] | None = None) -> AsgiAnswer:
    """GET from loopback."""
    given = [("host", "127.0.0.1:8501"), *(headers or {}).items()]
    return call(app, scope_of(path, query, headers=given))
