"""One request to the ClickHouse HTTP interface, as sent: its head, and its body piece by piece."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.http_errors import HttpError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ABORTED: Final = 236
STOPPING: Final = "The store is stopping. (ABORTED)"
_DRAIN_S: Final = 5.0
BODY_PAUSE_S: Final = 60.0
"""How long the next piece of a body may take; a lane, or the memory of what has come, waits for it."""

_TRANSPORT: Final = frozenset(
    {
        "query", "database", "default_format", "user", "password", "compress", "decompress", "session_id",
        "session_timeout", "session_check", "close_session", "query_id", "quota_key", "client_protocol_version",
        "role", "stacktrace", "add_http_cors_header", "access_token", "framing", "wait_end_of_query", "buffer_size",
    }
)  # fmt: skip


class ClientGone(Exception):
    """The client closed the connection."""


@dataclass(frozen=True)
class Head:
    """Method, path, headers (lower case names) and URL parameters; of a repeated name the last one counts."""

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    peer: str

    @classmethod
    def of(cls, scope: Scope) -> Head:
        """Raises HttpError 400 where the URL's query is not UTF-8."""
        try:
            pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True, errors="strict")
        except (UnicodeDecodeError, ValueError) as error:
            raise HttpError(400, 36, f"The URL's query cannot be read: {error}. (BAD_ARGUMENTS)") from error
        return cls(
            method=scope["method"],
            path=scope["path"],
            headers={
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
            },
            parameters=dict(pairs),
            peer=(scope.get("client") or ("", 0))[0],
        )

    def flag(self, name: str) -> bool:
        """Whether a parameter is switched on."""
        return self.parameters.get(name, "0").lower() in ("1", "true")


def settings_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """What of the parameters are engine settings."""
    return {
        name: value
        for name, value in parameters.items()
        if name not in _TRANSPORT and not name.startswith("param_")
    }


def query_parameters_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """Values for ``{name:Type}``, which come as ``param_name``."""
    return {name[len("param_") :]: value for name, value in parameters.items() if name.startswith("param_")}


class Body:
    """The body as it comes. Read it once, either from the event loop (``pieces``) or from a thread (``in_thread``)."""

    def __init__(self, receive: Receive, stopping: asyncio.Future[None]) -> None:
        self._receive = receive
        self.stopping = stopping
        self.complete = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Raises ClientGone."""
        while not self.complete.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if not message.get("more_body", False):
                self.complete.set()
            if piece := message.get("body", b""):
                yield piece

    async def drain(self, limit: int) -> None:
        """Read on and forget: a client that is still sending would lose our answer when the connection closes.

        At most ``limit`` bytes and 5 s.
        """
        if self.stopping.done():
            return
        with contextlib.suppress(ClientGone, TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                async for piece in self.pieces():
                    limit -= len(piece)
                    if limit < 0:
                        return

    async def gone(self) -> None:
        """Returns when the body has been read and the client closes the connection."""
        await self.complete.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def in_thread(self, loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
        """The pieces for a worker thread: the next one is asked for when this one is used up.

        Raises ClientGone, HttpError 408 when the client sends nothing for a minute, EngineError 236 when the store
        stops.
        """
        pieces = self.pieces()
        while True:
            piece = asyncio.run_coroutine_threadsafe(self._following(pieces), loop).result()
            if piece is None:
                return
            yield piece

    async def _following(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        async def following() -> bytes | None:
            return await anext(pieces, None)

        coming = asyncio.create_task(following())
        awaited: set[asyncio.Future[Any]] = {coming, self.stopping}
        await asyncio.wait(awaited, timeout=BODY_PAUSE_S, return_when=asyncio.FIRST_COMPLETED)
        if coming.done():
            return coming.result()
        coming.cancel()
        if self.stopping.done():
            raise EngineError(ABORTED, STOPPING)
        raise HttpError(408, 209, f"The body stopped for {BODY_PAUSE_S:g} s. (SOCKET_TIMEOUT)")

    async def read(self, limit: int) -> bytes:
        """All of it. Raises HttpError 413 when it is longer than ``limit`` bytes, and as ``in_thread``."""
        whole = bytearray()
        pieces = self.pieces()
        while (piece := await self._following(pieces)) is not None:
            whole += piece
            if len(whole) > limit:
                raise too_long(limit)
        return bytes(whole)


def join_bounded(pieces: Iterator[bytes], limit: int) -> bytes:
    """The pieces as one. Raises HttpError 413 when they are longer than ``limit`` bytes together."""
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > limit:
            raise too_long(limit)
    return bytes(whole)


def too_long(limit: int) -> EngineError:
    return HttpError(
        413,
        307,
        f"The body is longer than {limit} bytes (TASKMON_MAX_REQUEST_BYTES). Rows of an INSERT have no limit when "
        "the statement stands in the URL. (TOO_MANY_BYTES)",
    )
