"""Reading the bytes of an ``Export…ServiceResponse``."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.transport import Answer, Outcome


def accepted(signal: Signal, body: bytes) -> Answer:
    """The answer of a server that accepted, all or in part; a body that cannot be read means all of it."""
    try:
        if signal is Signal.TRACES:
            traces = ExportTraceServiceResponse.FromString(body).partial_success
            return Answer(Outcome.ACCEPTED, None, traces.rejected_spans, traces.error_message)
        if signal is Signal.LOGS:
            logs = ExportLogsServiceResponse.FromString(body).partial_success
            return Answer(Outcome.ACCEPTED, None, logs.rejected_log_records, logs.error_message)
        metrics = ExportMetricsServiceResponse.FromString(body).partial_success
        return Answer(Outcome.ACCEPTED, None, metrics.rejected_data_points, metrics.error_message)
    except DecodeError:
        return Answer(Outcome.ACCEPTED)
