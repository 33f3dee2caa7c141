from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_taskmon.store.otlp_errors import BadOtlp
from otel_taskmon.store.otlp_logs import LOGS, log_blocks
from otel_taskmon.store.otlp_metrics import METRICS, metric_blocks
from otel_taskmon.store.otlp_rows import CLOCK_KEY, NS_PER_DAY, Block
from otel_taskmon.store.otlp_traces import TRACES, trace_blocks
from tests.support.native_reader import read_native
from tests.support.rowbinary_reader import read_rows

DAY = 20_000  # 2024-10-04
NOW = DAY * NS_PER_DAY + 3_600 * 10**9
DIGEST = "ab" * 16
TYPES = {
    "Timestamp": "DateTime64(9)",
    "TimeUnix": "DateTime64(9)",
    "StartTimeUnix": "DateTime64(9)",
    "Duration": "UInt64",
    "Count": "UInt64",
    "ZeroCount": "UInt64",
    "Sum": "Float64",
    "Min": "Float64",
    "Max": "Float64",
    "Value": "Float64",
    "Flags": "UInt32",
    "ScopeDroppedAttrCount": "UInt32",
    "TraceFlags": "UInt8",
    "SeverityNumber": "UInt8",
    "IsMonotonic": "UInt8",
    "AggregationTemporality": "Int32",
    "Scale": "Int32",
    "PositiveOffset": "Int32",
    "NegativeOffset": "Int32",
    "BucketCounts": "Array(UInt64)",
    "PositiveBucketCounts": "Array(UInt64)",
    "NegativeBucketCounts": "Array(UInt64)",
    "ExplicitBounds": "Array(Float64)",
    "Events.Timestamp": "Array(DateTime64(9))",
    "Events.Name": "Array(String)",
    "Links.TraceId": "Array(String)",
    "Links.SpanId": "Array(String)",
    "Links.TraceState": "Array(String)",
    "Exemplars.TimeUnix": "Array(DateTime64(9))",
    "Exemplars.Value": "Array(Float64)",
    "Exemplars.SpanId": "Array(String)",
    "Exemplars.TraceId": "Array(String)",
    "ValueAtQuantiles.Quantile": "Array(Float64)",
    "ValueAtQuantiles.Value": "Array(Float64)",
}
MAPS = {"Attributes", "ResourceAttributes", "ScopeAttributes", "SpanAttributes", "LogAttributes"}
MAP_ARRAYS = {"Events.Attributes", "Links.Attributes", "Exemplars.FilteredAttributes"}


def rows_of(block: Block) -> list[dict[str, Any]]:
    types = {
        name: "Map" if name in MAPS else "Array(Map)" if name in MAP_ARRAYS else TYPES.get(name, "String")
        for name in (*block.table.columns, "RequestId")
    }
    rows = read_native(block.data) if block.table.format == "Native" else read_rows(block.data, types)
    assert len(rows) == block.rows
    assert all(tuple(row) == tuple(types) for row in rows)
    return rows


def attribute(key: str, text: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=text))


def one_span() -> tuple[ExportTraceServiceRequest, Span]:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add()
    spans.resource.attributes.extend([attribute("host.name", "h"), attribute("service.name", "shop")])
    scope = spans.scope_spans.add()
    scope.scope.name, scope.scope.version = "celery", "1.0"
    span = scope.spans.add(
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        parent_span_id=b"\x03" * 8,
        trace_state="a=b",
        name="run/add",
        kind=Span.SPAN_KIND_CONSUMER,
        start_time_unix_nano=NOW,
        end_time_unix_nano=NOW + 5,
    )
    span.attributes.append(attribute("k", "v"))
    return request, span


