"""``OTEL_TRACES_EXPORTER=taskmon``, ``OTEL_LOGS_EXPORTER=taskmon``: the outbox for providers that the SDK sets up.

The SDK puts an exporter behind a batch processor, which is what loses spans when a process ends. So ``join`` adds the
outbox's own processor to the provider, and from then on the exporter lets pass what that has kept already. Where
nobody joins (no ``instrument()`` in the process) the exporter hands over what the batch processor brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry import _logs
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Sampler

from otel_taskmon.every_task import EveryTask
from otel_taskmon.process_outbox import ProcessOutbox, shared

_span_exporters: list[TaskmonSpanExporter] = []
_log_exporters: list[TaskmonLogExporter] = []


class TaskmonSpanExporter(SpanExporter):
    """Entry point ``taskmon`` of ``opentelemetry_traces_exporter``. Raises SettingError for a wrong setting."""

    def __init__(self) -> None:
        self._outbox = _outbox()
        self.joined = False
        _span_exporters.append(self)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if not self.joined:
            from otel_taskmon.outbox import OutboxSpanProcessor

            keep = OutboxSpanProcessor(self._outbox.ready())
            for span in spans:
                keep.on_end(span)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """The outbox is stopped with the process."""


class TaskmonLogExporter(LogRecordExporter):
    """Entry point ``taskmon`` of ``opentelemetry_logs_exporter``. Raises SettingError for a wrong setting."""

    def __init__(self) -> None:
        self._outbox = _outbox()
        self.joined = False
        _log_exporters.append(self)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        if not self.joined:
            from otel_taskmon.outbox import OutboxLogRecordProcessor

            keep = OutboxLogRecordProcessor(self._outbox.ready())
            for entry in batch:
                keep.on_emit(entry)
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """The outbox is stopped with the process."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the interface has it
        return True  # export() has kept it all when it returns


def _outbox() -> ProcessOutbox:
    outbox = shared()
    outbox.join = join
    return outbox


def _sample_every_task(*owners: Any) -> None:
    """``owners``: a provider, whose tracers take over its sampler when they are made, and one that is made already."""
    for owner in owners:
        sampler = getattr(owner, "sampler", None)
        if isinstance(sampler, Sampler) and not isinstance(sampler, EveryTask):
            owner.sampler = EveryTask(sampler)


def join(spans: Any) -> None:
    """Put the outbox's processors beside those exporters of ours that have none yet.

    ``spans``: a tracer provider, or the list of processors behind a tracer; log records are the global provider's.
    """
    from otel_taskmon import _celery  # who joins has loaded Celery, and the SDK that loads exporters need not
    from otel_taskmon.outbox import OutboxLogRecordProcessor, OutboxSpanProcessor

    if waiting := [exporter for exporter in _span_exporters if not exporter.joined]:
        spans.add_span_processor(OutboxSpanProcessor(shared().ready()))
        _sample_every_task(spans, _celery.tracer_of(None))
        for exporter in waiting:
            exporter.joined = True
    logs: Any = _logs.get_logger_provider()
    waiting_logs = [exporter for exporter in _log_exporters if not exporter.joined]
    if waiting_logs and hasattr(logs, "add_log_record_processor"):
        logs.add_log_record_processor(OutboxLogRecordProcessor(shared().ready()))
        for log_exporter in waiting_logs:
            log_exporter.joined = True
