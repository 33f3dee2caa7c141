"""ClickHouse's HTTP interface over the engine, as an ASGI application.

Enough of https://clickhouse.com/docs/interfaces/http that unmodified clickhouse-connect, clickhouse-go and curl work.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Generator, Mapping, Sequence
from typing import Final

from otel_taskmon.store.access import Policy
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.gateway_plan import plan_query
from otel_taskmon.store.http_answer import Answer
from otel_taskmon.store.http_compression import choose_encoding
from otel_taskmon.store.http_errors import HttpError
from otel_taskmon.store.http_request import ABORTED, STOPPING, Body, ClientGone, Head, Receive, Scope, Send
from otel_taskmon.store.origin_check import check_origin, check_peer
from otel_taskmon.store.passwords import Passwords, credentials
from otel_taskmon.store.query_lanes import Abandoned, QueryLanes, unless
from otel_taskmon.store.sessions import Sessions
from otel_taskmon.store.statement_run import AnswerHead, QueryPlan, run
from otel_taskmon.store.statements import statement

log = logging.getLogger("otel_taskmon.store")

_ALIVE: Final = frozenset({"/ping", "/replicas_status"})
_QUERY_PATHS: Final = frozenset({"/", "/query"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_DRAIN_BODIES: Final = 8
_EXPIRE_EVERY_S: Final = 5.0
_LAST_WORD_S: Final = 0.5

Running = Generator[AnswerHead | bytes, None, None]


class Gateway:
    """The application. ``host`` is where it listens: on loopback only requests to loopback names are taken.

    ``max_body_bytes`` bounds what is read into memory; rows of an INSERT whose statement stands in the URL stream.
    """

    def __init__(self, engine: Engine, passwords: Passwords, *, host: str, max_body_bytes: int) -> None:
        self._engine = engine
        self._passwords = passwords
        self._host = host
        self._max_body_bytes = max_body_bytes
        self._policy = Policy.of(
            frozenset(name for (name,) in engine.fetch(statement("guarded_table_functions")))
        )
        self._sessions = Sessions(engine)
        self._lanes = QueryLanes(engine)
        self._stopping: asyncio.Future[None] | None = None
        self._expiring: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._stopping = asyncio.get_running_loop().create_future()
        self._expiring = asyncio.create_task(self._expire_sessions())

    def stop(self) -> None:
        """Stop all statements that run, and refuse new ones."""
        if self._stopping is not None and not self._stopping.done():
            self._stopping.set_result(None)
        if self._expiring is not None:
            self._expiring.cancel()

    def close(self) -> None:
        """After the last request."""
        self._sessions.close()
        self._lanes.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = Answer(send, str(uuid.uuid4()), self._engine.timezone, self._engine.version)
        if self._stopping is None:
            raise RuntimeError("the gateway was not started")
        body = Body(receive, self._stopping)
        try:
            await self._answer(Head.of(scope), body, answer)
        except EngineError as error:
            await body.drain(_DRAIN_BODIES * self._max_body_bytes)
            await answer.error(error)
        except Abandoned:
            if body.stopping.done():
                await self._say_stopping(answer)
        except (ClientGone, OSError):
            log.debug("a client went away")

    async def _say_stopping(self, answer: Answer) -> None:
        """Not to a client that does not read: it would hold up the stop until the server cuts it off with an error."""
        try:
            async with asyncio.timeout(_LAST_WORD_S):
                await answer.error(EngineError(ABORTED, STOPPING))
        except TimeoutError:
            log.info("cut off a client that does not read its answer")

    async def _answer(self, head: Head, body: Body, answer: Answer) -> None:
        check_origin(head.headers, self._host)
        if head.path in _ALIVE:
            await answer.whole({}, b"Ok.\n")
            return
        if head.path not in _QUERY_PATHS:
            raise HttpError(
                404, 1000, f"There is no handle {head.path}. Use / for queries, /ping to check health."
            )
        if head.method not in _METHODS:
            raise HttpError(405, 36, f"The method {head.method} is not supported. (BAD_ARGUMENTS)")
        answer.native_blocks = head.flag("compress")  # of a refusal too
        user, password = credentials(head.headers, head.parameters)
        role = self._passwords.authenticate(user, password)
        if not password:
            check_peer(head.headers, head.peer)
        if head.method != "POST" and not head.parameters.get("query"):
            await answer.whole({}, b"Ok.\n")
            return
        answer.query_id = head.parameters.get("query_id") or answer.query_id
        answer.encoding = _answer_encoding(head.headers, head.parameters)
        plan = await plan_query(head, body, role, self._policy, self._max_body_bytes)
        await self._run(plan, body, answer)

    async def _run(self, plan: QueryPlan, body: Body, answer: Answer) -> None:
        running = run(self._engine, self._sessions, plan)
        gone = asyncio.create_task(body.gone())
        try:
            await self._send(plan, running, (gone, body.stopping), answer)
        finally:
            gone.cancel()
            # nothing runs in it now: every step has returned or was killed
            await asyncio.shield(self._lanes.in_background(running.close))

    async def _send(
        self, plan: QueryPlan, running: Running, ends: Sequence[asyncio.Future[None]], answer: Answer
    ) -> None:
        async def following() -> AnswerHead | bytes | None:
            return await self._lanes.step(
                lambda: next(running, None),
                write=plan.statement.kind == "insert",
                ends=ends,
                comment=lambda: plan.comment,
            )

        first = await following()
        headers = first.headers if isinstance(first, AnswerHead) else {}
        piece = await following()
        after = await following() if piece is not None else None
        if after is None:
            await answer.whole(headers, piece if isinstance(piece, bytes) else b"")
            return
        await answer.start(headers)
        while isinstance(piece, bytes):
            # a client that does not read holds this up for as long as it likes
            await unless(ends, answer.piece(piece))
            piece, after = after, await following() if after is not None else None
        await answer.end()

    async def _expire_sessions(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRE_EVERY_S)
            await self._lanes.in_background(self._sessions.expire)


def _answer_encoding(headers: Mapping[str, str], parameters: Mapping[str, str]) -> str | None:
    """ClickHouse compresses only when told to by a setting as well; readers cannot send it, so the header is enough."""
    if parameters.get("enable_http_compression", "1") in ("0", "false"):
        return None
    return choose_encoding(headers.get("accept-encoding", ""))
