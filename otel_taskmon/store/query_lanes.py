"""Threads for the engine's blocking calls, and stopping a statement that nobody waits for any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from otel_taskmon.store.engine import Engine

READ_LANES: Final = 8
WRITE_LANES: Final = 2
_KILL_AGAIN_S: Final = 0.2

T = TypeVar("T")


class Abandoned(Exception):
    """The statement was stopped because its client is gone or the store stops."""


async def unless(ends: Sequence[asyncio.Future[None]], work: Coroutine[Any, Any, None]) -> None:
    """Wait for ``work``. Raises Abandoned when one of ``ends`` is done first."""
    doing = asyncio.create_task(work)
    await asyncio.wait({doing, *ends}, return_when=asyncio.FIRST_COMPLETED)
    if not doing.done():
        doing.cancel()
        raise Abandoned
    await doing


class QueryLanes:
    """Bounded threads: slow readers cannot hold up writers, and stopping has a thread of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read = ThreadPoolExecutor(READ_LANES, "read-lane")
        self._write = ThreadPoolExecutor(WRITE_LANES, "write-lane")
        self._control = ThreadPoolExecutor(1, "control-lane")

    async def step(
        self,
        call: Callable[[], T],
        *,
        write: bool,
        ends: Sequence[asyncio.Future[None]],
        comment: Callable[[], str],
    ) -> T:
        """The result of ``call()`` in a lane. Raises what it raises, and Abandoned when one of ``ends`` is done first.

        Then the statements with ``comment()`` are killed until the call has returned: one that was not yet in the
        engine the first time is found the next time.
        """
        future = (self._write if write else self._read).submit(call)
        wrapped = asyncio.wrap_future(future)
        awaited: set[asyncio.Future[Any]] = {wrapped, *ends}
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await asyncio.shield(self._stop(future, wrapped, comment))
            raise
        if wrapped.done():
            return await wrapped
        await self._stop(future, wrapped, comment)
        raise Abandoned

    async def in_background(self, call: Callable[[], T]) -> T:
        """A short call that must not wait for a lane."""
        return await asyncio.wrap_future(self._control.submit(call))

    def close(self) -> None:
        for pool in (self._read, self._write, self._control):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _stop(self, future: Future[T], wrapped: asyncio.Future[T], comment: Callable[[], str]) -> None:
        if future.cancel():
            return
        while not wrapped.done():
            await self.in_background(lambda: self._engine.kill(comment()))
            await asyncio.wait({wrapped}, timeout=_KILL_AGAIN_S)
        wrapped.exception()  # killed: that it failed is what was wanted
