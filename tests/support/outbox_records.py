"""Spans, events and metrics put into an outbox by the SDK, as a worker does it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otel_taskmon.outbox import Outbox, OutboxLogRecordProcessor, OutboxMetricExporter, OutboxSpanProcessor
from otel_taskmon.outbox.source import Sources

RESOURCE = Resource({"service.name": "outbox-tests"})
SOURCE = Sources().packed(RESOURCE, None)


class Telemetry:
    """The three providers over one outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self._traces = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
        self._traces.add_span_processor(OutboxSpanProcessor(outbox))
        self._logs = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
        self._logs.add_log_record_processor(OutboxLogRecordProcessor(outbox))

    def spans(self, names: Iterable[str], *, size: int = 0) -> None:
        """Finish a span of each name, with an attribute of ``size`` characters."""
        tracer = self._traces.get_tracer("tests")
        for name in names:
            tracer.start_span(name, attributes={"text": "x" * size}).end()

    def events(self, names: Iterable[str]) -> None:
        logger = self._logs.get_logger("tests")
        for name in names:
            logger.emit(LogRecord(event_name=name, attributes={"a": 1}))

    def gauge(self, name: str, value: float) -> None:
        reader = PeriodicExportingMetricReader(
            OutboxMetricExporter(self.outbox), export_interval_millis=float("inf")
        )
        provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
        provider.get_meter("tests").create_gauge(name).set(value)
        provider.force_flush()
        provider.shutdown()


def numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def files_under(root: Path) -> list[Path]:
    """All data files of all boots."""
    return sorted(root.glob("*-*-*/*.v1"))
