"""How far the rows of one request may go beyond it: their number, their days, what they repeat."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_taskmon.store import otlp_rows
from otel_taskmon.store.otlp_errors import TooLarge
from otel_taskmon.store.otlp_logs import log_blocks
from otel_taskmon.store.otlp_metrics import metric_blocks
from otel_taskmon.store.otlp_rows import NS_PER_DAY
from otel_taskmon.store.otlp_traces import trace_blocks


def test_a_million_empty_spans_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_rows, "MAX_ROWS", 3)
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.extend([Span(start_time_unix_nano=n * NS_PER_DAY) for n in range(3)])
    assert sum(block.rows for block in trace_blocks(request, "d")) == 3
    spans.add()
    with pytest.raises(TooLarge, match="more than 3 rows for otel_traces"):
        trace_blocks(request, "d")


def test_spans_of_more_than_a_thousand_days_are_too_many() -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for day in range(1_000):
        spans.add(start_time_unix_nano=day * NS_PER_DAY)
    assert len(trace_blocks(request, "d")) == 1_000
    spans.add(start_time_unix_nano=999 * NS_PER_DAY + 1)
    assert len(trace_blocks(request, "d")) == 1_000
    spans.add(start_time_unix_nano=1_000 * NS_PER_DAY)
    with pytest.raises(TooLarge, match="more than 1000 days for otel_traces"):
        trace_blocks(request, "d")


def test_a_large_resource_is_not_repeated_without_end() -> None:
    traces, logs, metrics = (
        ExportTraceServiceRequest(),
        ExportLogsServiceRequest(),
        ExportMetricsServiceRequest(),
    )
    megabyte = [KeyValue(key="big", value=AnyValue(string_value="x" * (1 << 20)))]
    scope_spans = traces.resource_spans.add().scope_spans.add()
    traces.resource_spans[0].resource.attributes.extend(megabyte)
    scope_logs = logs.resource_logs.add().scope_logs.add()
    scope_logs.scope.attributes.extend(megabyte)
    scope_metrics = metrics.resource_metrics.add().scope_metrics.add()
    metrics.resource_metrics[0].resource.attributes.extend(megabyte)
    metric = scope_metrics.metrics.add(name="m")
    for _ in range(20):
        scope_spans.spans.add()
        scope_logs.log_records.add()
        metric.gauge.data_points.add()
    assert [block.rows for block in trace_blocks(traces, "d")] == [20]
    assert [block.rows for block in log_blocks(logs, "d")] == [20]
    assert [block.rows for block in metric_blocks(metrics, "d")] == [20]
    for _ in range(120):
        scope_spans.spans.add()
        scope_logs.log_records.add()
        metric.gauge.data_points.add()
    with pytest.raises(TooLarge, match="otel_traces repeat more than 134217728 bytes"):
        trace_blocks(traces, "d")
    with pytest.raises(TooLarge, match="otel_logs repeat more"):
        log_blocks(logs, "d")
    with pytest.raises(TooLarge, match="otel_metrics_gauge repeat more"):
        metric_blocks(metrics, "d")
