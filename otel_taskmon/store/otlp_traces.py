"""OTLP spans to rows of ``otel_traces``, column for column as the clickhouseexporter writes them."""

from __future__ import annotations

from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_taskmon.store.otlp_rows import Block, Groups, Table, with_true_time
from otel_taskmon.store.otlp_span_columns import COLUMNS, Shared, SpanColumns
from otel_taskmon.store.otlp_values import service_text
from otel_taskmon.store.rowbinary import string

TRACES: Final = Table("otel_traces", tuple(COLUMNS), "Native")


def trace_blocks(
    request: ExportTraceServiceRequest, digest: str, received_ns: int | None = None
) -> list[Block]:
    """All spans of a request. Raises BadOtlp on an id of the wrong length, TooLarge when it unfolds too far."""
    groups = Groups(TRACES, digest, received_ns, SpanColumns)
    for resource_spans in request.resource_spans:
        resource = resource_spans.resource.attributes
        service, resource_size = service_text(resource), resource_spans.resource.ByteSize()
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            groups.repeat(resource_size + scope.ByteSize(), len(scope_spans.spans))
            shared = Shared(service, resource, string(scope.name), string(scope.version))
            for span in scope_spans.spans:
                started = span.start_time_unix_nano
                day = groups.day(started)
                if day.right_clock:
                    day.rows.add(span, shared, started, span.attributes)
                else:
                    attributes = with_true_time(span.attributes, started)
                    day.rows.add(span, shared, groups.received_ns, attributes)
                groups.count()
    return groups.blocks(SpanColumns.block)
