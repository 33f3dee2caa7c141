"""OTLP spans to rows of ``otel_traces``, column for column as the clickhouseexporter writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_taskmon.store import rowbinary
from otel_taskmon.store.otlp_rows import Block, RowGroups, Table, row_attributes
from otel_taskmon.store.otlp_values import attribute_map, service_name, span_id, trace_id
from otel_taskmon.store.rowbinary import array, repeated_string, string, time_ns, uint64

TRACES: Final = Table(
    "otel_traces",
    (
        "Timestamp",
        "TraceId",
        "SpanId",
        "ParentSpanId",
        "TraceState",
        "SpanName",
        "SpanKind",
        "ServiceName",
        "ResourceAttributes",
        "ScopeName",
        "ScopeVersion",
        "SpanAttributes",
        "Duration",
        "StatusCode",
        "StatusMessage",
        "Events.Timestamp",
        "Events.Name",
        "Events.Attributes",
        "Links.TraceId",
        "Links.SpanId",
        "Links.TraceState",
        "Links.Attributes",
    ),
)

_KINDS: Final = tuple(
    string(kind) for kind in ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
)
_STATUSES: Final = tuple(string(status) for status in ("Unset", "Ok", "Error"))
_NO_EVENTS: Final = rowbinary.EMPTY * 3
_NO_LINKS: Final = rowbinary.EMPTY * 4


def trace_blocks(
    request: ExportTraceServiceRequest, digest: str, received_ns: int | None = None
) -> list[Block]:
    """All spans of a request. Raises BadOtlp on an id of the wrong length."""
    groups = RowGroups(TRACES, digest, received_ns)
    for resource_spans in request.resource_spans:
        resource = resource_spans.resource.attributes
        service_and_resource = service_name(resource) + attribute_map(resource)
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            shared = service_and_resource + string(scope.name) + string(scope.version)
            for span in scope_spans.spans:
                _add(groups, span, shared)
    return groups.blocks()


def _add(groups: RowGroups, span: Span, shared: bytes) -> None:
    started = span.start_time_unix_nano
    add, stored, right_clock = groups.start(started)
    status = span.status
    add(time_ns(stored))
    add(trace_id(span.trace_id))
    add(span_id(span.span_id))
    add(span_id(span.parent_span_id))
    add(string(span.trace_state))
    add(repeated_string(span.name))
    add(_name(_KINDS, span.kind))
    add(shared)
    add(row_attributes(span.attributes, started, right_clock=right_clock))
    add(uint64(max(0, span.end_time_unix_nano - started)))
    add(_name(_STATUSES, status.code))
    add(string(status.message))
    add(_events(span.events) if span.events else _NO_EVENTS)
    add(_links(span.links) if span.links else _NO_LINKS)
    groups.end()


def _name(names: tuple[bytes, ...], number: int) -> bytes:
    """The name of an enum value; one of a later OTLP version is stored as an empty text, as the exporter does."""
    return names[number] if 0 <= number < len(names) else rowbinary.EMPTY


def _events(events: Sequence[Span.Event]) -> bytes:
    count = len(events)
    return b"".join(
        (
            array([time_ns(event.time_unix_nano) for event in events], count),
            array([repeated_string(event.name) for event in events], count),
            array([attribute_map(event.attributes) for event in events], count),
        )
    )


def _links(links: Sequence[Span.Link]) -> bytes:
    count = len(links)
    return b"".join(
        (
            array([trace_id(link.trace_id) for link in links], count),
            array([span_id(link.span_id) for link in links], count),
            array([string(link.trace_state) for link in links], count),
            array([attribute_map(link.attributes) for link in links], count),
        )
    )
