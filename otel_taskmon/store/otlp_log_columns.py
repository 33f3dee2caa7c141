"""The rows of ``otel_logs`` for one day of one request, as one Native block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_taskmon.store.native_columns import Encoded, MapColumn, NameColumn, block, uint64s
from otel_taskmon.store.otlp_values import span_ids, text_of, trace_ids
from otel_taskmon.store.rowbinary import MAX_TIME_NS, string

_NAME: Final = "LowCardinality(String)"
_MAP: Final = "Map(LowCardinality(String), String)"
COLUMNS: Final = {
    "Timestamp": "DateTime64(9)",
    "TraceId": "String",
    "SpanId": "String",
    "TraceFlags": "UInt8",
    "SeverityText": _NAME,
    "SeverityNumber": "UInt8",
    "Body": "String",
    "ServiceName": _NAME,
    "ResourceSchemaUrl": _NAME,
    "ResourceAttributes": _MAP,
    "ScopeSchemaUrl": _NAME,
    "ScopeName": "String",
    "ScopeVersion": _NAME,
    "ScopeAttributes": _MAP,
    "LogAttributes": _MAP,
    "EventName": "String",
}
"""The columns we write and their types, without ``RequestId``."""

_FLAG_BITS: Final = 0xFF


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What all records of one scope have in common."""

    service: str
    resource_schema: str
    resource: Sequence[KeyValue]
    scope_schema: str
    scope_name: bytes
    scope_version: str
    scope: Sequence[KeyValue]


class LogColumns:
    """Add log records, then take the ``block``."""

    def __init__(self) -> None:
        self._shared: Shared | None = None
        self._encoded_resource: Encoded = (0, b"", b"")
        self._encoded_scope: Encoded = (0, b"", b"")
        self._happened: list[int] = []
        self._trace_ids: list[bytes] = []
        self._span_ids: list[bytes] = []
        self._flags = bytearray()
        self._severities = NameColumn()
        self._severity_numbers = bytearray()
        self._bodies: list[bytes] = []
        self._services = NameColumn()
        self._resource_schemas = NameColumn()
        self._resources = MapColumn()
        self._scope_schemas = NameColumn()
        self._scope_names: list[bytes] = []
        self._scope_versions = NameColumn()
        self._scopes = MapColumn()
        self._attributes = MapColumn()
        self._event_names: list[bytes] = []

    def add(self, record: LogRecord, shared: Shared, stored_ns: int, attributes: Iterable[KeyValue]) -> None:
        """A log record with the time and the attributes to store for it."""
        if shared is not self._shared:
            self._shared = shared
            self._encoded_resource = self._resources.encode(shared.resource)
            self._encoded_scope = self._scopes.encode(shared.scope)
        self._happened.append(min(stored_ns, MAX_TIME_NS))
        self._trace_ids.append(record.trace_id)
        self._span_ids.append(record.span_id)
        self._flags.append(record.flags & _FLAG_BITS)
        self._severities.add(record.severity_text)
        self._severity_numbers.append(min(max(0, record.severity_number), 255))
        self._bodies.append(string(text_of(record.body)))
        self._services.add(shared.service)
        self._resource_schemas.add(shared.resource_schema)
        self._resources.repeat(self._encoded_resource)
        self._scope_schemas.add(shared.scope_schema)
        self._scope_names.append(shared.scope_name)
        self._scope_versions.add(shared.scope_version)
        self._scopes.repeat(self._encoded_scope)
        self._attributes.add(attributes)
        self._event_names.append(string(record.event_name))

    def block(self, request_id: str) -> bytes:
        """All of it, with ``RequestId`` last. Raises BadOtlp on an id of the wrong length."""
        data = (
            uint64s(self._happened),
            trace_ids(self._trace_ids),
            span_ids(self._span_ids),
            bytes(self._flags),
            self._severities.data(),
            bytes(self._severity_numbers),
            b"".join(self._bodies),
            self._services.data(),
            self._resource_schemas.data(),
            self._resources.data(),
            self._scope_schemas.data(),
            b"".join(self._scope_names),
            self._scope_versions.data(),
            self._scopes.data(),
            self._attributes.data(),
            b"".join(self._event_names),
        )
        columns = [(name, kind, each) for (name, kind), each in zip(COLUMNS.items(), data, strict=True)]
        rows = len(self._happened)
        return block(rows, [*columns, ("RequestId", "String", string(request_id) * rows)])
