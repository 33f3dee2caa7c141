"""Whatever a real server answers: nothing is lost, nothing is sent twice without need, and the rest goes on."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otel_taskmon.outbox import Outbox, Signal, list_rejected
from tests.support.certificates import self_signed, server_context
from tests.support.outbox_records import Telemetry, files_under, numbered
from tests.support.outbox_sink import OK, GrpcSink, HttpSink, Reply, Request
from tests.support.processes import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

Sink = HttpSink | GrpcSink
PARTIAL = ExportTraceServiceResponse(
    partial_success=ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
).SerializeToString()


@pytest.fixture(params=["http/protobuf", "grpc"])
def sink(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sink:
    """Not started."""
    found: Sink = HttpSink() if request.param == "http/protobuf" else GrpcSink()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", request.param)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
    return found


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.for_process(directory=tmp_path / "outbox", every_s=0.05)
    yield outbox
    outbox.stop(1.0)


@pytest.fixture
def telemetry(box: Outbox) -> Telemetry:
    return Telemetry(box)


def start(outbox: Outbox) -> None:
    outbox.start_shipping(at_exit_s=None)


def arrived(sink: Sink, names: list[str], signal: Signal = Signal.TRACES) -> None:
    wait_until(lambda: set(names) <= set(sink.names(signal)), f"{names[:3]} …", timeout=20)
    assert sink.names(signal) == Counter(names)


def test_all_three_signals_arrive_with_their_resource(
    sink: Sink, box: Outbox, telemetry: Telemetry, tmp_path: Path
) -> None:
    telemetry.spans(["a", "b"])
    telemetry.events(["e"])
    telemetry.gauge("g", 2.5)
    with sink:
        start(box)
        arrived(sink, ["a", "b"])
        arrived(sink, ["e"], Signal.LOGS)
        arrived(sink, ["g"], Signal.METRICS)
        assert box.stop(2.0)
    assert box.shipped() == {"traces": 2, "logs": 1, "metrics": 1}
    body = next(request.body for request, _ in sink.requests if request.signal is Signal.TRACES)
    (of_resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert of_resource.resource.attributes[0].value.string_value == "outbox-tests"
    assert of_resource.scope_spans[0].scope.name == "tests"
    assert list((tmp_path / "outbox").glob("*-*")) == []


def test_a_server_that_comes_back_gets_all_of_it_once(sink: Sink, box: Outbox, telemetry: Telemetry) -> None:
    start(box)
    telemetry.spans(numbered("before", 20))
    with sink:
        arrived(sink, numbered("before", 20))
    telemetry.spans(numbered("between", 20))
    with sink:
        arrived(sink, numbered("before", 20) + numbered("between", 20))


def test_what_is_unavailable_is_tried_again(
    sink: Sink, box: Outbox, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    replies = iter(
        [
            Reply(500, code=grpc.StatusCode.INTERNAL),
            Reply(302, code=grpc.StatusCode.UNAUTHENTICATED),
            Reply(404, code=grpc.StatusCode.UNIMPLEMENTED),
        ]
    )
    sink.reply = lambda _: next(replies, OK)
    telemetry.spans(["a"])
    with sink, caplog.at_level(logging.INFO, "otel_taskmon"):
        start(box)
        arrived(sink, ["a"])
        wait_until(lambda: "shipped again" in caplog.text, "the end of the outage in the log")
    assert len(sink.requests) == 4
    assert caplog.text.count("cannot be shipped") == 1


def test_the_server_says_when_to_come_again(sink: Sink, box: Outbox, telemetry: Telemetry) -> None:
    info = RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)).SerializeToString()
    busy = Reply(429, {"Retry-After": "2"})
    if isinstance(sink, GrpcSink):
        busy = Reply(200, {"google.rpc.retryinfo-bin": info}, code=grpc.StatusCode.RESOURCE_EXHAUSTED)
    times: list[float] = []

    def reply(_: Request) -> Reply:
        times.append(time.monotonic())
        return busy if len(times) == 1 else OK

    sink.reply = reply
    telemetry.spans(["a"])
    with sink:
        start(box)
        arrived(sink, ["a"])
    wait = times[1] - times[0]
    assert (1.4 if isinstance(sink, GrpcSink) else 1.9) < wait < 4


def test_a_bad_record_is_set_aside_and_blocks_nothing(
    sink: Sink, box: Outbox, telemetry: Telemetry, tmp_path: Path
) -> None:
    def reply(request: Request) -> Reply:
        bad = "bad" in request.names
        return Reply(400, code=grpc.StatusCode.INVALID_ARGUMENT) if bad else OK

    sink.reply = reply
    telemetry.spans([*numbered("a", 37), "bad", *numbered("b", 62)])
    with sink:
        start(box)
        arrived(sink, numbered("a", 37) + numbered("b", 62))
        telemetry.spans(["after"])
        arrived(sink, numbered("a", 37) + numbered("b", 62) + ["after"])
        assert box.stop(2.0)
    assert box.rejected() == {"traces": 1, "logs": 0, "metrics": 0}
    (aside,) = list_rejected(tmp_path / "outbox")
    assert aside.records == 1
    assert b"bad" in aside.path.read_bytes()
    assert aside.path.stat().st_mode & 0o777 == 0o600


def test_a_request_that_is_too_large_is_halved_until_it_fits(
    sink: Sink, box: Outbox, telemetry: Telemetry
) -> None:
    def reply(request: Request) -> Reply:
        too_large = Reply(
            413,
            code=grpc.StatusCode.RESOURCE_EXHAUSTED,
            details="grpc: received message larger than max (5 vs. 4)",
        )
        return too_large if len(request.body) > 4_000 else OK

    sink.reply = reply
    telemetry.spans(numbered("a", 30), size=500)
    with sink:
        start(box)
        arrived(sink, numbered("a", 30))
    assert box.rejected()["traces"] == 0


def test_when_all_is_called_bad_the_server_is_given_time(
    sink: Sink, box: Outbox, telemetry: Telemetry
) -> None:
    sink.reply = lambda _: Reply(400, code=grpc.StatusCode.INVALID_ARGUMENT)
    telemetry.spans(["a"])
    with sink:
        start(box)
        wait_until(lambda: box.rejected()["traces"] == 1, "the first to be set aside")
        begin = time.monotonic()
        telemetry.spans(["b"])
        wait_until(lambda: box.rejected()["traces"] == 2, "the second to be set aside")
        assert time.monotonic() - begin > 0.3


def test_what_a_server_leaves_out_is_counted_and_not_sent_again(
    sink: Sink, box: Outbox, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    sink.reply = lambda _: Reply(200, {"Content-Type": "application/x-protobuf"}, PARTIAL)
    telemetry.spans(["a", "b", "c"])
    with sink:
        start(box)
        wait_until(lambda: box.rejected()["traces"] == 2, "the count of what was left out")
        assert box.stop(2.0)
    assert len(sink.requests) == 1
    assert box.shipped()["traces"] == 1
    assert "too old" in caplog.text


def test_one_signal_that_is_down_does_not_hold_up_the_others(
    sink: Sink, box: Outbox, telemetry: Telemetry
) -> None:
    down = True

    def reply(request: Request) -> Reply:
        return Reply(503, code=grpc.StatusCode.UNAVAILABLE) if down and request.signal is Signal.LOGS else OK

    sink.reply = reply
    telemetry.events(numbered("e", 5))
    telemetry.spans(numbered("a", 5))
    with sink:
        start(box)
        arrived(sink, numbered("a", 5))
        telemetry.spans(numbered("b", 5))
        arrived(sink, numbered("a", 5) + numbered("b", 5))
        down = False
        arrived(sink, numbered("e", 5), Signal.LOGS)
    assert sink.names() == Counter(numbered("a", 5) + numbered("b", 5))


def test_a_signal_that_the_server_never_takes_does_not_fill_the_disk(sink: Sink, tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        unwanted = Reply(404, code=grpc.StatusCode.UNIMPLEMENTED)
        return unwanted if request.signal is Signal.LOGS else OK

    sink.reply = reply
    box = Outbox.for_process(directory=tmp_path / "outbox", every_s=0.05, max_bytes=40_000)
    telemetry = Telemetry(box)
    with sink:
        start(box)
        for number in range(20):
            telemetry.events(numbered(f"e{number}", 30))
            telemetry.spans([f"s{number}"])
            wait_until(lambda name=f"s{number}": name in sink.names(), "the span of this turn")  # type: ignore[misc]
            wait_until(
                lambda: sum(p.stat().st_size for p in files_under(tmp_path / "outbox")) < 60_000, "room"
            )
        wait_until(lambda: box.lost()["logs"] > 0, "the count of events that nobody takes")
        box.stop(1.0)
    assert box.lost()["traces"] == 0


def test_a_request_holds_at_most_two_thousand_records_and_two_megabytes(
    sink: Sink, box: Outbox, telemetry: Telemetry
) -> None:
    telemetry.spans(numbered("small", 4_500))
    telemetry.spans(numbered("large", 50), size=100_000)
    with sink:
        start(box)
        arrived(sink, numbered("small", 4_500) + numbered("large", 50))
    assert max(len(request.names) for request, _ in sink.requests) == 2_000
    assert max(len(request.body) for request, _ in sink.requests) < (2 << 20) + 1_000


def test_a_record_larger_than_a_request_goes_alone(sink: Sink, box: Outbox, telemetry: Telemetry) -> None:
    telemetry.spans(["before"])
    telemetry.spans(["huge"], size=3 << 20)
    telemetry.spans(["after"])
    with sink:
        start(box)
        arrived(sink, ["before", "huge", "after"])


def test_headers_compression_and_an_endpoint_per_signal_are_the_environments(
    monkeypatch: pytest.MonkeyPatch, box: Outbox, telemetry: Telemetry
) -> None:
    traces, others = HttpSink(), HttpSink()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", others.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{traces.url}/custom/traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "deflate")
    telemetry.spans(["a"])
    telemetry.events(["e"])
    with traces, others:
        start(box)
        arrived(traces, ["a"])
        arrived(others, ["e"], Signal.LOGS)
    (request, _), *_rest = traces.requests
    assert request.headers["authorization"] == "Basic abc"
    assert request.headers["content-encoding"] == "gzip"
    assert others.requests[0][0].headers["content-encoding"] == "deflate"


def test_grpc_metadata_and_compression_are_the_environments(
    monkeypatch: pytest.MonkeyPatch, box: Outbox, telemetry: Telemetry
) -> None:
    sink = GrpcSink()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    telemetry.spans(["a"])
    with sink:
        start(box)
        arrived(sink, ["a"])
    assert sink.requests[0][0].headers["authorization"] == "Basic abc"


def test_tls_is_verified_against_the_given_certificate(
    monkeypatch: pytest.MonkeyPatch, box: Outbox, telemetry: Telemetry, tmp_path: Path
) -> None:
    key, certificate = self_signed(tmp_path)
    sink = HttpSink()
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # the requests library puts these before a session's own
    sink.tls = server_context(key, certificate)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    telemetry.spans(["a"])
    with sink:
        start(box)
        wait_until(
            lambda: (shipper := box._shipper()) and "SSL" in shipper.lanes[Signal.TRACES].reason, "a refusal"
        )
        box.stop(1.0)
        assert sink.requests == []
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate))
        start(box)
        arrived(sink, ["a"])


def test_a_wrong_certificate_path_is_an_outage_and_no_loss(
    monkeypatch: pytest.MonkeyPatch, box: Outbox, telemetry: Telemetry, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"https://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "nowhere.pem"))
    telemetry.spans(["a"])
    start(box)
    wait_until(lambda: (shipper := box._shipper()) and shipper.lanes[Signal.TRACES].reason, "a refusal")
    assert not box.stop(1.0)
    assert len(files_under(tmp_path / "outbox")) == 1


def test_our_own_requests_are_nobodys_telemetry(sink: Sink, box: Outbox, telemetry: Telemetry) -> None:
    from opentelemetry import context
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

    seen: list[Any] = []
    original = box._connect

    def connect(signal: Signal) -> Any:
        transport = original(signal)
        send = transport.send

        def watched(request: bytes, timeout_s: float | None) -> Any:
            seen.append(
                (context.get_value(_SUPPRESS_INSTRUMENTATION_KEY), trace.get_current_span().is_recording())
            )
            return send(request, timeout_s)

        transport.send = watched  # type: ignore[method-assign]
        return transport

    box._connect = connect
    telemetry.spans(["a"])
    with sink:
        start(box)
        arrived(sink, ["a"])
    assert seen == [(True, False)]
