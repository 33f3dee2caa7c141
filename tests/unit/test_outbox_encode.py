"""Our bytes mean what the SDK's mean, over generated spans and log records."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as PbLogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as PbSpan
from opentelemetry.sdk._logs import LogRecordLimits, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace.span import TraceState
from opentelemetry.trace.status import Status, StatusCode

from otel_taskmon.outbox.encode import encode_event, encode_log, encode_span
from otel_taskmon.outbox.request import join
from otel_taskmon.outbox.source import Source, Sources

RESOURCE = Resource({"service.name": "x", "n": 3}, "https://schema/resource")
SCOPE = InstrumentationScope("celery", "1.2", "https://schema/scope", {"a": True})

text = st.one_of(st.text(max_size=12), st.sampled_from(["", "x" * 127, "x" * 128, "é" * 1_023, "y" * 20_000]))
scalars = st.one_of(
    text,
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(),
    st.binary(max_size=200),
)
facts = st.one_of(text, st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1))
values = st.recursive(
    st.one_of(st.none(), scalars),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
attributes: st.SearchStrategy[dict[str, Any]] = st.dictionaries(text, values, max_size=6)
times = st.integers(0, (1 << 64) - 1)
contexts = st.builds(
    SpanContext,
    st.integers(1, (1 << 128) - 1),
    st.integers(1, (1 << 64) - 1),
    st.booleans(),
    st.just(TraceFlags(1)),
    st.sampled_from([TraceState(), TraceState([("a", "1"), ("b", "x y")])]),
)
statuses = st.one_of(
    st.just(Status(StatusCode.UNSET)),
    st.just(Status(StatusCode.OK)),
    text.map(lambda said: Status(StatusCode.ERROR, said)),
)
spans = st.builds(
    ReadableSpan,
    name=text,
    context=contexts,
    parent=st.one_of(st.none(), contexts),
    resource=st.just(RESOURCE),
    attributes=st.one_of(st.none(), attributes),
    events=st.lists(st.builds(Event, text, attributes, times), max_size=3),
    links=st.lists(st.builds(Link, contexts, attributes), max_size=3),
    kind=st.sampled_from(SpanKind),
    status=statuses,
    start_time=times,
    end_time=times,
    instrumentation_scope=st.just(SCOPE),
)


def theirs(span: ReadableSpan) -> PbSpan:
    return encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]


def comparable(message: Any) -> bytes:
    """NaN is not equal to itself, its bytes are."""
    raw: bytes = message.SerializeToString(deterministic=True)
    return raw


@given(spans)
@settings(max_examples=300, deadline=None)
def test_a_span_means_what_the_sdk_would_send(span: ReadableSpan) -> None:
    assert comparable(PbSpan.FromString(encode_span(span))) == comparable(theirs(span))


def test_a_span_of_a_real_provider_with_everything_dropped_that_its_limits_drop() -> None:
    ended: list[ReadableSpan] = []

    class Keep(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            ended.append(span)

    limits = SpanLimits(max_span_attributes=2, max_events=1, max_links=1, max_event_attributes=1)
    provider = TracerProvider(resource=RESOURCE, span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(Keep())
    tracer = provider.get_tracer("celery")
    with tracer.start_as_current_span("outer") as outer:
        link = Link(outer.get_span_context(), {"l": 1})
        with tracer.start_as_current_span(
            "inner", links=[link, link], attributes={"a": 1, "b": 2, "c": [1.5]}
        ) as s:
            s.add_event("one", {"x": 1, "y": 2})
            s.add_event("two")
            s.set_status(StatusCode.ERROR, "because")
    inner = ended[0]
    ours = PbSpan.FromString(encode_span(inner))
    assert ours == theirs(inner)
    assert (ours.dropped_attributes_count, ours.dropped_events_count, ours.dropped_links_count) == (1, 1, 1)


def test_what_the_sdk_would_leave_out_is_kept_as_text() -> None:
    span = ReadableSpan(
        "s", SpanContext(1, 2, is_remote=False), attributes={"big": 1 << 70, "lone": "a\ud800b", "k\udfff": 1}
    )
    kept = {item.key: item.value for item in PbSpan.FromString(encode_span(span)).attributes}
    assert kept["big"].string_value == str(1 << 70)
    assert kept["lone"].string_value == "a\\ud800b"
    assert kept["k\\udfff"].int_value == 1


def test_a_value_of_an_unknown_type_goes_the_sdks_way_and_costs_only_itself() -> None:
    unknown: Any = object()
    span = ReadableSpan("s", SpanContext(1, 2, is_remote=False), attributes={"a": "kept", "b": unknown})
    ours = PbSpan.FromString(encode_span(span))
    assert ours == theirs(span)
    assert [item.key for item in ours.attributes] == ["a"]


def test_special_floats_keep_their_bits() -> None:
    span = ReadableSpan(
        "s", SpanContext(1, 2, is_remote=False), attributes={"nan": math.nan, "inf": -math.inf, "zero": -0.0}
    )
    assert comparable(PbSpan.FromString(encode_span(span))) == comparable(theirs(span))


@given(
    timestamp=st.one_of(st.none(), times),
    severity=st.one_of(st.none(), st.sampled_from(SeverityNumber)),
    severity_text=st.one_of(st.none(), text),
    body=values,
    found=attributes,
    name=st.one_of(st.none(), text),
    trace_id=st.integers(0, (1 << 128) - 1),
)
@settings(max_examples=200, deadline=None)
def test_a_log_record_means_what_the_sdk_would_send(
    timestamp: int | None,
    severity: SeverityNumber | None,
    severity_text: str | None,
    body: Any,
    found: dict[str, Any],
    name: str | None,
    trace_id: int,
) -> None:
    record = LogRecord(
        timestamp=timestamp,
        observed_timestamp=5,
        severity_number=severity,
        severity_text=severity_text,
        body=body,
        attributes={key: value for key, value in found.items() if key},
        event_name=name,
    )
    record.trace_id, record.span_id, record.trace_flags = trace_id, trace_id >> 64, TraceFlags(trace_id & 1)
    entry = ReadWriteLogRecord(record, RESOURCE, SCOPE, LogRecordLimits())
    sdk = encode_logs([ReadableLogRecord(record, RESOURCE, SCOPE)])
    theirs_ = sdk.resource_logs[0].scope_logs[0].log_records[0]
    assert comparable(PbLogRecord.FromString(encode_log(entry))) == comparable(theirs_)


@given(st.lists(spans, min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_joined_bytes_are_the_request_that_the_sdk_would_make(some: list[ReadableSpan]) -> None:
    sources = Sources()
    records = [
        (Source.unpacked(sources.packed(span.resource, span.instrumentation_scope)), encode_span(span))
        for span in some
    ]
    want = encode_spans(some)
    assert comparable(type(want).FromString(join(records))) == comparable(want)


def test_each_resource_and_scope_is_a_group_of_its_own() -> None:
    sources = Sources()
    other = Resource({"service.name": "y"})
    body = encode_span(ReadableSpan("s", SpanContext(1, 2, is_remote=False)))
    records = [
        (Source.unpacked(sources.packed(resource, scope)), body)
        for resource in (RESOURCE, other, RESOURCE)
        for scope in (SCOPE, None)
    ]
    request = type(encode_spans([])).FromString(join(records))
    assert [len(r.scope_spans) for r in request.resource_spans] == [2, 2]
    assert [len(s.spans) for s in request.resource_spans[0].scope_spans] == [2, 2]
    assert request.resource_spans[0].schema_url == "https://schema/resource"
    assert request.resource_spans[0].scope_spans[0].scope.name == "celery"


def test_sources_made_anew_in_every_call_take_bounded_memory_and_stay_equal() -> None:
    sources = Sources()
    packed = {sources.packed(RESOURCE, InstrumentationScope("s", "1")) for _ in range(1_000)}
    assert len(packed) == 1
    assert len(sources._known) <= 256


@given(text, st.dictionaries(st.text(min_size=1), facts, max_size=6), times, st.one_of(st.none(), contexts))
def test_an_event_means_what_the_sdk_would_have_sent(
    name: str, said: dict[str, Any], at_ns: int, context: SpanContext | None
) -> None:
    record = LogRecord(
        timestamp=at_ns,
        observed_timestamp=at_ns,
        context=set_span_in_context(NonRecordingSpan(context)) if context is not None else Context(),
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        event_name=name,
        attributes=said,
    )
    ours = PbLogRecord.FromString(encode_event(name, said, at_ns, context))
    theirs = PbLogRecord.FromString(encode_log(ReadWriteLogRecord(record, RESOURCE, SCOPE)))
    theirs.ClearField("body")  # ours has none, theirs an empty one
    assert ours == theirs
