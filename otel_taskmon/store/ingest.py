"""OTLP requests into the raw tables, each exactly once, acknowledged only when they are in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from otel_taskmon.errors import TaskmonError
from otel_taskmon.store.block_writer import BlockWriter
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.idempotency import REMEMBERED_SECONDS, KnownKeys
from otel_taskmon.store.ingest_lane import IngestLane
from otel_taskmon.store.otlp_errors import TryLater
from otel_taskmon.store.otlp_limits import OtlpLimits, Room
from otel_taskmon.store.otlp_rows import Block
from otel_taskmon.store.otlp_signals import RAW_TABLES, Signal
from otel_taskmon.store.recovery import Checkpoint
from otel_taskmon.store.statements import statement

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS: Final = 60.0
_DIGEST_BYTES: Final = 16
_UTC_NAMES: Final = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu"})


class Ingest:
    """Decodes and inserts; ``start`` and ``stop`` it on the event loop that calls ``submit``.

    The tables must exist, and ``recovery.recover`` must have run, before ``start``.
    """

    def __init__(self, engine: Engine, limits: OtlpLimits | None = None) -> None:
        self.limits = limits or OtlpLimits()
        self.room = Room(self.limits)
        self._engine = engine
        self._checkpoint = Checkpoint(engine.directory.path)
        self._known = KnownKeys()
        # Decoding holds the GIL, so a second thread for it would only make the others wait longer.
        self._decoder = ThreadPoolExecutor(1, "otlp-decode")
        self._writers = ThreadPoolExecutor(2, "otlp-insert")
        self._decoding = 0
        self._lanes = {
            table.name: IngestLane(
                BlockWriter(engine, table),
                self._known,
                self.limits,
                self._writers,
                more_coming=lambda: self._decoding > 0,
            )
            for table in RAW_TABLES
        }
        self._stopping = False
        self._ticker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read back the request ids of the last hour, then take requests.

        Raises EngineError, and TaskmonError when the engine does not run in UTC: its partitions would not be the
        days of ``otlp_rows`` and a group of rows could be torn.
        """
        if self._engine.timezone not in _UTC_NAMES:
            raise TaskmonError(
                f"the engine runs in time zone {self._engine.timezone}: start the store with TZ=UTC"
            )
        await asyncio.get_running_loop().run_in_executor(self._writers, self._remember)
        for lane in self._lanes.values():
            lane.start()
        self._ticker = asyncio.create_task(self._keep_checkpoint())

    def _remember(self) -> None:
        for table in self._lanes:
            rows = self._engine.fetch(
                statement("recent_request_ids"), {"table": table, "seconds": REMEMBERED_SECONDS}
            )
            self._known.add(table, [request_id for (request_id,) in rows])

    async def submit(self, signal: Signal, body: bytes, *, json: bool = False) -> int:
        """Store one request's rows and return how many it has, once all are in their tables.

        ``body`` is uncompressed. A repeat of a request adds nothing. Raises BadOtlp or TooLarge (nothing was
        written), or TryLater (some of it may be written; sending it again completes it).
        """
        if self._stopping:
            raise TryLater("the store is stopping", self.limits.retry_after)
        blocks = await self._decode(signal, body, json)
        if self._stopping:
            raise TryLater("the store is stopping", self.limits.retry_after)
        if (waiting := self.waiting_row_bytes) > self.limits.waiting_row_bytes:
            raise TryLater(f"rows of {waiting} bytes wait for an insert already", self.limits.retry_after)
        outcomes = [self._lanes[block.table.name].add(block) for block in blocks]
        if outcomes:
            await asyncio.wait(outcomes)  # unlike gather it leaves them alone when this request is cancelled
        for outcome in outcomes:
            refusal = outcome.result()
            if refusal is not None:
                raise TryLater(str(refusal), refusal.retry_after)
        return sum(block.rows for block in blocks)

    @property
    def waiting_row_bytes(self) -> int:
        """Rows of all tables that wait for an insert."""
        return sum(lane.waiting_bytes for lane in self._lanes.values())

    async def _decode(self, signal: Signal, body: bytes, json: bool) -> list[Block]:
        self._decoding += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._decoder, _decode, signal, body, json
            )
        finally:
            self._decoding -= 1
            if not self._decoding:
                # Not before this request's own rows are in their lanes: they are added without a pause after this.
                asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        for lane in self._lanes.values():
            lane.look()

    async def stop(self) -> None:
        """Refuse new requests, write those that wait, and end."""
        self._stopping = True
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))
        if not await self.advance_checkpoint():
            self._checkpoint.owe_recovery()
        self._decoder.shutdown()
        self._writers.shutdown()

    async def advance_checkpoint(self) -> bool:
        """Note that what arrived until now is derived; False when that is not known."""
        for lane in self._lanes.values():
            if not await lane.settle():
                return False
        until = time.time()
        under_way = [lane.insert_started for lane in self._lanes.values() if lane.insert_started is not None]
        derived_until = datetime.fromtimestamp(min([until, *under_way]), UTC)
        await asyncio.get_running_loop().run_in_executor(
            self._writers, self._checkpoint.advance, derived_until
        )
        return True

    async def _keep_checkpoint(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            try:
                await self.advance_checkpoint()
            except OSError as error:  # no disk for the small file: the next start derives more again
                log.warning("cannot write the checkpoint: %s", error)


def _decode(signal: Signal, body: bytes, json: bool) -> list[Block]:
    return signal.blocks(body, blake2b(body, digest_size=_DIGEST_BYTES).hexdigest(), json=json)
