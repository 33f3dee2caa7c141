"""The rows of ``otel_traces`` for one day of one request, as one Native block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_taskmon.store.native_columns import Encoded, MapColumn, NameColumn, block, offsets, uint64s
from otel_taskmon.store.otlp_values import span_id, span_ids, trace_id, trace_ids
from otel_taskmon.store.rowbinary import MAX_TIME_NS, string

_NAME: Final = "LowCardinality(String)"
_MAP: Final = "Map(LowCardinality(String), String)"
_TIME: Final = "DateTime64(9)"
COLUMNS: Final = {
    "Timestamp": _TIME,
    "TraceId": "String",
    "SpanId": "String",
    "ParentSpanId": "String",
    "TraceState": "String",
    "SpanName": _NAME,
    "SpanKind": _NAME,
    "ServiceName": _NAME,
    "ResourceAttributes": _MAP,
    "ScopeName": "String",
    "ScopeVersion": "String",
    "SpanAttributes": _MAP,
    "Duration": "UInt64",
    "StatusCode": _NAME,
    "StatusMessage": "String",
    "Events.Timestamp": f"Array({_TIME})",
    "Events.Name": f"Array({_NAME})",
    "Events.Attributes": f"Array({_MAP})",
    "Links.TraceId": "Array(String)",
    "Links.SpanId": "Array(String)",
    "Links.TraceState": "Array(String)",
    "Links.Attributes": f"Array({_MAP})",
}
"""The columns we write and their types, without ``RequestId``."""

_KINDS: Final = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUSES: Final = ("Unset", "Ok", "Error")


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What all spans of one scope have in common."""

    service: str
    resource: Sequence[KeyValue]
    scope_name: bytes
    scope_version: bytes


class SpanColumns:
    """Add spans, then take the ``block``."""

    def __init__(self) -> None:
        self._shared: Shared | None = None
        self._encoded_resource: Encoded = (0, b"", b"")
        self._started: list[int] = []
        self._trace_ids: list[bytes] = []
        self._span_ids: list[bytes] = []
        self._parent_ids: list[bytes] = []
        self._trace_states: list[bytes] = []
        self._names = NameColumn()
        self._kinds = NameColumn()
        self._services = NameColumn()
        self._resources = MapColumn()
        self._scope_names: list[bytes] = []
        self._scope_versions: list[bytes] = []
        self._attributes = MapColumn()
        self._durations: list[int] = []
        self._statuses = NameColumn()
        self._status_messages: list[bytes] = []
        self._event_counts: list[int] = []
        self._event_times: list[int] = []
        self._event_names = NameColumn()
        self._event_attributes = MapColumn()
        self._link_counts: list[int] = []
        self._link_trace_ids: list[bytes] = []
        self._link_span_ids: list[bytes] = []
        self._link_states: list[bytes] = []
        self._link_attributes = MapColumn()

    def add(self, span: Span, shared: Shared, stored_ns: int, attributes: Iterable[KeyValue]) -> None:
        """A span with the time and the attributes to store for it."""
        if shared is not self._shared:
            self._shared = shared
            self._encoded_resource = self._resources.encode(shared.resource)
        self._started.append(min(stored_ns, MAX_TIME_NS))
        self._trace_ids.append(span.trace_id)
        self._span_ids.append(span.span_id)
        self._parent_ids.append(span.parent_span_id)
        self._trace_states.append(string(span.trace_state))
        self._names.add(span.name)
        self._kinds.add(_name(_KINDS, span.kind))
        self._services.add(shared.service)
        self._resources.repeat(self._encoded_resource)
        self._scope_names.append(shared.scope_name)
        self._scope_versions.append(shared.scope_version)
        self._attributes.add(attributes)
        self._durations.append(max(0, span.end_time_unix_nano - span.start_time_unix_nano))
        status = span.status
        self._statuses.add(_name(_STATUSES, status.code))
        self._status_messages.append(string(status.message))
        self._add_events(span.events)
        self._add_links(span.links)

    def _add_events(self, events: Sequence[Span.Event]) -> None:
        self._event_counts.append(len(events))
        for event in events:
            self._event_times.append(min(event.time_unix_nano, MAX_TIME_NS))
            self._event_names.add(event.name)
            self._event_attributes.add(event.attributes)

    def _add_links(self, links: Sequence[Span.Link]) -> None:
        self._link_counts.append(len(links))
        for link in links:
            self._link_trace_ids.append(trace_id(link.trace_id))
            self._link_span_ids.append(span_id(link.span_id))
            self._link_states.append(string(link.trace_state))
            self._link_attributes.add(link.attributes)

    def block(self, request_id: str) -> bytes:
        """All of it, with ``RequestId`` last. Raises BadOtlp on an id of the wrong length."""
        events, links = offsets(self._event_counts), offsets(self._link_counts)
        data = (
            uint64s(self._started),
            trace_ids(self._trace_ids),
            span_ids(self._span_ids),
            span_ids(self._parent_ids),
            b"".join(self._trace_states),
            self._names.data(),
            self._kinds.data(),
            self._services.data(),
            self._resources.data(),
            b"".join(self._scope_names),
            b"".join(self._scope_versions),
            self._attributes.data(),
            uint64s(self._durations),
            self._statuses.data(),
            b"".join(self._status_messages),
            events + uint64s(self._event_times),
            events + self._event_names.data(),
            events + self._event_attributes.data(),
            links + b"".join(self._link_trace_ids),
            links + b"".join(self._link_span_ids),
            links + b"".join(self._link_states),
            links + self._link_attributes.data(),
        )
        columns = [(name, kind, each) for (name, kind), each in zip(COLUMNS.items(), data, strict=True)]
        rows = len(self._started)
        return block(rows, [*columns, ("RequestId", "String", string(request_id) * rows)])


def _name(names: Sequence[str], number: int) -> str:
    """The name of an enum value; one of a later OTLP version is stored as an empty text, as the exporter does."""
    return names[number] if 0 <= number < len(names) else ""
