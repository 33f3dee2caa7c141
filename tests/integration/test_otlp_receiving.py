"""OTLP into the real store process: the SDK's own exporters, repeats, and input that is wrong."""

from __future__ import annotations

import concurrent.futures
import gzip
import json
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_taskmon.store.otlp_limits import OtlpLimits
from otel_taskmon.store.otlp_rows import NS_PER_DAY
from otel_taskmon.store.otlp_signals import SIGNALS
from tests.support.otlp_requests import PROTOBUF, run_spans, send
from tests.support.store import Store, running_store

pytestmark = pytest.mark.integration

JSON = "application/json"
LIMIT = OtlpLimits().body_bytes
numbers = iter(range(0, 10**9, 100_000))


def fetch(store: Store, sql: str) -> Any:
    answer = send(store.http_port, f"{sql} FORMAT JSONCompact".encode(), path="/", content_type="text/plain")
    assert answer.status == 200, answer.body
    return answer.json["data"]


def spans_between(store: Store, first: int, count: int) -> int:
    """Raw rows of the spans that ``run_spans(first, count)`` made."""
    ids = f"BETWEEN '{first + 1:016x}' AND '{first + count:016x}'"
    return int(fetch(store, f"SELECT count() FROM otel.otel_traces WHERE SpanId {ids}")[0][0])


def grpc_export(store: Store, body: bytes, signal: int = 0) -> bytes:
    with grpc.insecure_channel(
        f"127.0.0.1:{store.otlp_grpc_port}", options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        answer: bytes = channel.unary_unary(f"/{SIGNALS[signal].service}/Export")(body, timeout=30)
        return answer


@pytest.mark.parametrize("transport", ["http", "http-gzip", "http-deflate", "grpc", "grpc-gzip"])
def test_the_sdks_exporters(store: Store, transport: str) -> None:
    resource = Resource.create({"service.name": transport})
    http = f"http://127.0.0.1:{store.otlp_http_port}/v1"
    if transport.startswith("http"):
        compression = {
            "http": Compression.NoCompression,
            "http-gzip": Compression.Gzip,
            "http-deflate": Compression.Deflate,
        }[transport]
        spans: Any = OTLPSpanExporter(f"{http}/traces", compression=compression)
        logs: Any = OTLPLogExporter(f"{http}/logs", compression=compression)
        metrics: Any = OTLPMetricExporter(f"{http}/metrics", compression=compression)
    else:
        kind = grpc.Compression.Gzip if transport == "grpc-gzip" else grpc.Compression.NoCompression
        target = f"127.0.0.1:{store.otlp_grpc_port}"
        spans = GrpcSpanExporter(target, insecure=True, compression=kind)
        logs = GrpcLogExporter(target, insecure=True, compression=kind)
        metrics = GrpcMetricExporter(target, insecure=True, compression=kind)

    tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    with tracing.get_tracer("t").start_as_current_span("work") as span:
        span.set_attribute("list", [1, 2])
        span.record_exception(ValueError("boom"))
    tracing.shutdown()
    logging_provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logging_provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    logging_provider.get_logger("l").emit(event_name="taskmon.task.received", attributes={"n": 1})
    logging_provider.shutdown()
    metering = MeterProvider([PeriodicExportingMetricReader(metrics)], resource, shutdown_on_exit=False)
    metering.get_meter("m").create_gauge("depth").set(7, {"queue": "q"})
    metering.get_meter("m").create_counter("total").add(3)
    metering.get_meter("m").create_histogram("wait").record(0.4)
    metering.shutdown()

    where = f"WHERE ServiceName = '{transport}'"
    traces = fetch(
        store,
        f"SELECT SpanName, SpanKind, SpanAttributes['list'], Events.Name, StatusCode, length(TraceId) "
        f"FROM otel.otel_traces {where}",
    )
    assert traces == [["work", "Internal", "[1,2]", ["exception"], "Unset", 32]]
    events = fetch(store, f"SELECT EventName, LogAttributes['n'], TraceId FROM otel.otel_logs {where}")
    assert events == [["taskmon.task.received", "1", ""]]
    gauge = fetch(
        store, f"SELECT MetricName, Value, Attributes['queue'] FROM otel.otel_metrics_gauge {where}"
    )
    assert gauge == [["depth", 7, "q"]]
    total = fetch(store, f"SELECT Value, IsMonotonic FROM otel.otel_metrics_sum {where}")
    assert total == [[3, True]]
    wait = fetch(store, f"SELECT Count, Sum, arraySum(BucketCounts) FROM otel.otel_metrics_histogram {where}")
    assert [[int(count), total_, int(buckets)] for count, total_, buckets in wait] == [[1, 0.4, 1]]


def test_protobuf_in_protobuf_out_and_the_rows_are_there_when_it_is_acknowledged(store: Store) -> None:
    first = next(numbers)
    answer = send(store.otlp_http_port, run_spans(first, 50).SerializeToString())
    assert (answer.status, answer.headers["content-type"]) == (200, PROTOBUF)
    assert ExportTraceServiceResponse.FromString(answer.body) == ExportTraceServiceResponse()
    assert spans_between(store, first, 50) == 50


def otlp_json(first: int, count: int) -> Any:
    document = json_format.MessageToDict(run_spans(first, count), use_integers_for_enums=True)
    for offset, span in enumerate(document["resourceSpans"][0]["scopeSpans"][0]["spans"]):
        span["traceId"], span["spanId"] = f"{first + offset + 1:032X}", f"{first + offset + 1:016X}"
    return document


def test_json_in_json_out(store: Store) -> None:
    first = next(numbers)
    answer = send(
        store.otlp_http_port,
        json.dumps(otlp_json(first, 3)).encode(),
        content_type="application/json; charset=utf-8",
    )
    assert (answer.status, answer.headers["content-type"], answer.json) == (200, JSON, {})
    assert spans_between(store, first, 3) == 3


def test_a_repeat_adds_nothing_over_any_transport(store: Store) -> None:
    first = next(numbers)
    body = run_spans(first, 20).SerializeToString()
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: send(store.otlp_http_port, body).status, range(5)))
    assert answers == [200] * 5
    assert send(store.otlp_http_port, gzip.compress(body), headers={"Content-Encoding": "gzip"}).status == 200
    assert grpc_export(store, body) == b""
    assert spans_between(store, first, 20) == 20


