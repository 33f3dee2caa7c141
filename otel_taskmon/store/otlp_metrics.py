"""OTLP metrics to rows of ``otel_metrics_*``: one row per data point, as the clickhouseexporter writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    SummaryDataPoint,
)

from otel_taskmon.store import rowbinary
from otel_taskmon.store.otlp_errors import BadOtlp
from otel_taskmon.store.otlp_rows import Append, Block, RowGroups, Table, row_attributes
from otel_taskmon.store.otlp_values import attribute_map, service_name
from otel_taskmon.store.rowbinary import (
    array,
    float64,
    float64_array,
    int32,
    repeated_string,
    string,
    time_ns,
    uint8,
    uint32,
    uint64,
    uint64_array,
)

_SHARED: Final = (
    "ResourceAttributes",
    "ResourceSchemaUrl",
    "ScopeName",
    "ScopeVersion",
    "ScopeAttributes",
    "ScopeDroppedAttrCount",
    "ScopeSchemaUrl",
    "ServiceName",
    "MetricName",
    "MetricDescription",
    "MetricUnit",
    "Attributes",
    "StartTimeUnix",
    "TimeUnix",
)
_EXEMPLARS: Final = (
    "Exemplars.FilteredAttributes",
    "Exemplars.TimeUnix",
    "Exemplars.Value",
    "Exemplars.SpanId",
    "Exemplars.TraceId",
)
_RANGE: Final = ("Flags", "Min", "Max")
GAUGE: Final = Table("otel_metrics_gauge", (*_SHARED, "Value", "Flags", *_EXEMPLARS))
SUM: Final = Table(
    "otel_metrics_sum", (*_SHARED, "Value", "Flags", *_EXEMPLARS, "AggregationTemporality", "IsMonotonic")
)
HISTOGRAM: Final = Table(
    "otel_metrics_histogram",
    (
        *_SHARED,
        *("Count", "Sum", "BucketCounts", "ExplicitBounds"),
        *_EXEMPLARS,
        *_RANGE,
        "AggregationTemporality",
    ),
)
EXPONENTIAL_HISTOGRAM: Final = Table(
    "otel_metrics_exponential_histogram",
    (
        *_SHARED,
        *("Count", "Sum", "Scale", "ZeroCount"),
        *("PositiveOffset", "PositiveBucketCounts", "NegativeOffset", "NegativeBucketCounts"),
        *_EXEMPLARS,
        *_RANGE,
        "AggregationTemporality",
    ),
)
SUMMARY: Final = Table(
    "otel_metrics_summary",
    (*_SHARED, "Count", "Sum", "ValueAtQuantiles.Quantile", "ValueAtQuantiles.Value", "Flags"),
)
METRICS: Final = (GAUGE, SUM, HISTOGRAM, EXPONENTIAL_HISTOGRAM, SUMMARY)

_KINDS: Final = {
    "gauge": GAUGE,
    "sum": SUM,
    "histogram": HISTOGRAM,
    "exponential_histogram": EXPONENTIAL_HISTOGRAM,
    "summary": SUMMARY,
}


def metric_blocks(
    request: ExportMetricsServiceRequest, digest: str, received_ns: int | None = None
) -> list[Block]:
    """All data points of a request, for up to five tables.

    Raises BadOtlp on exemplar ids of the wrong length, TooLarge when it unfolds too far.
    """
    groups = {kind: RowGroups(table, digest, received_ns) for kind, table in _KINDS.items()}
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            shared = _shared_columns(resource_metrics, scope_metrics)
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                if kind is not None:  # a metric without data has no points to store
                    _add(groups[kind], metric, kind, shared)
    return [block for group in groups.values() for block in group.blocks()]


def _shared_columns(resource_metrics: ResourceMetrics, scope_metrics: ScopeMetrics) -> bytes:
    resource = resource_metrics.resource.attributes
    scope = scope_metrics.scope
    return b"".join(
        (
            attribute_map(resource),
            repeated_string(resource_metrics.schema_url),
            string(scope.name),
            string(scope.version),
            attribute_map(scope.attributes),
            uint32(scope.dropped_attributes_count),
            repeated_string(scope_metrics.schema_url),
            service_name(resource),
        )
    )


def _add(groups: RowGroups, metric: Metric, kind: str, shared: bytes) -> None:
    shared += b"".join(
        (repeated_string(metric.name), repeated_string(metric.description), repeated_string(metric.unit))
    )
    data: Any = getattr(metric, kind)  # one of five generated classes that share no type
    write, tail = _POINT_WRITERS[kind], _tail(kind, data)
    groups.repeat(len(shared), len(data.data_points))
    for point in data.data_points:
        measured = point.time_unix_nano
        add, stored, right_clock = groups.start(measured)
        add(shared)
        add(row_attributes(point.attributes, measured, right_clock=right_clock))
        add(time_ns(point.start_time_unix_nano))
        add(time_ns(stored))
        write(point, add)
        add(tail)
        groups.end()


def _tail(kind: str, data: Any) -> bytes:
    if kind == "sum":
        return int32(data.aggregation_temporality) + uint8(data.is_monotonic)
    if kind in ("histogram", "exponential_histogram"):
        return int32(data.aggregation_temporality)
    return b""


def _number(value: NumberDataPoint | Exemplar) -> float:
    return float(value.as_int) if value.WhichOneof("value") == "as_int" else value.as_double


def _write_number(point: NumberDataPoint, add: Append) -> None:
    add(float64(_number(point)))
    add(uint32(point.flags))
    add(_exemplars(point.exemplars))


def _write_histogram(point: HistogramDataPoint, add: Append) -> None:
    add(uint64(point.count))
    add(float64(point.sum))
    add(uint64_array(point.bucket_counts))
    add(float64_array(point.explicit_bounds))
    add(_exemplars(point.exemplars))
    add(uint32(point.flags))
    add(float64(point.min))
    add(float64(point.max))


def _write_exponential_histogram(point: ExponentialHistogramDataPoint, add: Append) -> None:
    add(uint64(point.count))
    add(float64(point.sum))
    add(int32(point.scale))
    add(uint64(point.zero_count))
    add(int32(point.positive.offset))
    add(uint64_array(point.positive.bucket_counts))
    add(int32(point.negative.offset))
    add(uint64_array(point.negative.bucket_counts))
    add(_exemplars(point.exemplars))
    add(uint32(point.flags))
    add(float64(point.min))
    add(float64(point.max))


def _write_summary(point: SummaryDataPoint, add: Append) -> None:
    add(uint64(point.count))
    add(float64(point.sum))
    add(float64_array([q.quantile for q in point.quantile_values]))
    add(float64_array([q.value for q in point.quantile_values]))
    add(uint32(point.flags))


_POINT_WRITERS: Final[dict[str, Callable[[Any, Append], None]]] = {
    "gauge": _write_number,
    "sum": _write_number,
    "histogram": _write_histogram,
    "exponential_histogram": _write_exponential_histogram,
    "summary": _write_summary,
}


def _exemplars(exemplars: Sequence[Exemplar]) -> bytes:
    count = len(exemplars)
    if not count:
        return rowbinary.EMPTY * len(_EXEMPLARS)
    return b"".join(
        (
            array([attribute_map(e.filtered_attributes) for e in exemplars], count),
            array([time_ns(e.time_unix_nano) for e in exemplars], count),
            array([float64(_number(e)) for e in exemplars], count),
            array([_exemplar_id(e.span_id, 8, "span id") for e in exemplars], count),
            array([_exemplar_id(e.trace_id, 16, "trace id") for e in exemplars], count),
        )
    )


def _exemplar_id(value: bytes, size: int, what: str) -> bytes:
    """Hex digits; an absent id of an exemplar is all zeros, as the exporter writes it."""
    if value and len(value) != size:
        raise BadOtlp(f"the {what} of an exemplar has {len(value)} bytes: it must have {size}, or none")
    return string((value or bytes(size)).hex())
