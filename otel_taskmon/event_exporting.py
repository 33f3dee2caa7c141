"""The way that our events go: always one of our own, since a user's logger provider may send logs elsewhere.

It follows the standard ``OTEL_*`` variables as the tracer provider of ``exporting`` does. Events for the outbox are
serialised as they are; other exporters get them through a logger provider of the SDK.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence

from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    ConsoleLogRecordExporter,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from otel_taskmon._version import __version__
from otel_taskmon.exporting import CONSOLE, LOGS, ExportPlan, plugin
from otel_taskmon.facts import Attributes
from otel_taskmon.outbox import Outbox, Signal
from otel_taskmon.outbox.encode import encode_event
from otel_taskmon.outbox.known import Known
from otel_taskmon.outbox.source import Sources
from otel_taskmon.settings import Settings

SCOPE = "otel_taskmon"
QUEUE_EVENTS = 10_000
BATCH_EVENTS = 512

Write = Callable[[str, Attributes, SpanContext | None, int, Known | None], None]
"""Takes one event: name, attributes, the span that it belongs to, ns since the epoch, more attributes."""


Append = Callable[[bytes], bool]
"""Takes one event that is encoded already."""


def appending(outbox: Outbox, resource: Resource) -> Append:
    """Straight to disk."""
    source = Sources().packed(resource, InstrumentationScope(SCOPE, __version__))
    return functools.partial(outbox.append, Signal.LOGS, source)


def to_outbox(append: Append) -> Write:
    """Events go straight to disk, with no limit on attributes but our own."""

    def write(
        name: str, attributes: Attributes, span: SpanContext | None, at_ns: int, known: Known | None
    ) -> None:
        append(encode_event(name, attributes, at_ns, span, known))

    return write


def to_provider(provider: LoggerProvider) -> Write:
    logger = provider.get_logger(SCOPE, __version__)

    def write(
        name: str, attributes: Attributes, span: SpanContext | None, at_ns: int, known: Known | None
    ) -> None:
        context = Context()  # empty: not that of whoever tells it
        if span is not None:
            context = set_span_in_context(NonRecordingSpan(span), context)
        logger.emit(
            timestamp=at_ns,
            context=context,
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name=name,
            attributes={**(known.attributes if known is not None else {}), **attributes},
        )

    return write


def build_event_provider(plan: ExportPlan, settings: Settings, resource: Resource) -> LoggerProvider:
    """A provider for the exporters of ``plan`` that are not the outbox; nothing is connected before the first batch."""
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    if CONSOLE in plan.exporters:
        provider.add_log_record_processor(SimpleLogRecordProcessor(ConsoleLogRecordExporter()))
    for name in plan.batched:
        provider.add_log_record_processor(
            BatchLogRecordProcessor(
                PerProcessEventExporter(plugin(LOGS, name)),
                max_queue_size=QUEUE_EVENTS,
                max_export_batch_size=BATCH_EVENTS,
                schedule_delay_millis=settings.export_interval_ms,
            )
        )
    return provider


class PerProcessEventExporter(LogRecordExporter):
    """Makes the real exporter at the first batch of each process, as that of the spans does."""

    def __init__(self, make: Callable[[], LogRecordExporter]) -> None:
        self._make = make
        self._made: LogRecordExporter | None = None
        self._process = 0

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        if self._made is None or self._process != os.getpid():
            self._made, self._process = self._make(), os.getpid()
        return self._made.export(batch)

    def shutdown(self) -> None:
        if self._made is not None and self._process == os.getpid():
            self._made.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the interface has it
        return True  # export() has sent it all when it returns
