"""OTLP log records (our events among them) to rows of ``otel_logs``, as the clickhouseexporter writes them."""

from __future__ import annotations

from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_taskmon.store.otlp_log_columns import COLUMNS, LogColumns, Shared
from otel_taskmon.store.otlp_rows import Block, Groups, Table, with_true_time
from otel_taskmon.store.otlp_values import service_text
from otel_taskmon.store.rowbinary import string

LOGS: Final = Table("otel_logs", tuple(COLUMNS), "Native")


def log_blocks(request: ExportLogsServiceRequest, digest: str, received_ns: int | None = None) -> list[Block]:
    """All log records of a request; a record without a time has the time it was observed.

    Raises BadOtlp on an id of the wrong length, TooLarge when it unfolds too far.
    """
    groups = Groups(LOGS, digest, received_ns, LogColumns)
    for resource_logs in request.resource_logs:
        resource = resource_logs.resource.attributes
        service, resource_size = service_text(resource), resource_logs.resource.ByteSize()
        for scope_logs in resource_logs.scope_logs:
            scope = scope_logs.scope
            groups.repeat(resource_size + scope.ByteSize(), len(scope_logs.log_records))
            shared = Shared(
                service=service,
                resource_schema=resource_logs.schema_url,
                resource=resource,
                scope_schema=scope_logs.schema_url,
                scope_name=string(scope.name),
                scope_version=scope.version,
                scope=scope.attributes,
            )
            for record in scope_logs.log_records:
                happened = record.time_unix_nano or record.observed_time_unix_nano
                day = groups.day(happened)
                if day.right_clock:
                    day.rows.add(record, shared, happened, record.attributes)
                else:
                    attributes = with_true_time(record.attributes, happened)
                    day.rows.add(record, shared, groups.received_ns, attributes)
                groups.count()
    return groups.blocks(LogColumns.block)
