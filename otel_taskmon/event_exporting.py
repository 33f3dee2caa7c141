"""The logger provider that our events go through: always one of our own, since a user's may send logs elsewhere.

It follows the standard ``OTEL_*`` variables as the tracer provider of ``exporting`` does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    ConsoleLogRecordExporter,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource

from otel_taskmon.exporting import GRPC, LOGS, ExportPlan, endpoint, plugin, resource_of
from otel_taskmon.settings import Settings

QUEUE_EVENTS = 10_000
BATCH_EVENTS = 512


def build_event_provider(
    plan: ExportPlan, settings: Settings, service_name: str, resource: Resource | None
) -> LoggerProvider:
    """A provider that sends as ``plan`` says; ``resource``: the user's own, else one with ``service_name``.

    Nothing is connected before the first batch.
    """
    provider = LoggerProvider(
        resource=resource if resource is not None else resource_of(service_name), shutdown_on_exit=False
    )
    for name in plan.exporters:
        if name == "console":
            provider.add_log_record_processor(SimpleLogRecordProcessor(ConsoleLogRecordExporter()))
            continue
        provider.add_log_record_processor(
            BatchLogRecordProcessor(
                PerProcessEventExporter(_exporter_factory(name, plan.protocol)),
                max_queue_size=QUEUE_EVENTS,
                max_export_batch_size=BATCH_EVENTS,
                schedule_delay_millis=settings.export_interval_ms,
            )
        )
    return provider


def preload(plan: ExportPlan) -> None:
    """Import what :func:`build_event_provider` will need."""
    for name in plan.exporters:
        if name != "console":
            _exporter_factory(name, plan.protocol)


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


def _exporter_factory(name: str, protocol: str) -> Callable[[], LogRecordExporter]:
    if name != "otlp":
        factory: Callable[[], LogRecordExporter] = plugin(LOGS, name)
        return factory
    kind: Callable[..., LogRecordExporter]
    if protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter

        kind = GrpcExporter
    else:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter

        kind = HttpExporter
    return lambda: kind(endpoint=endpoint(LOGS, protocol))
