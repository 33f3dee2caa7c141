"""Sending an answer: encoded, in one piece where it fits, and with ClickHouse's frame where it breaks off."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.http_compression import Encoder
from otel_taskmon.store.http_errors import error_text, status_of, stream_frame
from otel_taskmon.store.http_request import Send
from otel_taskmon.store.native_blocks import compress_blocks
from otel_taskmon.store.native_hello import DISPLAY_NAME

_PLAIN: Final = "text/plain; charset=UTF-8"


@dataclass
class Answer:
    """One answer. ``encoding`` is its Content-Encoding, ``native_blocks`` ClickHouse's own compression instead."""

    send: Send
    query_id: str
    timezone: str
    version: str
    encoding: str | None = None
    native_blocks: bool = False
    started: bool = False
    _tag: str = field(default_factory=lambda: secrets.token_hex(8))
    _encoder: Encoder = field(default_factory=lambda: Encoder(None))

    async def whole(self, headers: Mapping[str, str], body: bytes) -> None:
        """All of an answer at once, with its length."""
        encoder = Encoder(self.encoding if body and not self.native_blocks else None)
        data = compress_blocks(body) if self.native_blocks else encoder.piece(body) + encoder.end()
        await self._start(200, {**headers, **_encoding_header(encoder), "Content-Length": str(len(data))})
        await self._body(data, more=False)

    async def start(self, headers: Mapping[str, str]) -> None:
        """Begin an answer of unknown length."""
        self._encoder = Encoder(None if self.native_blocks else self.encoding)
        await self._start(
            200, {**headers, **_encoding_header(self._encoder), "X-ClickHouse-Exception-Tag": self._tag}
        )

    async def piece(self, data: bytes) -> None:
        if out := compress_blocks(data) if self.native_blocks else self._encoder.piece(data):
            await self._body(out, more=True)

    async def end(self) -> None:
        await self._body(self._encoder.end(), more=False)

    async def error(self, error: EngineError) -> None:
        """An error: as status and text, or inside the body when its start has left already."""
        if self.started:
            frame = stream_frame(error, self.version, self._tag)
            # clickhouse-go looks for the frame outside of compressed blocks, but inside of a Content-Encoding
            out = frame if self.native_blocks else self._encoder.piece(frame)
            await self._body(out + self._encoder.end(), more=False)
            return
        body = error_text(error, self.version)
        if self.native_blocks:
            body = compress_blocks(body)  # as ClickHouse does; clickhouse-go reads no other error
        status = status_of(error)
        headers = {"X-ClickHouse-Exception-Code": str(error.code), "Content-Length": str(len(body))}
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        if status == 413:
            headers["Connection"] = "close"  # the rest of the body is not read
        await self._start(status, headers)
        await self._body(body, more=False)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        all_headers = {
            "Content-Type": _PLAIN,
            "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
            "X-ClickHouse-Query-Id": self.query_id,
            "X-ClickHouse-Timezone": self.timezone,
            "X-Content-Type-Options": "nosniff",
            **headers,
        }
        pairs = [(name.lower().encode(), _one_line(value)) for name, value in all_headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})

    async def _body(self, data: bytes, *, more: bool) -> None:
        await self.send({"type": "http.response.body", "body": data, "more_body": more})


def _encoding_header(encoder: Encoder) -> dict[str, str]:
    return {"Content-Encoding": encoder.encoding} if encoder.encoding else {}


def _one_line(value: str) -> bytes:
    """A header's value: what came from the client must not end the line, and blanks at its ends are not allowed."""
    return "".join(sign if sign.isprintable() else " " for sign in value).encode("latin-1", "replace").strip()
