"""The short way for the span of a task that went well gives what the long one gives, and leaves it all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as PbSpan
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from otel_taskmon.outbox import encode
from otel_taskmon.outbox.known import Known
from otel_taskmon.outbox.plain_span import plain_span

KNOWN = Known({"celery.task_name": "shop.pay", "taskmon.retries": 0, "taskmon.eager": False})
OWN: dict[str, Any] = {
    "messaging.message.id": "ä" * 40,
    "taskmon.started_at": 1_795_391_318_054_216_778,
    "pid": 70_000,
}
PARENT = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1))
STATE = TraceState([("vendor", "1")])


def ended(
    change: Callable[[Span], object] = lambda _: None,
    *,
    parent: SpanContext | None = PARENT,
    attributes: dict[str, Any] | None = None,
    limits: SpanLimits | None = None,
    **options: Any,
) -> ReadableSpan:
    """A span of a real provider, as it is handed to processors."""
    kept: list[ReadableSpan] = []

    class Keep(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            kept.append(span)

    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(Keep())
    context = None if parent is None else set_span_in_context(NonRecordingSpan(parent))
    span = provider.get_tracer("t").start_span("run/shop.pay", context, kind=SpanKind.CONSUMER, **options)
    span.set_attributes({**KNOWN.attributes, **OWN} if attributes is None else attributes)
    change(span)
    span.end()
    return kept[0]


def theirs(span: ReadableSpan) -> PbSpan:
    return encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize(
    "parent", [PARENT, None, SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))]
)
@pytest.mark.parametrize("known", [KNOWN, None, Known({"celery.task_name": "another"})])
@pytest.mark.parametrize("kind", SpanKind)
def test_it_is_what_the_long_way_and_the_sdk_say(
    parent: SpanContext | None, known: Known | None, kind: SpanKind
) -> None:
    span = ended(lambda made: setattr(made, "_kind", kind), parent=parent)
    short = plain_span(span, known)
    assert short is not None, "the SDK keeps its spans in another way"
    assert short == encode._span(span, known)
    ours, sdks = PbSpan.FromString(short), theirs(span)
    if known is KNOWN:  # they come first
        assert [item.key for item in ours.attributes][:3] == list(KNOWN.attributes)
    for message in (ours, sdks):
        message.attributes.sort(key=lambda item: item.key)
    assert ours == sdks


@pytest.mark.parametrize(
    "span",
    [
        ended(lambda made: made.add_event("e")),
        ended(lambda made: made.set_status(StatusCode.ERROR, "because")),
        ended(lambda made: made.set_status(StatusCode.OK)),
        ended(links=[Link(PARENT)]),
        ended(attributes={}),
        ended(limits=SpanLimits(max_span_attributes=2)),
        ended(lambda made: [made.add_event("e") for _ in range(2)], limits=SpanLimits(max_events=0)),
        ended(parent=SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=STATE)),
        ReadableSpan("s", SpanContext(1, 2, is_remote=False), attributes={"a": 1}),
        ReadableSpan("s", None),
    ],
    ids=["event", "error", "ok", "link", "bare", "cut", "no events", "trace state", "made", "empty"],
)
def test_others_are_left_to_the_long_way(span: ReadableSpan) -> None:
    assert plain_span(span, KNOWN) is None
    if span.context is not None:
        assert PbSpan.FromString(encode.encode_span(span)) == theirs(span)


def test_a_span_class_of_somebodys_own_is_asked_by_its_properties() -> None:
    class Mine(ReadableSpan):
        @property
        def name(self) -> str:
            return "mine"

    made = ended()
    span = Mine("s", made.context, attributes=made.attributes, start_time=1, end_time=2)
    assert plain_span(span, KNOWN) is None
    assert PbSpan.FromString(encode.encode_span(span)).name == "mine"


def test_a_value_that_somebody_changed_after_us_is_told_as_it_is() -> None:
    span = ended(lambda made: made.set_attribute("taskmon.retries", 7))
    told = {item.key: item.value for item in PbSpan.FromString(plain_span(span, KNOWN) or b"").attributes}
    assert told["taskmon.retries"].int_value == 7
    assert len(told) == len(KNOWN.attributes) + len(OWN)