def test_a_span_has_the_exporters_columns() -> None:
    request, span = one_span()
    span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "boom"
    event = span.events.add(time_unix_nano=NOW + 1, name="exception")
    event.attributes.append(attribute("exception.type", "ValueError"))
    link = span.links.add(trace_id=b"\x04" * 16, span_id=b"\x05" * 8, trace_state="c=d")
    link.attributes.append(attribute("l", "m"))
    (block,) = trace_blocks(request, DIGEST, NOW)
    assert block.table is TRACES
    assert rows_of(block) == [
        {
            "Timestamp": NOW,
            "TraceId": "01" * 16,
            "SpanId": "02" * 8,
            "ParentSpanId": "03" * 8,
            "TraceState": "a=b",
            "SpanName": "run/add",
            "SpanKind": "Consumer",
            "ServiceName": "shop",
            "ResourceAttributes": {"host.name": "h", "service.name": "shop"},
            "ScopeName": "celery",
            "ScopeVersion": "1.0",
            "SpanAttributes": {"k": "v"},
            "Duration": 5,
            "StatusCode": "Error",
            "StatusMessage": "boom",
            "Events.Timestamp": [NOW + 1],
            "Events.Name": ["exception"],
            "Events.Attributes": [{"exception.type": "ValueError"}],
            "Links.TraceId": ["04" * 16],
            "Links.SpanId": ["05" * 8],
            "Links.TraceState": ["c=d"],
            "Links.Attributes": [{"l": "m"}],
            "RequestId": f"{DIGEST}:{DAY}",
        }
    ]


def test_a_span_that_ends_before_it_starts_took_no_time() -> None:
    request, span = one_span()
    span.end_time_unix_nano = NOW - 1
    (block,) = trace_blocks(request, DIGEST, NOW)
    assert rows_of(block)[0]["Duration"] == 0


def test_kinds_and_codes_of_a_later_otlp_are_stored_empty() -> None:
    request, span = one_span()
    span.kind = 77  # type: ignore[assignment]
    span.status.code = 9  # type: ignore[assignment]
    (row,) = rows_of(trace_blocks(request, DIGEST, NOW)[0])
    assert (row["SpanKind"], row["StatusCode"]) == ("", "")


def test_ten_thousand_attributes_and_a_long_text() -> None:
    request, span = one_span()
    span.attributes.extend(attribute(f"k{n}", "x" * 10) for n in range(10_000))
    span.attributes.append(attribute("long", "ü" * 1_000_000))
    (row,) = rows_of(trace_blocks(request, DIGEST, NOW)[0])
    assert len(row["SpanAttributes"]) == 10_002
    assert row["SpanAttributes"]["long"] == "ü" * 1_000_000


@pytest.mark.parametrize("field", ["trace_id", "span_id", "parent_span_id"])
def test_an_id_of_the_wrong_length_is_refused(field: str) -> None:
    request, span = one_span()
    setattr(span, field, b"\x01\x02")
    with pytest.raises(BadOtlp, match="has 2 bytes"):
        trace_blocks(request, DIGEST, NOW)


