"""From decoded requests to the tables: each request once, and one that fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from otel_taskmon.store.block_writer import INSERT_SETTINGS, OUT_OF_MEMORY, BlockWriter
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.native_columns import block, uint64s
from otel_taskmon.store.otlp_errors import BadOtlp
from otel_taskmon.store.otlp_limits import OtlpLimits
from otel_taskmon.store.otlp_rows import NS_PER_DAY, Block
from otel_taskmon.store.otlp_traces import TRACES, trace_blocks
from tests.support.otlp_requests import attribute, run_spans
from tests.support.raw_engine import (
    blocks,
    one_value,
    raw_rows,
    submit,
    typed_rows,
)

pytestmark = pytest.mark.integration


def test_requests_sent_together_are_one_insert(engine: Engine) -> None:
    bodies = [run_spans(n * 10, 10).SerializeToString() for n in range(20)]
    assert submit(engine, *bodies) == [10] * 20
    assert raw_rows(engine) == typed_rows(engine) == 200
    assert one_value(engine, "SELECT uniqExact(RequestId) FROM otel.otel_traces") == 20
    # An insert that the first requests set off may have gone ahead of the others.
    assert one_value(engine, "SELECT uniqExact(_part) FROM otel.otel_traces") <= 2


def parts(engine: Engine) -> list[int]:
    """Rows of each part of the spans, in the order in which they were written."""
    sql = "SELECT rows FROM system.parts WHERE active AND table = 'otel_traces' ORDER BY min_block_number"
    return [rows for (rows,) in engine.fetch(sql)]


@pytest.fixture
def unmerged(engine: Engine) -> Iterator[Engine]:
    """The engine, which leaves the parts of spans as they were inserted."""
    engine.execute("SYSTEM STOP MERGES otel.otel_traces")
    yield engine
    engine.execute("SYSTEM START MERGES otel.otel_traces")


NEVER_BY_TIME = OtlpLimits(gather_seconds=600, gather_rows=10)


@pytest.mark.timeout(60)
def test_an_insert_waits_for_the_requests_that_are_being_decoded(unmerged: Engine) -> None:
    bodies = [run_spans(n * 10, 10).SerializeToString() for n in range(5)]
    assert submit(unmerged, *bodies, limits=NEVER_BY_TIME) == [10] * 5
    assert parts(unmerged) == [50]
    assert typed_rows(unmerged) == 50


@pytest.mark.timeout(60)
def test_an_insert_does_not_wait_for_a_request_that_turns_out_bad(engine: Engine) -> None:
    stored, refused = submit(engine, run_spans(0, 10).SerializeToString(), b"\xff", limits=NEVER_BY_TIME)
    assert stored == 10
    assert isinstance(refused, BadOtlp)
    assert raw_rows(engine) == 10


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "limits",
    [
        replace(NEVER_BY_TIME, insert_rows=25),
        replace(NEVER_BY_TIME, insert_bytes=2 * len(blocks(1000, 10)[0].data)),
    ],
)
def test_a_joined_insert_is_bounded(unmerged: Engine, limits: OtlpLimits) -> None:
    bodies = [run_spans(n * 10, 10).SerializeToString() for n in range(100, 105)]
    assert submit(unmerged, *bodies, limits=limits) == [10] * 5
    assert sum(parts(unmerged)) == 50
    assert max(parts(unmerged)) == 20


def test_a_repeat_adds_nothing_beside_the_first_after_it_and_in_another_life(engine: Engine) -> None:
    body = run_spans(0, 30).SerializeToString()
    other = run_spans(100, 5).SerializeToString()
    assert submit(engine, body, body, body) == [30, 30, 30]
    assert submit(engine, other, body) == [5, 30]
    assert raw_rows(engine) == typed_rows(engine) == 35


def row_binary(rows: int) -> bytes:
    return b"".join(n.to_bytes(8, "little") + (n % 2).to_bytes(2, "little") for n in range(rows))


def native(rows: int) -> bytes:
    half = block(
        rows // 2, [("n", "UInt64", uint64s(range(rows // 2))), ("day", "Date", b"\0\0\1\0" * (rows // 4))]
    )
    return half * 2


@pytest.mark.parametrize(("form", "encode"), [("RowBinary", row_binary), ("Native", native)])
def test_a_large_insert_is_one_part_per_day(
    engine: Engine, form: str, encode: Callable[[int], bytes]
) -> None:
    # by default the engine cuts at a million rows; two requests in one insert reach that
    engine.execute(
        "CREATE TABLE otel.wide (n UInt64, day Date) ENGINE = MergeTree PARTITION BY day ORDER BY n"
    )
    try:
        engine.insert("otel.wide (n, day)", form, encode(1_500_000), INSERT_SETTINGS)
        parts = "SELECT partition, rows FROM system.parts WHERE active AND table = 'wide' ORDER BY partition"
        assert engine.fetch(parts) == [("1970-01-01", 750_000), ("1970-01-02", 750_000)]
    finally:
        engine.execute("DROP TABLE otel.wide SYNC")


def test_requests_that_are_together_too_large_for_the_memory_go_in_one_by_one(
    unmerged: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(INSERT_SETTINGS, "max_memory_usage", "40000000")
    large: list[Block] = []
    for number in range(5):
        request = run_spans(number * 10, 10)
        for span in request.resource_spans[0].scope_spans[0].spans:
            span.attributes.append(attribute("long", "x" * 500_000))
        large += trace_blocks(request, f"{number:032x}")
    written = BlockWriter(unmerged, TRACES).write(large)
    assert written.stored == {block.request_id for block in large}
    assert written.error is not None
    assert written.error.code == OUT_OF_MEMORY
    assert parts(unmerged) == [10] * 5


def test_two_hundred_days_in_one_request_are_taken(engine: Engine) -> None:
    request = run_spans(0, 200)
    for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        span.start_time_unix_nano -= number * NS_PER_DAY
    body = request.SerializeToString()
    for _ in range(2):
        assert submit(engine, body) == [200]
        kept = "SELECT count() FROM otel.otel_traces WHERE Timestamp > now() - INTERVAL 6 DAY"
        assert one_value(engine, kept) == 6  # older ones may go at once: that is the tables' retention


def test_wrong_clocks_open_one_partition(engine: Engine) -> None:
    request = run_spans(0, 100)
    for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        span.start_time_unix_nano = number * 50 * NS_PER_DAY
    body = request.SerializeToString()
    assert submit(engine, body) == submit(engine, body) == [100]
    sql = (
        "SELECT count(), uniqExact(_partition_id), countIf(SpanAttributes['taskmon.clock.original_ns'] != '')"
    )
    assert engine.fetch(f"{sql} FROM otel.otel_traces") == [(100, 1, 100)]


def test_a_view_that_throws_leaves_no_duplicates_and_no_gap(
    engine: Engine, take_away_view: Callable[[], None]
) -> None:
    (first,) = blocks(0, 10)
    writer = BlockWriter(engine, TRACES)
    written = writer.write([first])
    assert written.stored == set()
    assert written.error is not None
    assert "spoilt" in str(written.error)
    # the raw rows are in, what is derived from them is not known
    assert raw_rows(engine) == 10
    assert writer.doubtful == {first.request_id}
    assert writer.write([first]).stored == set()
    assert raw_rows(engine) == 10
    take_away_view()
    (second,) = blocks(10, 5)
    written = writer.write([first, second])
    assert written.stored == {first.request_id, second.request_id}
    assert written.error is None
    assert writer.doubtful == set()
    assert raw_rows(engine) == typed_rows(engine) == 15


def test_one_request_that_cannot_be_stored_does_not_hold_up_the_others(engine: Engine) -> None:
    (good,) = blocks(0, 10)
    (spoilt,) = blocks(10, 10)
    spoilt = Block(TRACES, spoilt.request_id, spoilt.rows, spoilt.data[:-20])
    writer = BlockWriter(engine, TRACES)
    written = writer.write([good, spoilt])
    assert written.stored == {good.request_id}
    assert written.error is not None
    assert raw_rows(engine) == typed_rows(engine) == 10
