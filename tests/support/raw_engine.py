"""The receiver's path into the tables in this process: a real engine with the real schema, and a life of the ingest."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from otel_taskmon import migrate
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.ingest import Ingest
from otel_taskmon.store.otlp_limits import OtlpLimits
from otel_taskmon.store.otlp_rows import Block
from otel_taskmon.store.otlp_signals import SIGNALS
from otel_taskmon.store.otlp_traces import trace_blocks
from tests.support.otlp_requests import run_spans

TRACE_SIGNAL = SIGNALS[0]
FAST = OtlpLimits(gather_seconds=0.01)
_THROWING_VIEW = """
CREATE MATERIALIZED VIEW otel.throwing_mv TO otel.throwing AS
SELECT throwIf(SpanName = 'run/shop.pay', 'spoilt') AS nothing FROM otel.otel_traces
"""


@contextlib.contextmanager
def engine_with_tables(directory: Path) -> Iterator[Engine]:
    engine = Engine(directory)
    try:
        migrate.apply(engine)
        yield engine
    finally:
        engine.close()


def emptied(engine: Engine) -> Engine:
    """The engine with empty tables of spans and executions."""
    for table in ("otel_traces", "otel_traces_trace_id_ts", "celery_task_runs"):
        engine.execute("TRUNCATE TABLE otel.{t:Identifier}", {"t": table})
    return engine


@contextlib.contextmanager
def throwing_view(engine: Engine) -> Iterator[Callable[[], None]]:
    """A view that fails every insert of run spans after the raw part is in place; call it to take the view away."""
    engine.execute("CREATE TABLE otel.throwing (nothing UInt8) ENGINE = MergeTree ORDER BY ()")
    engine.execute(_THROWING_VIEW)

    def remove() -> None:
        engine.execute("DROP TABLE IF EXISTS otel.throwing_mv SYNC")

    try:
        yield remove
    finally:
        remove()
        engine.execute("DROP TABLE otel.throwing SYNC")


def one_value(engine: Engine, sql: str) -> Any:
    return engine.fetch(sql)[0][0]


def raw_rows(engine: Engine) -> int:
    return int(one_value(engine, "SELECT count() FROM otel.otel_traces"))


def typed_rows(engine: Engine) -> int:
    return int(one_value(engine, "SELECT count() FROM otel.celery_task_runs FINAL"))


def blocks(first: int, count: int) -> list[Block]:
    request = run_spans(first, count)
    digest = blake2b(request.SerializeToString(), digest_size=16).hexdigest()
    return trace_blocks(request, digest)


def submit(engine: Engine, *bodies: bytes, limits: OtlpLimits = FAST) -> list[int | BaseException]:
    """The bodies sent at the same time to one life of the ingest."""

    async def live() -> list[int | BaseException]:
        ingest = Ingest(engine, limits)
        await ingest.start()
        try:
            return await asyncio.gather(
                *(ingest.submit(TRACE_SIGNAL, body) for body in bodies), return_exceptions=True
            )
        finally:
            await ingest.stop()

    return asyncio.run(live())
