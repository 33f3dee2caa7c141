"""What is derived again after a store that did not end in order, and from which rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_taskmon.store import recovery
from otel_taskmon.store.block_writer import BlockWriter
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.ingest import Ingest
from otel_taskmon.store.otlp_errors import TryLater
from otel_taskmon.store.otlp_traces import TRACES
from otel_taskmon.store.rederive import derive_requests
from tests.support.otlp_requests import run_spans
from tests.support.raw_engine import (
    FAST,
    blocks,
    one_value,
    raw_rows,
    submit,
    typed_rows,
)

pytestmark = pytest.mark.integration


def test_while_something_is_in_doubt_the_next_start_derives_again(
    engine: Engine, take_away_view: Callable[[], None]
) -> None:
    data_dir = engine.directory.path
    recovery.recover(engine, data_dir)
    (failed,) = submit(engine, run_spans(0, 10).SerializeToString())
    assert isinstance(failed, TryLater)
    recovery.mark_end(data_dir)
    report = recovery.recover(engine, data_dir)
    assert [error.partition(":")[0] for error in report.errors] == ["otel_traces"]
    take_away_view()
    engine.execute("TRUNCATE TABLE otel.celery_task_runs")
    report = recovery.recover(engine, data_dir)
    assert (report.errors, report.rows["otel_traces"]) == ((), 10)
    assert raw_rows(engine) == typed_rows(engine) == 10


def test_recovery_fills_what_a_kill_left_out_and_only_then(engine: Engine) -> None:
    data_dir = engine.directory.path
    recovery.recover(engine, data_dir)
    assert submit(engine, run_spans(0, 25).SerializeToString()) == [25]
    engine.execute("TRUNCATE TABLE otel.celery_task_runs")
    engine.execute("TRUNCATE TABLE otel.otel_traces_trace_id_ts")
    report = recovery.recover(engine, data_dir)
    assert report.since is not None
    assert report.rows["otel_traces"] == 25
    assert typed_rows(engine) == 25
    assert one_value(engine, "SELECT uniqExact(TraceId) FROM otel.otel_traces_trace_id_ts") == 25
    # derived twice is the same as once
    assert recovery.recover(engine, data_dir).rows["otel_traces"] == 25
    assert typed_rows(engine) == 25
    recovery.mark_end(data_dir)
    engine.execute("TRUNCATE TABLE otel.celery_task_runs")
    assert recovery.recover(engine, data_dir).since is None
    assert typed_rows(engine) == 0


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"derived_until": "x", "ended_in_order": true}'])
def test_without_a_readable_checkpoint_everything_is_derived(engine: Engine, content: str | None) -> None:
    data_dir = engine.directory.path
    assert submit(engine, run_spans(0, 3).SerializeToString()) == [3]
    engine.execute("TRUNCATE TABLE otel.celery_task_runs")
    file = data_dir / "derived.json"
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    assert recovery.recover(engine, data_dir).rows["otel_traces"] == 3
    assert typed_rows(engine) == 3


def test_only_the_rows_asked_for_are_derived_again(engine: Engine) -> None:
    (first,) = blocks(0, 10)
    (second,) = blocks(10, 7)
    assert BlockWriter(engine, TRACES).write([first, second]).error is None
    engine.execute("TRUNCATE TABLE otel.celery_task_runs")
    derive_requests(engine, "otel_traces", [second.request_id])
    assert typed_rows(engine) == 7
    with pytest.raises(ValueError, match="not a request id"):
        derive_requests(engine, "otel_traces", ["' OR 1"])


def test_the_checkpoint_moves_on_and_waits_for_inserts_under_way(engine: Engine, tmp_path: Path) -> None:
    recovery.recover(engine, engine.directory.path)

    def derived_until() -> float:
        return float(json.loads((engine.directory.path / "derived.json").read_text())["derived_until"])

    async def live() -> None:
        ingest = Ingest(engine, FAST)
        await ingest.start()
        before = derived_until()
        assert await ingest.advance_checkpoint()
        moved = derived_until()
        assert moved > before
        lane = ingest._lanes["otel_traces"]
        lane.insert_started = moved - 5
        assert await ingest.advance_checkpoint()
        assert derived_until() == pytest.approx(moved - 5)
        lane.insert_started = None
        await ingest.stop()

    asyncio.run(live())
