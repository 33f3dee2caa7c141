"""OTLP over gRPC, on the channel of the SDK's own exporter: it has read endpoint, headers, compression and TLS.

The exporter's stub would decode and encode every request again; ready bytes go over its channel as they are. Private
names are reached in this module only; ``tests/unit/test_outbox_transport.py`` fails when they move.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from otel_taskmon.errors import TaskmonError
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.outage import one_line, why
from otel_taskmon.outbox.responses import accepted
from otel_taskmon.outbox.transport import Answer, Outcome, default_endpoint

_EXPORTERS: Final[dict[Signal, Any]] = {
    Signal.TRACES: OTLPSpanExporter,
    Signal.LOGS: OTLPLogExporter,
    Signal.METRICS: OTLPMetricExporter,
}
_METHODS: Final = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
# gRPC waits up to two minutes before it connects again; the shipper has a patience of its own
_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


class GrpcTransport:
    """Sends the requests of one signal to its endpoint. Raises TaskmonError when the SDK's exporter has moved."""

    survives_fork = (
        False  # the library runs threads of its own; without them calls hang, or the process is killed
    )

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        exporter: Any = _EXPORTERS[signal](endpoint=default_endpoint(signal), channel_options=_OPTIONS)
        try:
            self._channel: Any = exporter._channel
            self._headers: Any = exporter._headers
            self._timeout_s: float = exporter._timeout
        except AttributeError as error:
            raise TaskmonError(f"this version of the OTLP/gRPC exporter is not known: {error}") from error
        self._export: Any = self._channel.unary_unary(_METHODS[signal])

    def send(self, request: bytes, timeout_s: float | None) -> Answer:
        timeout = self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s)
        try:
            return accepted(self._signal, self._export(request, timeout=timeout, metadata=self._headers))
        except grpc.RpcError as error:
            return _answer(error)
        except Exception as error:  # noqa: BLE001 - whatever the library raises, the records wait
            return Answer(Outcome.UNAVAILABLE, reason=f"{type(error).__name__}: {error}", why=why(error))

    def close(self) -> None:
        self._channel.close()


def _answer(error: Any) -> Answer:
    code, details = error.code(), error.details() or ""
    reason = f"gRPC {code.name} {details}".strip()
    too_large = code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details.lower()
    if code is grpc.StatusCode.INVALID_ARGUMENT or too_large:
        return Answer(Outcome.BAD, reason=reason)
    wait = retry_delay_s(error.trailing_metadata() or ())
    unwanted = code is grpc.StatusCode.UNIMPLEMENTED
    # the library says what it tried, then after the last colon what the system said
    short = one_line(f"gRPC {code.name} {details.rpartition(': ')[2]}")
    return Answer(Outcome.UNAVAILABLE, wait, reason=reason, why=short, unwanted=unwanted)


def retry_delay_s(metadata: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Seconds of a ``RetryInfo`` in the trailers, as such or inside the status details; None when there is none.

    https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling
    """
    for name, value in metadata:
        if not isinstance(value, bytes):
            continue
        info = RetryInfo()
        try:
            if name == "google.rpc.retryinfo-bin":
                info.ParseFromString(value)
            elif name != "grpc-status-details-bin" or not any(
                detail.Unpack(info) for detail in Status.FromString(value).details
            ):
                continue
        except DecodeError:
            continue
        return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None
