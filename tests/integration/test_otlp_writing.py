"""From decoded requests to the tables: real engine, real schema, in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from otel_taskmon import migrate
from otel_taskmon.errors import TaskmonError
from otel_taskmon.store import otlp_http, recovery
from otel_taskmon.store.block_writer import INSERT_SETTINGS, BlockWriter
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.ingest import Ingest
from otel_taskmon.store.otlp_errors import TryLater
from otel_taskmon.store.otlp_grpc import otlp_grpc_server
from otel_taskmon.store.otlp_http import otlp_http_app
from otel_taskmon.store.otlp_limits import OtlpLimits
from otel_taskmon.store.otlp_rows import NS_PER_DAY, Block
from otel_taskmon.store.otlp_signals import SIGNALS
from otel_taskmon.store.otlp_traces import TRACES, trace_blocks
from otel_taskmon.store.rederive import derive_requests
from tests.support.otlp_requests import PROTOBUF, run_spans
from tests.support.processes import free_port

pytestmark = pytest.mark.integration

TRACE_SIGNAL = SIGNALS[0]
FAST = OtlpLimits(gather_seconds=0.01)
THROWING_VIEW = """
CREATE MATERIALIZED VIEW otel.throwing_mv TO otel.throwing AS
SELECT throwIf(SpanName = 'run/shop.pay', 'spoilt') AS nothing FROM otel.otel_traces
"""


@pytest.fixture(scope="module")
def whole_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("engine"))
    migrate.apply(engine)
    yield engine
    engine.close()


@pytest.fixture
def engine(whole_engine: Engine) -> Engine:
    """The engine with empty tables."""
    for table in ("otel_traces", "otel_traces_trace_id_ts", "celery_task_runs"):
        whole_engine.execute("TRUNCATE TABLE otel.{t:Identifier}", {"t": table})
    return whole_engine


@pytest.fixture
def throwing_view(engine: Engine) -> Iterator[Callable[[], None]]:
    """A view that fails every insert of run spans after the raw part is in place; call it to take the view away."""
    engine.execute("CREATE TABLE otel.throwing (nothing UInt8) ENGINE = MergeTree ORDER BY ()")
    engine.execute(THROWING_VIEW)

    def remove() -> None:
        engine.execute("DROP TABLE IF EXISTS otel.throwing_mv SYNC")

    yield remove
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


def test_requests_sent_together_are_one_insert(engine: Engine) -> None:
    bodies = [run_spans(n * 10, 10).SerializeToString() for n in range(20)]
    assert submit(engine, *bodies) == [10] * 20
    assert raw_rows(engine) == typed_rows(engine) == 200
    assert one_value(engine, "SELECT uniqExact(RequestId) FROM otel.otel_traces") == 20
    # An insert that the first requests set off may have gone ahead of the others.
    assert one_value(engine, "SELECT uniqExact(_part) FROM otel.otel_traces") <= 2


def test_a_repeat_adds_nothing_beside_the_first_after_it_and_in_another_life(engine: Engine) -> None:
    body = run_spans(0, 30).SerializeToString()
    other = run_spans(100, 5).SerializeToString()
    assert submit(engine, body, body, body) == [30, 30, 30]
    assert submit(engine, other, body) == [5, 30]
    assert raw_rows(engine) == typed_rows(engine) == 35


def test_a_large_request_is_one_part_per_day(engine: Engine) -> None:
    # by default the engine cuts at a million rows; two requests in one insert reach that
    engine.execute(
        "CREATE TABLE otel.wide (n UInt64, day Date) ENGINE = MergeTree PARTITION BY day ORDER BY n"
    )
    try:
        rows = b"".join((n.to_bytes(8, "little") + (n % 2).to_bytes(2, "little")) for n in range(1_500_000))
        engine.insert("otel.wide (n, day)", "RowBinary", rows, INSERT_SETTINGS)
        parts = "SELECT partition, rows FROM system.parts WHERE active AND table = 'wide' ORDER BY partition"
        assert engine.fetch(parts) == [("1970-01-01", 750_000), ("1970-01-02", 750_000)]
    finally:
        engine.execute("DROP TABLE otel.wide SYNC")


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
    engine: Engine, throwing_view: Callable[[], None]
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
    throwing_view()
    (second,) = blocks(10, 5)
    written = writer.write([first, second])
    assert written.stored == {first.request_id, second.request_id}
    assert written.error is None
    assert writer.doubtful == set()
    assert raw_rows(engine) == typed_rows(engine) == 15


def test_while_something_is_in_doubt_the_next_start_derives_again(
    engine: Engine, throwing_view: Callable[[], None]
) -> None:
    data_dir = engine.directory.path
    recovery.recover(engine, data_dir)
    (failed,) = submit(engine, run_spans(0, 10).SerializeToString())
    assert isinstance(failed, TryLater)
    recovery.mark_end(data_dir)
    report = recovery.recover(engine, data_dir)
    assert [error.partition(":")[0] for error in report.errors] == ["otel_traces"]
    throwing_view()
    engine.execute("TRUNCATE TABLE otel.celery_task_runs")
    report = recovery.recover(engine, data_dir)
    assert (report.errors, report.rows["otel_traces"]) == ((), 10)
    assert raw_rows(engine) == typed_rows(engine) == 10


def test_one_request_that_cannot_be_stored_does_not_hold_up_the_others(engine: Engine) -> None:
    (good,) = blocks(0, 10)
    (spoilt,) = blocks(10, 10)
    spoilt = Block(TRACES, spoilt.request_id, spoilt.rows, spoilt.data[:-20])
    writer = BlockWriter(engine, TRACES)
    written = writer.write([good, spoilt])
    assert written.stored == {good.request_id}
    assert written.error is not None
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


def call(
    engine: Engine, limits: OtlpLimits, *, stopped: bool = False
) -> tuple[int, dict[bytes, bytes], bytes]:
    """One OTLP/HTTP request straight to the application."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": run_spans(0, 4).SerializeToString()}

    async def keep(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def live() -> None:
        ingest = Ingest(engine, limits)
        await ingest.start()
        app: Callable[..., Awaitable[None]] = otlp_http_app(ingest)
        if stopped:
            await ingest.stop()
        headers = [(b"content-type", PROTOBUF.encode())]
        try:
            await app(
                {"type": "http", "path": "/v1/traces", "method": "POST", "headers": headers}, receive, keep
            )
        finally:
            if not stopped:
                await ingest.stop()

    asyncio.run(live())
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (OtlpLimits(waiting_requests=0, retry_after=3), b"0 requests are waiting already"),
        (OtlpLimits(waiting_bytes=10, retry_after=3), b"0 bytes are waiting already"),
    ],
)
def test_a_store_that_cannot_keep_up_says_when_to_come_back(
    engine: Engine, limits: OtlpLimits, reason: bytes
) -> None:
    status, headers, body = call(engine, limits)
    assert (status, headers[b"retry-after"]) == (503, b"3")
    assert reason in body
    assert raw_rows(engine) == 0