def test_rows_are_grouped_by_their_own_day() -> None:
    request, _ = one_span()
    spans = request.resource_spans[0].scope_spans[0].spans
    for day in (DAY - 1, DAY, DAY - 1):
        spans.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, start_time_unix_nano=day * NS_PER_DAY + 7)
    blocks = {block.request_id: rows_of(block) for block in trace_blocks(request, DIGEST, NOW)}
    assert {key: len(rows) for key, rows in blocks.items()} == {
        f"{DIGEST}:{DAY}": 2,
        f"{DIGEST}:{DAY - 1}": 2,
    }
    for key, rows in blocks.items():
        assert {row["RequestId"] for row in rows} == {key}
        assert {row["Timestamp"] // NS_PER_DAY for row in rows} == {int(key.partition(":")[2])}


@pytest.mark.parametrize(
    "started", [0, 1, (DAY - 401) * NS_PER_DAY, (DAY + 3) * NS_PER_DAY, 7_258_118_400_000_000_000, 2**64 - 1]
)
def test_a_wrong_clock_gets_the_time_of_receipt_and_keeps_its_own(started: int) -> None:
    request, span = one_span()
    span.start_time_unix_nano, span.end_time_unix_nano = started, min(started + 9, 2**64 - 1)
    (block,) = trace_blocks(request, DIGEST, NOW)
    (row,) = rows_of(block)
    assert row["Timestamp"] == NOW
    assert row["SpanAttributes"] == {"k": "v", CLOCK_KEY: str(started)}
    assert row["Duration"] == min(9, 2**64 - 1 - started)
    # sent again later, when the bounds have moved on, the group has the same id
    (again,) = trace_blocks(request, DIGEST, NOW + 500 * NS_PER_DAY)
    assert again.request_id == block.request_id


@pytest.mark.parametrize("day", [DAY - 400, DAY - 1, DAY + 2])
def test_a_clock_within_bounds_is_kept(day: int) -> None:
    request, span = one_span()
    span.start_time_unix_nano = day * NS_PER_DAY
    (row,) = rows_of(trace_blocks(request, DIGEST, NOW)[0])
    assert row["Timestamp"] == day * NS_PER_DAY
    assert row["SpanAttributes"] == {"k": "v"}


def test_a_log_record_has_the_exporters_columns() -> None:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add(schema_url="s1")
    logs.resource.attributes.append(attribute("service.name", "shop"))
    scope = logs.scope_logs.add(schema_url="s2")
    scope.scope.name = "n"
    scope.scope.attributes.append(attribute("sa", "1"))
    record = scope.log_records.add(
        time_unix_nano=NOW,
        severity_number=9,
        severity_text="INFO",
        trace_id=bytes(16),
        span_id=b"\x02" * 8,
        flags=0x101,
        event_name="taskmon.task.received",
        body=AnyValue(int_value=4),
    )
    record.attributes.append(attribute("k", "v"))
    scope.log_records.add(observed_time_unix_nano=NOW + 1)
    (block,) = log_blocks(request, DIGEST, NOW)
    assert block.table is LOGS
    first, second = rows_of(block)
    assert first == {
        "Timestamp": NOW,
        "TraceId": "",
        "SpanId": "02" * 8,
        "TraceFlags": 1,
        "SeverityText": "INFO",
        "SeverityNumber": 9,
        "Body": "4",
        "ServiceName": "shop",
        "ResourceSchemaUrl": "s1",
        "ResourceAttributes": {"service.name": "shop"},
        "ScopeSchemaUrl": "s2",
        "ScopeName": "n",
        "ScopeVersion": "",
        "ScopeAttributes": {"sa": "1"},
        "LogAttributes": {"k": "v"},
        "EventName": "taskmon.task.received",
        "RequestId": f"{DIGEST}:{DAY}",
    }
    assert second["Timestamp"] == NOW + 1


def test_a_log_record_with_a_wrong_clock_keeps_its_time() -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(time_unix_nano=5, severity_number=-1).attributes.append(attribute("k", "v"))
    records.add(time_unix_nano=NOW, trace_id=b"\x01" * 16)
    wrong, right = map(rows_of, log_blocks(request, DIGEST, NOW))
    assert [(row["Timestamp"], row["LogAttributes"]) for row in wrong] == [(NOW, {"k": "v", CLOCK_KEY: "5"})]
    assert [(row["Timestamp"], row["TraceId"], row["LogAttributes"]) for row in right] == [
        (NOW, "01" * 16, {})
    ]
    assert wrong[0]["SeverityNumber"] == 0


@pytest.mark.parametrize("ids", [{"trace_id": b"\x01" * 15}, {"span_id": b"\x01" * 9}])
def test_a_log_record_with_an_id_of_the_wrong_length_is_refused(ids: dict[str, bytes]) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(time_unix_nano=NOW, trace_id=b"\x01" * 16, span_id=b"\x01" * 8)
    records.add(time_unix_nano=NOW, **ids)
    with pytest.raises(BadOtlp, match=r"id has (15|9) bytes: it must have (16|8), or none"):
        log_blocks(request, DIGEST, NOW)


def metrics_request() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add(schema_url="s1")
    metrics.resource.attributes.append(attribute("service.name", "shop"))
    scope = metrics.scope_metrics.add(schema_url="s2")
    scope.scope.name, scope.scope.dropped_attributes_count = "n", 3
    exemplar = Exemplar(time_unix_nano=NOW, as_int=6, span_id=b"\x01" * 8)
    exemplar.filtered_attributes.append(attribute("e", "f"))

    def add(name: str) -> Metric:
        return scope.metrics.add(name=name, description="d", unit="1")

    shared = {"time_unix_nano": NOW, "start_time_unix_nano": NOW - 1, "attributes": [attribute("k", "v")]}
    add("depth").gauge.data_points.add(**shared, as_int=12, exemplars=[exemplar])
    total = add("total").sum
    total.aggregation_temporality, total.is_monotonic = 2, True  # type: ignore[assignment]
    total.data_points.add(**shared, as_double=1.5, flags=1)
    histogram = add("wait").histogram
    histogram.aggregation_temporality = 1  # type: ignore[assignment]
    histogram.data_points.add(
        **shared, count=3, sum=6.5, bucket_counts=[1, 2], explicit_bounds=[0.5], min=1, max=4
    )
    exponential = add("size").exponential_histogram.data_points.add(
        **shared, count=2, sum=2, scale=-3, zero_count=1
    )
    exponential.positive.offset = -7
    exponential.positive.bucket_counts.extend([1, 300])
    quantiles = add("old").summary.data_points.add(**shared, count=1, sum=2).quantile_values
    quantiles.add(quantile=0.5, value=9)
    add("nothing")
    return request


def test_every_kind_of_metric_has_the_exporters_columns() -> None:
    blocks = {block.table: rows_of(block) for block in metric_blocks(metrics_request(), DIGEST, NOW)}
    assert tuple(blocks) == METRICS
    rows = {table.name.removeprefix("otel_metrics_"): found[0] for table, found in blocks.items()}
    for row in rows.values():
        assert row["ResourceAttributes"] == {"service.name": "shop"}
        assert (row["ServiceName"], row["ResourceSchemaUrl"], row["ScopeSchemaUrl"]) == ("shop", "s1", "s2")
        assert (row["ScopeName"], row["ScopeDroppedAttrCount"]) == ("n", 3)
        assert (row["MetricDescription"], row["MetricUnit"], row["Attributes"]) == ("d", "1", {"k": "v"})
        assert (row["StartTimeUnix"], row["TimeUnix"]) == (NOW - 1, NOW)
    gauge = rows["gauge"]
    assert (gauge["MetricName"], gauge["Value"], gauge["Flags"]) == ("depth", 12.0, 0)
    assert gauge["Exemplars.FilteredAttributes"] == [{"e": "f"}]
    assert gauge["Exemplars.Value"] == [6.0]
    assert (gauge["Exemplars.SpanId"], gauge["Exemplars.TraceId"]) == (["01" * 8], ["00" * 16])
    total = rows["sum"]
    assert (total["Value"], total["Flags"], total["AggregationTemporality"], total["IsMonotonic"]) == (
        1.5,
        1,
        2,
        1,
    )
    wait = rows["histogram"]
    assert (wait["Count"], wait["Sum"], wait["Min"], wait["Max"]) == (3, 6.5, 1.0, 4.0)
    assert (wait["BucketCounts"], wait["ExplicitBounds"]) == ([1, 2], [0.5])
    size = rows["exponential_histogram"]
    assert (size["Scale"], size["ZeroCount"], size["PositiveOffset"]) == (-3, 1, -7)
    assert (size["PositiveBucketCounts"], size["NegativeBucketCounts"]) == ([1, 300], [])
    old = rows["summary"]
    assert (old["ValueAtQuantiles.Quantile"], old["ValueAtQuantiles.Value"]) == ([0.5], [9.0])


def test_a_metric_point_with_a_wrong_clock_keeps_its_time() -> None:
    request = ExportMetricsServiceRequest()
    points = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge.data_points
    points.add(time_unix_nano=5, as_int=1)
    (row,) = rows_of(metric_blocks(request, DIGEST, NOW)[0])
    assert (row["TimeUnix"], row["Attributes"]) == (NOW, {CLOCK_KEY: "5"})
