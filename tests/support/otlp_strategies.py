"""Hypothesis strategies for OTLP requests: every value type, events, links, unicode, empty and huge."""

from __future__ import annotations

import re
import time
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

DAY_NS = 86_400_000_000_000
SERVICE = "service.name"

short = st.text(max_size=12)
_MASKED_BY_THE_COLLECTOR = re.compile(
    "pass|pwd|secret|authorization|cookie|api|access|private|token", re.IGNORECASE
)
keys = short.filter(lambda key: not _MASKED_BY_THE_COLLECTOR.search(key))
"""Hypothesis tries words that it finds in our sources; the Collector masks the values of such keys once more."""
texts = st.one_of(
    short,
    st.sampled_from(["", "\x00", "\u2028", "<a href='x'>&amp;", "日本語", "🦄" * 5, '"\\\n\t', "x" * 60_000]),
)
int64 = st.integers(-(2**63), 2**63 - 1)
uint32 = st.integers(0, 2**32 - 1)
uint64 = st.integers(0, 2**64 - 1)
doubles = st.floats()
finite = st.floats(allow_nan=False, allow_infinity=False)
trace_ids = st.one_of(st.just(b""), st.just(bytes(16)), st.binary(min_size=16, max_size=16))
span_ids = st.one_of(st.just(b""), st.just(bytes(8)), st.binary(min_size=8, max_size=8))


def times(zero: bool = False) -> st.SearchStrategy[int]:
    """Nanoseconds within the clock's bounds; sampled to the day, because each day is a part of a table,
    and well within the seven days that raw rows are kept."""
    now = time.time_ns()
    days = st.sampled_from([0, 0, 0, -1, -3])
    right = st.builds(lambda day, ns: now + day * DAY_NS - ns, days, st.integers(0, 10**9))
    return st.one_of(st.just(0), right) if zero else right


def _value(kind: str) -> Any:
    return lambda content: AnyValue(**{kind: content})


def _list(items: list[AnyValue]) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=items))


def _map(items: dict[str, AnyValue]) -> AnyValue:
    pairs = [KeyValue(key=key, value=value) for key, value in items.items()]
    return AnyValue(kvlist_value=KeyValueList(values=pairs))


def _scalars(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[AnyValue]:
    return st.one_of(
        st.just(AnyValue()),
        texts.map(_value("string_value")),
        st.booleans().map(_value("bool_value")),
        int64.map(_value("int_value")),
        numbers.map(_value("double_value")),
        st.binary(max_size=9).map(_value("bytes_value")),
    )


values: st.SearchStrategy[AnyValue] = st.one_of(
    _scalars(doubles),
    # Inside of lists and maps only finite numbers: README of collector-config says what differs for the others.
    st.recursive(
        _scalars(finite),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(_list), st.dictionaries(keys, inner, max_size=3).map(_map)
        ),
        max_leaves=6,
    ),
)
attributes = st.dictionaries(keys, values, max_size=4).map(
    lambda found: [KeyValue(key=key, value=value) for key, value in found.items()]
)
scopes = st.builds(
    InstrumentationScope, name=short, version=short, attributes=attributes, dropped_attributes_count=uint32
)


def resource(service: str) -> st.SearchStrategy[Resource]:
    name = KeyValue(key=SERVICE, value=AnyValue(string_value=service))
    return attributes.map(
        lambda found: Resource(attributes=[name, *(pair for pair in found if pair.key != SERVICE)])
    )


spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=span_ids,
    trace_state=short,
    name=texts,
    kind=st.sampled_from([0, 1, 2, 3, 4, 5]),
    start_time_unix_nano=times(),
    end_time_unix_nano=times(),  # also before the start
    attributes=attributes,
    events=st.lists(
        st.builds(Span.Event, time_unix_nano=times(zero=True), name=short, attributes=attributes), max_size=3
    ),
    links=st.lists(
        st.builds(Span.Link, trace_id=trace_ids, span_id=span_ids, trace_state=short, attributes=attributes),
        max_size=3,
    ),
    status=st.builds(Status, code=st.sampled_from([0, 1, 2]), message=short),
)
records = st.builds(
    LogRecord,
    time_unix_nano=times(),
    severity_number=st.integers(0, 24),
    severity_text=short,
    body=values,
    attributes=attributes,
    flags=uint32,
    trace_id=trace_ids,
    span_id=span_ids,
    event_name=short,
)
exemplars = st.lists(
    st.one_of(
        st.builds(
            Exemplar,
            filtered_attributes=attributes,
            time_unix_nano=times(zero=True),
            as_double=doubles,
            span_id=span_ids,
            trace_id=trace_ids,
        ),
        st.builds(Exemplar, time_unix_nano=times(zero=True), as_int=int64),
    ),
    max_size=2,
)
_point = {
    "attributes": attributes,
    "start_time_unix_nano": times(zero=True),
    "time_unix_nano": times(),
    "flags": uint32,
}
numbers = st.one_of(
    st.builds(NumberDataPoint, as_double=doubles, exemplars=exemplars, **_point),
    st.builds(NumberDataPoint, as_int=int64, exemplars=exemplars, **_point),
    st.builds(NumberDataPoint, **_point),
)
histograms = st.builds(
    HistogramDataPoint,
    count=uint64,
    sum=doubles,
    bucket_counts=st.lists(uint64, max_size=4),
    explicit_bounds=st.lists(doubles, max_size=4),
    min=doubles,
    max=doubles,
    exemplars=exemplars,
    **_point,
)
_buckets = st.builds(
    ExponentialHistogramDataPoint.Buckets,
    offset=st.integers(-(2**31), 2**31 - 1),
    bucket_counts=st.lists(uint64, max_size=4),
)
exponential_histograms = st.builds(
    ExponentialHistogramDataPoint,
    count=uint64,
    sum=doubles,
    scale=st.integers(-10, 20),
    zero_count=uint64,
    positive=_buckets,
    negative=_buckets,
    min=doubles,
    max=doubles,
    exemplars=exemplars,
    **_point,
)
summaries = st.builds(
    SummaryDataPoint,
    count=uint64,
    sum=doubles,
    quantile_values=st.lists(
        st.builds(SummaryDataPoint.ValueAtQuantile, quantile=doubles, value=doubles), max_size=3
    ),
    **_point,
)
_temporality = st.sampled_from([0, 1, 2])
metrics = st.one_of(
    st.lists(numbers, min_size=1, max_size=2).map(lambda points: {"gauge": Gauge(data_points=points)}),
    st.builds(
        lambda points, kind, monotonic: {
            "sum": Sum(data_points=points, aggregation_temporality=kind, is_monotonic=monotonic)
        },
        st.lists(numbers, min_size=1, max_size=2),
        _temporality,
        st.booleans(),
    ),
    st.builds(
        lambda points, kind: {"histogram": Histogram(data_points=points, aggregation_temporality=kind)},
        st.lists(histograms, min_size=1, max_size=2),
        _temporality,
    ),
    st.builds(
        lambda points, kind: {
            "exponential_histogram": ExponentialHistogram(data_points=points, aggregation_temporality=kind)
        },
        st.lists(exponential_histograms, min_size=1, max_size=2),
        _temporality,
    ),
    st.lists(summaries, min_size=1, max_size=2).map(lambda points: {"summary": Summary(data_points=points)}),
).flatmap(lambda data: st.builds(Metric, name=short, description=texts, unit=short, **_just(data)))


def _just(data: dict[str, Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {name: st.just(content) for name, content in data.items()}


def trace_requests(service: str) -> st.SearchStrategy[ExportTraceServiceRequest]:
    """Spans of one service, so that its rows can be found."""
    of_scope = st.builds(ScopeSpans, scope=scopes, spans=st.lists(spans, min_size=2, max_size=12))
    of_resource = st.builds(
        ResourceSpans,
        resource=resource(service),
        scope_spans=st.lists(of_scope, min_size=1, max_size=2),
        schema_url=short,
    )
    return st.builds(ExportTraceServiceRequest, resource_spans=st.lists(of_resource, min_size=1, max_size=2))


def log_requests(service: str) -> st.SearchStrategy[ExportLogsServiceRequest]:
    of_scope = st.builds(
        ScopeLogs, scope=scopes, log_records=st.lists(records, min_size=2, max_size=12), schema_url=short
    )
    of_resource = st.builds(
        ResourceLogs,
        resource=resource(service),
        scope_logs=st.lists(of_scope, min_size=1, max_size=2),
        schema_url=short,
    )
    return st.builds(ExportLogsServiceRequest, resource_logs=st.lists(of_resource, min_size=1, max_size=2))


def metric_requests(service: str) -> st.SearchStrategy[ExportMetricsServiceRequest]:
    of_scope = st.builds(
        ScopeMetrics, scope=scopes, metrics=st.lists(metrics, min_size=2, max_size=8), schema_url=short
    )
    of_resource = st.builds(
        ResourceMetrics,
        resource=resource(service),
        scope_metrics=st.lists(of_scope, min_size=1, max_size=2),
        schema_url=short,
    )
    return st.builds(
        ExportMetricsServiceRequest, resource_metrics=st.lists(of_resource, min_size=1, max_size=2)
    )
