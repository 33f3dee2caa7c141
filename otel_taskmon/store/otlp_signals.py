"""The three OTLP signals: their messages, their addresses, and what turns each into rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otel_taskmon.store.otlp_body import parse_json, parse_protobuf
from otel_taskmon.store.otlp_logs import LOGS, log_blocks
from otel_taskmon.store.otlp_metrics import METRICS, metric_blocks
from otel_taskmon.store.otlp_rows import Block, Table
from otel_taskmon.store.otlp_traces import TRACES, trace_blocks


@dataclass(frozen=True)
class Signal:
    """One of OTLP's services. ``path`` is its HTTP path, ``service`` its gRPC name (method ``Export``)."""

    name: str
    path: str
    service: str
    request_type: type[Message]
    response_type: type[Message]
    to_blocks: Callable[[Any, str, int | None], list[Block]]

    def blocks(
        self, body: bytes, digest: str, *, json: bool = False, received_ns: int | None = None
    ) -> list[Block]:
        """All rows of a request. Raises BadOtlp; nothing has been written then."""
        parse = parse_json if json else parse_protobuf
        return self.to_blocks(parse(self.request_type, body), digest, received_ns)


SIGNALS: Final = (
    Signal(
        "traces",
        "/v1/traces",
        "opentelemetry.proto.collector.trace.v1.TraceService",
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
        trace_blocks,
    ),
    Signal(
        "logs",
        "/v1/logs",
        "opentelemetry.proto.collector.logs.v1.LogsService",
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
        log_blocks,
    ),
    Signal(
        "metrics",
        "/v1/metrics",
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
        metric_blocks,
    ),
)
RAW_TABLES: Final[tuple[Table, ...]] = (TRACES, LOGS, *METRICS)
