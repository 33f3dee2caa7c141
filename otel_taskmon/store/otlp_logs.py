"""OTLP log records (our events among them) to rows of ``otel_logs``, as the clickhouseexporter writes them."""

from __future__ import annotations

from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_taskmon.store.otlp_rows import Block, RowGroups, Table, row_attributes
from otel_taskmon.store.otlp_values import attribute_map, service_name, span_id, text_of, trace_id
from otel_taskmon.store.rowbinary import repeated_string, string, time_ns, uint8

LOGS: Final = Table(
    "otel_logs",
    (
        "Timestamp",
        "TraceId",
        "SpanId",
        "TraceFlags",
        "SeverityText",
        "SeverityNumber",
        "Body",
        "ServiceName",
        "ResourceSchemaUrl",
        "ResourceAttributes",
        "ScopeSchemaUrl",
        "ScopeName",
        "ScopeVersion",
        "ScopeAttributes",
        "LogAttributes",
        "EventName",
    ),
)
_FLAG_BITS: Final = 0xFF


def log_blocks(request: ExportLogsServiceRequest, digest: str, received_ns: int | None = None) -> list[Block]:
    """All log records of a request; a record without a time has the time it was observed.

    Raises BadOtlp on an id of the wrong length.
    """
    groups = RowGroups(LOGS, digest, received_ns)
    for resource_logs in request.resource_logs:
        resource = resource_logs.resource.attributes
        of_resource = (
            service_name(resource) + repeated_string(resource_logs.schema_url) + attribute_map(resource)
        )
        for scope_logs in resource_logs.scope_logs:
            scope = scope_logs.scope
            shared = b"".join(
                (
                    of_resource,
                    repeated_string(scope_logs.schema_url),
                    string(scope.name),
                    string(scope.version),
                    attribute_map(scope.attributes),
                )
            )
            for record in scope_logs.log_records:
                _add(groups, record, shared)
    return groups.blocks()


def _add(groups: RowGroups, record: LogRecord, shared: bytes) -> None:
    happened = record.time_unix_nano or record.observed_time_unix_nano
    add, stored, right_clock = groups.start(happened)
    add(time_ns(stored))
    add(trace_id(record.trace_id))
    add(span_id(record.span_id))
    add(uint8(record.flags & _FLAG_BITS))
    add(repeated_string(record.severity_text))
    add(uint8(max(0, record.severity_number)))
    add(string(text_of(record.body)))
    add(shared)
    add(row_attributes(record.attributes, happened, right_clock=right_clock))
    add(repeated_string(record.event_name))
    groups.end()
