"""Where the SDK hands over what is finished: straight into the outbox, on the thread that finished it."""

from __future__ import annotations

from typing import Any

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import TraceFlags

from otel_taskmon._safely import SoftTimeLimitExceeded, safely
from otel_taskmon.outbox.encode import encode_log, encode_span
from otel_taskmon.outbox.known import ending
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.outbox import Outbox
from otel_taskmon.outbox.source import Source, Sources
from otel_taskmon.semconv import INSTRUMENTATION_SCOPE


class OutboxSpanProcessor(SpanProcessor):
    """Every sampled span and every span of a task, when it ends.

    The outbox is stopped by who made it, not with the provider.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sources = Sources()

    @safely("keeping a span")
    def on_end(self, span: ReadableSpan) -> None:
        context = span.context
        if context is None:
            return
        if not context[3] & TraceFlags.SAMPLED and not _is_of_a_task(span):  # by its place, without two calls
            return
        try:
            self._keep(span)
        except SoftTimeLimitExceeded:
            self._keep(span)  # perhaps twice, never not at all; the tables are keyed by span
            raise
        except Exception:
            self._outbox.lose(Signal.TRACES)
            raise

    def _keep(self, span: ReadableSpan) -> None:
        source = self._sources.packed(span.resource, span.instrumentation_scope)
        self._outbox.append(Signal.TRACES, source, encode_span(span, ending.get()))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """All is on disk already."""
        return True


def _is_of_a_task(span: ReadableSpan) -> bool:
    """One that is recorded and not sampled: see ``every_task``."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == INSTRUMENTATION_SCOPE


class OutboxLogRecordProcessor(LogRecordProcessor):
    """Every log record, when it is emitted."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sources = Sources()

    @safely("keeping an event")
    def on_emit(self, log_record: ReadWriteLogRecord | ReadableLogRecord) -> None:
        try:
            self._keep(log_record)
        except SoftTimeLimitExceeded:
            self._keep(log_record)
            raise
        except Exception:
            self._outbox.lose(Signal.LOGS)
            raise

    def _keep(self, entry: ReadWriteLogRecord | ReadableLogRecord) -> None:
        source = self._sources.packed(entry.resource, entry.instrumentation_scope)
        self._outbox.append(Signal.LOGS, source, encode_log(entry))

    def shutdown(self) -> None:
        """The outbox is stopped by who made it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """All is on disk already."""
        return True


class OutboxMetricExporter(MetricExporter):
    """What a ``PeriodicExportingMetricReader`` collected; cumulative, as the SDK's OTLP exporter sends by default."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self._outbox = outbox

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - the SDK's signature
        **_: Any,
    ) -> MetricExportResult:
        kept = self._keep(metrics_data)
        return MetricExportResult.SUCCESS if kept else MetricExportResult.FAILURE

    @safely("keeping metrics")
    def _keep(self, metrics_data: MetricsData) -> bool:
        kept = True
        for of_resource in encode_metrics(metrics_data).resource_metrics:
            scopes = list(of_resource.scope_metrics)
            del of_resource.scope_metrics[:]
            resource = of_resource.SerializeToString()
            for of_scope in scopes:
                metrics = [metric.SerializeToString() for metric in of_scope.metrics]
                del of_scope.metrics[:]
                source = Source(resource, of_scope.SerializeToString()).packed()
                for metric in metrics:
                    kept &= self._outbox.append(Signal.METRICS, source, metric)
        return kept

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """All is on disk already."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """The outbox is stopped by who made it."""