def test_a_store_that_stops_says_so(engine: Engine) -> None:
    status, headers, body = call(engine, FAST, stopped=True)
    assert (status, b"retry-after" in headers) == (503, True)
    assert b"the store is stopping" in body


def test_a_full_disk_is_503_and_nothing_is_written(engine: Engine) -> None:
    engine.execute(
        "ALTER TABLE otel.otel_traces MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000"
    )
    try:
        status, headers, body = call(engine, FAST)
    finally:
        engine.execute("ALTER TABLE otel.otel_traces RESET SETTING min_free_disk_bytes_to_perform_insert")
    assert (status, headers[b"retry-after"]) == (503, b"10")
    assert b"full or short of memory (code 243)" in body
    assert raw_rows(engine) == 0
    assert call(engine, FAST)[0] == 200


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


def test_a_sender_that_stops_half_way_is_told_and_leaves_its_room(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_http, "BODY_SECONDS", 0.05)
    sent: list[MutableMapping[str, Any]] = []
    parts = iter([{"type": "http.request", "body": b"x" * 90, "more_body": True}])

    async def receive() -> MutableMapping[str, Any]:
        for part in parts:
            return part
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def keep(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def live() -> None:
        ingest = Ingest(engine, OtlpLimits(waiting_bytes=100))
        headers = [(b"content-type", PROTOBUF.encode())]
        scope = {"type": "http", "path": "/v1/traces", "method": "POST", "headers": headers}
        await otlp_http_app(ingest)(scope, receive, keep)
        with ingest.room.place() as place:
            place.grow(100)

    asyncio.run(live())
    assert sent[0]["status"] == 408


def test_over_grpc_a_full_store_says_when_to_come_back(engine: Engine) -> None:
    async def live() -> grpc.aio.AioRpcError:
        ingest = Ingest(engine, OtlpLimits(waiting_requests=0, retry_after=3))
        server = otlp_grpc_server(ingest, "127.0.0.1", free_port())
        port = await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await channel.unary_unary(f"/{TRACE_SIGNAL.service}/Export")(b"")
                return refused.value
        finally:
            await server.stop(0)

    error = asyncio.run(live())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    retry = RetryInfo()
    assert Status.FromString(details).details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 3


def test_a_taken_grpc_port_is_an_error_that_names_it(engine: Engine) -> None:
    async def live() -> None:
        first = otlp_grpc_server(Ingest(engine), "127.0.0.1", 0)
        port = await first.start()
        try:
            with pytest.raises(TaskmonError, match=f"cannot listen on 127.0.0.1:{port}"):
                await otlp_grpc_server(Ingest(engine), "127.0.0.1", port).start()
        finally:
            await first.stop(0)

    asyncio.run(live())
