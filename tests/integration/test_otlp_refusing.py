"""When the receiver says "try again later", and how it says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from otel_taskmon.errors import TaskmonError
from otel_taskmon.store import otlp_http
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.ingest import Ingest
from otel_taskmon.store.otlp_errors import TryLater
from otel_taskmon.store.otlp_grpc import otlp_grpc_server
from otel_taskmon.store.otlp_http import otlp_http_app
from otel_taskmon.store.otlp_limits import OtlpLimits, Room
from tests.support.otlp_requests import PROTOBUF, run_spans
from tests.support.processes import free_port
from tests.support.raw_engine import (
    FAST,
    TRACE_SIGNAL,
    raw_rows,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


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


def test_rows_that_wait_for_an_insert_are_bounded(engine: Engine) -> None:
    async def live() -> None:
        ingest = Ingest(engine, OtlpLimits(gather_seconds=60, waiting_row_bytes=1))
        await ingest.start()
        first = asyncio.create_task(ingest.submit(TRACE_SIGNAL, run_spans(0, 4).SerializeToString()))
        await asyncio.to_thread(wait_until, lambda: ingest.waiting_row_bytes > 0, "rows that wait")
        with pytest.raises(TryLater, match="wait for an insert already"):
            await ingest.submit(TRACE_SIGNAL, run_spans(4, 8).SerializeToString())
        await ingest.stop()
        assert await first == 4

    asyncio.run(live())
    assert raw_rows(engine) == 4


def test_of_many_that_come_at_once_some_are_taken(engine: Engine) -> None:
    """Each has sent the half of its body before any goes on: together more than there is room for."""
    bodies = [run_spans(100 * number, 100).SerializeToString() for number in range(5)]
    longest = max(map(len, bodies))
    statuses: list[int] = []

    async def send_one(ingest: Ingest, body: bytes, everybody: asyncio.Barrier) -> None:
        parts = [body[: len(body) // 2], body[len(body) // 2 :]]

        async def receive() -> MutableMapping[str, Any]:
            if len(parts) == 1:
                await everybody.wait()
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def keep(message: MutableMapping[str, Any]) -> None:
            if "status" in message:
                statuses.append(message["status"])

        headers = [(b"content-type", PROTOBUF.encode()), (b"content-length", str(len(body)).encode())]
        scope = {"type": "http", "path": "/v1/traces", "method": "POST", "headers": headers}
        await otlp_http_app(ingest)(scope, receive, keep)

    async def live() -> None:
        ingest = Ingest(engine, OtlpLimits(waiting_bytes=longest * 5 // 2))
        await ingest.start()
        everybody = asyncio.Barrier(len(bodies))
        await asyncio.gather(*(send_one(ingest, body, everybody) for body in bodies))
        await ingest.stop()

    asyncio.run(live())
    assert sorted(statuses) == [200, 200, 503, 503, 503]


def test_a_body_of_the_longest_length_that_was_set_finds_room() -> None:
    for body_bytes in (1 << 20, 16 << 20, 1 << 30):
        with Room(OtlpLimits.with_body(body_bytes)).place() as place:
            place.grow(body_bytes)  # as sent
            place.grow(body_bytes)  # unpacked


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
