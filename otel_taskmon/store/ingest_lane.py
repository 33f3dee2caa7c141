"""The queue in front of one raw table: gathers the blocks of many requests into one insert."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from otel_taskmon.store.block_writer import FULL_CODES, BlockWriter
from otel_taskmon.store.idempotency import KnownKeys
from otel_taskmon.store.otlp_errors import TryLater
from otel_taskmon.store.otlp_limits import OtlpLimits
from otel_taskmon.store.otlp_rows import Block

log = logging.getLogger(__name__)

Outcome = asyncio.Future[TryLater | None]
"""None once the block is stored, else why it is not. A result and not an exception: nobody may be left to see it."""


@dataclass(slots=True)
class _Waiting:
    block: Block
    outcome: Outcome


class IngestLane:
    """Lives on one event loop; inserts run in ``writers``, one at a time per lane.

    ``more_coming`` says whether requests are being decoded that may bring rows soon; whoever ends one calls ``look``.
    """

    def __init__(
        self,
        writer: BlockWriter,
        known: KnownKeys,
        limits: OtlpLimits,
        writers: Executor,
        more_coming: Callable[[], bool] = lambda: False,
    ) -> None:
        self._writer = writer
        self._known = known
        self._limits = limits
        self._writers = writers
        self._more_coming = more_coming
        self._pending: dict[str, Outcome] = {}
        self._queue: list[_Waiting] = []
        self._rows = 0
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._gathered = False
        self._last_insert_s = 0.0
        self._writing = asyncio.Lock()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self.insert_started: float | None = None
        """Wall-clock time at which the insert under way began."""

    @property
    def waiting_bytes(self) -> int:
        """Rows that wait for an insert."""
        return self._bytes

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def add(self, block: Block) -> Outcome:
        """Queue a block. A repeat of a stored one is done at once, a repeat of a waiting one shares its outcome."""
        if (block.table.name, block.request_id) in self._known:
            outcome: Outcome = asyncio.get_running_loop().create_future()
            outcome.set_result(None)
            return outcome
        pending = self._pending.get(block.request_id)
        if pending is not None:
            return pending
        outcome = asyncio.get_running_loop().create_future()
        self._pending[block.request_id] = outcome
        self._queue.append(_Waiting(block, outcome))
        self._rows += block.rows
        self._bytes += len(block.data)
        self._arrived.set()
        self.look()
        return outcome

    def look(self) -> None:
        """Is it time for the next insert? Call it when ``more_coming`` may have changed."""
        limits = self._limits
        full = self._rows >= limits.join_rows or self._bytes >= limits.insert_bytes
        gathered = self._gathered or self._rows >= limits.gather_rows
        if self._stopping or full or (gathered and not self._more_coming()):
            self._enough.set()

    async def stop(self) -> None:
        """Write what waits, then end. No ``add`` may follow."""
        self._stopping = True
        self._arrived.set()
        self._enough.set()
        if self._task is not None:
            await self._task

    async def settle(self) -> bool:
        """Look up what is doubtful; True when nothing is left in doubt."""
        if self._writer.doubtful:
            async with self._writing:
                await asyncio.get_running_loop().run_in_executor(self._writers, self._writer.settle_all)
        return not self._writer.doubtful

    async def _run(self) -> None:
        while self._queue or not self._stopping:
            await self._arrived.wait()
            await self._gather()
            batch = self._take()
            if not self._queue and not self._stopping:
                self._arrived.clear()
            if batch:
                await self._write(batch)

    async def _gather(self) -> None:
        """Until there is enough for an insert: see ``OtlpLimits``."""
        self._enough.clear()
        self._gathered = False
        self.look()
        await self._enough_within(self._limits.gather_seconds)
        self._gathered = True
        self.look()
        await self._enough_within(min(self._last_insert_s, self._limits.join_seconds))

    async def _enough_within(self, seconds: float) -> None:
        if not self._enough.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), seconds)

    def _take(self) -> list[_Waiting]:
        taken = rows = size = 0
        for waiting in self._queue:
            rows += waiting.block.rows
            size += len(waiting.block.data)
            if taken and (rows > self._limits.insert_rows or size > self._limits.insert_bytes):
                break
            taken += 1
            self._rows -= waiting.block.rows
            self._bytes -= len(waiting.block.data)
        batch, self._queue = self._queue[:taken], self._queue[taken:]
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        blocks = [waiting.block for waiting in batch]
        async with self._writing:
            self.insert_started = time.time()
            began = time.monotonic()
            try:
                written = await asyncio.get_running_loop().run_in_executor(
                    self._writers, self._writer.write, blocks
                )
            except Exception:  # the lane must go on for the requests to come
                log.exception("inserting into %s failed", blocks[0].table.name)
                self._writer.doubtful |= {block.request_id for block in blocks}
                self._finish(batch, set(), TryLater("the insert failed", self._limits.retry_after))
                return
            finally:
                self.insert_started = None
                self._last_insert_s = time.monotonic() - began
        refusal = None
        if written.error is not None:
            full = written.error.code in FULL_CODES
            reason = "the store is full or short of memory" if full else "the store could not write the rows"
            refusal = TryLater(
                f"{reason} (code {written.error.code})", self._limits.retry_after * (5 if full else 1)
            )
        self._known.add(blocks[0].table.name, written.stored)
        self._finish(batch, written.stored, refusal)

    def _finish(self, batch: list[_Waiting], stored: set[str], refusal: TryLater | None) -> None:
        for waiting in batch:
            del self._pending[waiting.block.request_id]
            if waiting.outcome.done():
                continue
            waiting.outcome.set_result(None if waiting.block.request_id in stored else refusal)
