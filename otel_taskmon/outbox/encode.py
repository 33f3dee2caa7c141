"""One finished span or log record as the bytes of its OTLP message.

Field numbers are those of opentelemetry/proto/trace/v1/trace.proto and logs/v1/logs.proto. What our writer does not
know goes to the SDK's encoder, whole.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import AnyValue

from otel_taskmon.outbox.known import Known
from otel_taskmon.outbox.plain_span import KINDS, LOCAL, REMOTE, plain_span, span_attributes
from otel_taskmon.outbox.wire import any_value, attributes, delimited, utf8, varint

_field64 = struct.Struct("<BQ").pack
_field32 = struct.Struct("<I").pack
_times = struct.Struct("<BQBQ").pack
_INFO: Final = b"\x10" + varint(SeverityNumber.INFO.value) + delimited(b"\x1a", b"INFO")
_OF_LOG: Final = b"\x32"
_UNKNOWN_TO_US: Final = (TypeError, ValueError, OverflowError, AttributeError, LookupError, struct.error)


def encode_span(span: ReadableSpan, known: Known | None = None) -> bytes:
    """A ``Span`` message; ``known``: attributes that it probably has, which then come first.

    Raises what the SDK's encoder raises, for a span that it cannot encode either.
    """
    try:
        return plain_span(span, known) or _span(span, known)
    except _UNKNOWN_TO_US:
        return encode_spans([span]).resource_spans[0].scope_spans[0].spans[0].SerializeToString()


def encode_log(entry: ReadWriteLogRecord | ReadableLogRecord) -> bytes:
    """A ``LogRecord`` message. Raises what the SDK's encoder raises, for one that it cannot encode either."""
    try:
        return _log(entry)
    except _UNKNOWN_TO_US:
        readable = ReadableLogRecord(
            entry.log_record,
            entry.resource or Resource.get_empty(),
            entry.instrumentation_scope,
            entry.limits,
        )
        return encode_logs([readable]).resource_logs[0].scope_logs[0].log_records[0].SerializeToString()


def encode_event(
    name: str,
    found: Mapping[str, AnyValue],
    at_ns: int,
    context: SpanContext | None,
    known: Known | None = None,
) -> bytes:
    """A ``LogRecord`` message with an event name, without the SDK's way there; ``context`` gives its trace.

    It has the attributes of ``known`` and of ``found``, which have no key in common.

    Raises TypeError for an attribute that OpenTelemetry does not allow.
    """
    out = [_times(0x09, at_ns, 0x59, at_ns), _INFO]
    if known is not None:
        out.append(known.encoded(_OF_LOG))
    attributes(out, _OF_LOG, found)
    if context is not None:
        trace_id, span_id, _, flags, _, is_valid = context  # its properties are a call each
        if is_valid:
            out += (
                b"\x45",
                _field32(flags),
                b"\x4a\x10",
                trace_id.to_bytes(16, "big"),
                b"\x52\x08",
                span_id.to_bytes(8, "big"),
            )
    raw = name.encode() if name.isascii() else utf8(name)
    out += (b"\x62", varint(len(raw)), raw)
    return b"".join(out)


def encode_attribute(name: str, value: AnyValue) -> bytes:
    """One attribute as it stands in the message of an event."""
    out: list[bytes] = []
    attributes(out, _OF_LOG, {name: value})
    return b"".join(out)


def _span(span: ReadableSpan, known: Known | None) -> bytes:
    context, parent = span.context, span.parent
    name = utf8(span.name)
    out = [
        b"\x0a\x10",
        context.trace_id.to_bytes(16, "big"),
        b"\x12\x08",
        context.span_id.to_bytes(8, "big"),
        b"\x2a",
        varint(len(name)),
        name,
        KINDS[span.kind.value],
        _times(0x39, span.start_time or 0, 0x41, span.end_time or 0),
    ]
    if context.trace_state:
        out.append(_trace_state(context.trace_state))
    if parent is None:
        out += (b"\x85\x01", LOCAL)
    else:
        out += (
            b"\x22\x08",
            parent.span_id.to_bytes(8, "big"),
            b"\x85\x01",
            REMOTE if parent.is_remote else LOCAL,
        )
    if found := span.attributes:
        found = _plain(found)
        span_attributes(out, found, known)
    if dropped := span.dropped_attributes:
        out += (b"\x50", varint(dropped))
    for event in span.events:
        out.append(delimited(b"\x5a", _event(event)))
    if dropped := span.dropped_events:
        out += (b"\x60", varint(dropped))
    for link in span.links:
        out.append(delimited(b"\x6a", _link(link)))
    if dropped := span.dropped_links:
        out += (b"\x70", varint(dropped))
    if (status := span.status) is not None:
        said = delimited(b"\x12", utf8(status.description)) if status.description else b""
        code = status.status_code.value
        out.append(delimited(b"\x7a", said + b"\x18" + varint(code) if code else said))
    return b"".join(out)


def _plain(found: Mapping[str, AnyValue]) -> Mapping[str, AnyValue]:
    """The attributes as a plain dict: the SDK's own mapping takes its lock and a method call for every key."""
    copy: Any = getattr(found, "copy", None)
    plain: Mapping[str, AnyValue] = copy() if copy is not None else dict(found)
    return plain


def _trace_state(state: TraceState) -> bytes:
    return delimited(b"\x1a", utf8(",".join(f"{key}={value}" for key, value in state.items())))


def _event(event: Event) -> bytes:
    name = utf8(event.name)
    out = [_field64(0x09, event.timestamp), b"\x12", varint(len(name)), name]
    if found := event.attributes:
        attributes(out, b"\x1a", _plain(found))
    if dropped := event.dropped_attributes:
        out += (b"\x20", varint(dropped))
    return b"".join(out)


def _link(link: Link) -> bytes:
    context = link.context
    out = [b"\x0a\x10", context.trace_id.to_bytes(16, "big"), b"\x12\x08", context.span_id.to_bytes(8, "big")]
    if found := link.attributes:
        attributes(out, b"\x22", _plain(found))
    if dropped := link.dropped_attributes:
        out += (b"\x28", varint(dropped))
    out += (b"\x35", REMOTE if context.is_remote else LOCAL)
    return b"".join(out)


def _log(entry: ReadWriteLogRecord | ReadableLogRecord) -> bytes:
    record = entry.log_record
    body = any_value(record.body)
    out = [
        _times(0x09, record.timestamp or 0, 0x59, record.observed_timestamp or 0),
        b"\x2a",
        varint(len(body)),
        body,
    ]
    if record.severity_number is not None:
        out += (b"\x10", varint(record.severity_number.value))
    if record.severity_text:
        out.append(delimited(b"\x1a", utf8(record.severity_text)))
    if found := record.attributes:
        attributes(out, _OF_LOG, _plain(found))
    if dropped := entry.dropped_attributes:
        out += (b"\x38", varint(dropped))
    if record.trace_flags:
        out += (b"\x45", struct.pack("<I", int(record.trace_flags)))
    if record.trace_id:
        out += (b"\x4a\x10", record.trace_id.to_bytes(16, "big"))
    if record.span_id:
        out += (b"\x52\x08", record.span_id.to_bytes(8, "big"))
    if record.event_name:
        out.append(delimited(b"\x62", utf8(record.event_name)))
    return b"".join(out)