def nested(depth: int) -> bytes:
    return b'{"resourceSpans":' + b"[" * depth + b"]" * depth + b"}"


def wrong_bodies() -> dict[str, tuple[int, bytes, dict[str, str], str]]:
    """Name to (status, body, headers, content type)."""
    good = run_spans(1, 2).SerializeToString()
    short_id = run_spans(1, 2)
    short_id.resource_spans[0].scope_spans[0].spans[1].trace_id = b"\x01" * 15
    long_id = otlp_json(1, 1)
    long_id["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] = "0" * 18 + "1" * 2
    gzipped = {"Content-Encoding": "gzip"}
    return {
        "not protobuf": (400, b"hello", {}, PROTOBUF),
        "cut short": (400, good[:-3], {}, PROTOBUF),
        "gzip that is not": (400, good, gzipped, PROTOBUF),
        "gzip cut short": (400, gzip.compress(good)[:-9], gzipped, PROTOBUF),
        "id of the wrong length": (400, short_id.SerializeToString(), {}, PROTOBUF),
        "id of the wrong length in JSON": (400, json.dumps(long_id).encode(), {}, JSON),
        "not JSON": (400, b"{", {}, JSON),
        "JSON of another shape": (400, b"[1]", {}, JSON),
        "JSON nested deeply": (400, nested(50_000), {}, JSON),
        "over the limit": (413, bytes(LIMIT + 1), {}, PROTOBUF),
        "over the limit unpacked": (413, gzip.compress(bytes(LIMIT + 1)), gzipped, PROTOBUF),
        "wrong type": (415, good, {}, "text/plain"),
        "no type": (415, good, {}, ""),
        "wrong encoding": (415, good, {"Content-Encoding": "br"}, PROTOBUF),
        "from a web page": (403, good, {"Origin": "http://evil.example"}, PROTOBUF),
    }


@pytest.mark.parametrize("name", list(wrong_bodies()))
def test_wrong_input_is_refused_with_a_reason_and_the_store_goes_on(store: Store, name: str) -> None:
    status, body, headers, content_type = wrong_bodies()[name]
    before = fetch(store, "SELECT count() FROM otel.otel_traces")
    answer = send(store.otlp_http_port, body, headers=headers, content_type=content_type)
    assert answer.status == status
    if content_type == PROTOBUF:
        assert answer.headers["content-type"] == PROTOBUF
        assert len(answer.body) > 10
    else:
        assert answer.json["message"]
    assert fetch(store, "SELECT count() FROM otel.otel_traces") == before
    first = next(numbers)
    assert send(store.otlp_http_port, run_spans(first, 1).SerializeToString()).status == 200


def test_other_addresses_and_methods(store: Store) -> None:
    assert send(store.otlp_http_port, b"", path="/v1/profiles").status == 404
    answer = send(store.otlp_http_port, b"", method="GET")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"hello", grpc.StatusCode.INVALID_ARGUMENT),
        (wrong_bodies()["id of the wrong length"][1], grpc.StatusCode.INVALID_ARGUMENT),
        (bytes(LIMIT + 1), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_wrong_input_over_grpc(store: Store, body: bytes, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        grpc_export(store, body)
    assert refused.value.code() is code
    assert refused.value.details()
    first = next(numbers)
    grpc_export(store, run_spans(first, 1).SerializeToString())
    assert spans_between(store, first, 1) == 1


def test_odd_input_is_stored_safely(store: Store) -> None:
    first = next(numbers)
    request = run_spans(first, 4)
    odd, old, future, wide = request.resource_spans[0].scope_spans[0].spans
    odd.name = "run/XX"
    old.start_time_unix_nano, old.end_time_unix_nano = 0, 5
    future.start_time_unix_nano = future.end_time_unix_nano = 84_000 * NS_PER_DAY  # in 2199
    for number in range(10_000):
        wide.attributes.add(key=f"key {number}").value.int_value = number
    body = request.SerializeToString().replace(b"run/XX", b"run/\xff\xfe")
    assert send(store.otlp_http_port, body).status == 200
    rows = fetch(
        store,
        "SELECT SpanName, toDate(Timestamp) = today(), SpanAttributes['taskmon.clock.original_ns'], "
        f"length(SpanAttributes) FROM otel.otel_traces WHERE SpanId > '{first:016x}' "
        f"AND SpanId <= '{first + 4:016x}' ORDER BY SpanId",
    )
    names, today, clocks, sizes = zip(*rows, strict=True)
    assert names == ("run/\ufffd\ufffd", "run/shop.pay", "run/shop.pay", "run/shop.pay")
    assert today == (1, 1, 1, 1)
    assert clocks == ("", "0", str(84_000 * NS_PER_DAY), "")
    assert int(sizes[3]) == 10_000 + int(sizes[0])
    partitions = "SELECT uniqExact(partition) FROM system.parts WHERE active AND table = 'otel_traces'"
    assert int(fetch(store, partitions)[0][0]) <= 2


def test_days_are_utc_days_wherever_the_store_runs(tmp_path: Path) -> None:
    with running_store(tmp_path, env={"TZ": "America/New_York"}) as store:
        assert fetch(store, "SELECT timezone()") == [["UTC"]]
        request = run_spans(0, 48)
        midnight = time.time_ns() // NS_PER_DAY * NS_PER_DAY
        for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
            span.start_time_unix_nano = midnight + number * 1800 * 10**9
        assert send(store.otlp_http_port, request.SerializeToString()).status == 200
        parts = "SELECT uniqExact(_part), uniqExact(_partition_id) FROM otel.otel_traces"
        assert [int(value) for value in fetch(store, parts)[0]] == [1, 1]
