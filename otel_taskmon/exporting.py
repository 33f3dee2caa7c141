"""The tracer provider that is built where nobody set one up, and the way that its spans go.

It follows the standard ``OTEL_*`` variables; only the defaults are ours: OTLP over HTTP to 127.0.0.1, through the
outbox, and no shutdown at exit (the SDK's takes 10 s and more when the collector hangs; see ``flushing``). Exporters
of other packages get a batch processor.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from otel_taskmon.errors import SettingError
from otel_taskmon.every_task import EveryTask
from otel_taskmon.process_outbox import ProcessOutbox
from otel_taskmon.settings import Settings

GRPC, HTTP = "grpc", "http/protobuf"
TRACES, LOGS, METRICS = "TRACES", "LOGS", "METRICS"
OUTBOX = ("otlp", "taskmon")
"""Names of exporters that mean the outbox; the second is what zero-code starts ask the SDK for."""
CONSOLE = "console"
QUEUE_SPANS = 10_000
BATCH_SPANS = 512
REQUEST_BYTES = 4 * 1024 * 1024
"""Aim for one request; a batch by count alone can pass the 16 MiB that receivers allow."""
_SPAN_BYTES = 1024
"""Of a span without its long texts: ids, times, short attributes, keys."""


@dataclass(frozen=True)
class ExportPlan:
    """Which exporters the environment asks for, checked before anything is built."""

    exporters: tuple[str, ...]
    protocol: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, signal: str = TRACES) -> ExportPlan:
        """Read OTEL_<signal>_EXPORTER and OTEL_EXPORTER_OTLP_[<signal>_]PROTOCOL.

        Events go nowhere where spans are sent nowhere, unless OTEL_LOGS_EXPORTER says otherwise.
        Raises SettingError for a value that no exporter stands behind.
        """
        environ = os.environ if environ is None else environ
        variable = f"OTEL_{signal}_EXPORTER"
        listed = environ.get(variable, "").strip()
        if (
            not listed
            and signal != TRACES
            and _names(environ.get(f"OTEL_{TRACES}_EXPORTER", "")) == ("none",)
        ):
            listed = "none"
        names = _names(listed or "otlp")
        known = {*OUTBOX, CONSOLE, "none"}
        if signal == METRICS:  # the only one of ours says what was dropped: other exporters do not get it
            known.update(names)
        if not known.issuperset(names):
            known |= {plugin.name for plugin in entry_points(group=_group(signal))}
        for name in names:
            if name not in known:
                raise SettingError(variable, listed, f"a list of {', '.join(sorted(known))}")
        variable = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
        if not environ.get(variable, "").strip():
            variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
        protocol = environ.get(variable, "").strip() or HTTP
        if protocol not in (GRPC, HTTP):
            raise SettingError(variable, protocol, f"{GRPC} or {HTTP}")
        return cls(() if "none" in names else names, protocol)

    @cached_property
    def to_outbox(self) -> bool:
        """OTLP is asked for."""
        return any(name in OUTBOX for name in self.exporters)

    @cached_property
    def batched(self) -> tuple[str, ...]:
        """Exporters of other packages: what they hold must be flushed at the end of a process."""
        return tuple(name for name in self.exporters if name not in (*OUTBOX, CONSOLE))


def _names(listed: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in listed.split(",") if part.strip()))


def build_provider(
    plan: ExportPlan, settings: Settings, outbox: ProcessOutbox, service_name: str
) -> TracerProvider:
    """A provider that sends as ``plan`` says; nothing is connected before the first span."""
    provider = TracerProvider(resource=resource_of(service_name), shutdown_on_exit=False)
    if plan.to_outbox:
        from otel_taskmon.outbox import OutboxSpanProcessor

        provider.sampler = EveryTask(provider.sampler)
        provider.add_span_processor(OutboxSpanProcessor(outbox.ready()))
    if CONSOLE in plan.exporters:
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    for name in plan.batched:
        provider.add_span_processor(
            BatchSpanProcessor(
                PerProcessExporter(plugin(TRACES, name)),
                max_queue_size=QUEUE_SPANS,
                max_export_batch_size=BATCH_SPANS,
                schedule_delay_millis=settings.export_interval_ms,
            )
        )
    return provider


def preload(plan: ExportPlan, signal: str = TRACES) -> None:
    """Import what sending will need, before a worker forks."""
    for name in plan.batched:
        plugin(signal, name)


class PerProcessExporter(SpanExporter):
    """Makes the real exporter at the first batch of each process, and keeps requests to a sane size.

    A connection that was opened before a fork must not be used on both sides of it, and pool processes are
    forked at any time. The batch processor's own thread is what calls here, so making it costs no task anything.
    """

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._make = make
        self._made: SpanExporter | None = None
        self._process = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        exporter = self._here()
        results = [exporter.export(part) for part in in_parts(spans, REQUEST_BYTES)]
        failed = any(result is not SpanExportResult.SUCCESS for result in results)
        return SpanExportResult.FAILURE if failed else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        if self._made is not None and self._process == os.getpid():
            self._made.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the interface has it
        return True  # export() has sent it all when it returns

    def _here(self) -> SpanExporter:
        if self._made is None or self._process != os.getpid():
            self._made, self._process = self._make(), os.getpid()
        return self._made


def in_parts(spans: Sequence[ReadableSpan], most_bytes: int) -> Iterator[Sequence[ReadableSpan]]:
    """``spans`` in order, in parts of about ``most_bytes`` (one span may be larger)."""
    part: list[ReadableSpan] = []
    size = 0
    for span in spans:
        weight = _weight(span)
        if part and size + weight > most_bytes:
            yield part
            part, size = [], 0
        part.append(span)
        size += weight
    if part:
        yield part


def _weight(span: ReadableSpan) -> int:
    texts = list((span.attributes or {}).values())
    for event in span.events:
        texts += (event.attributes or {}).values()
    return _SPAN_BYTES + sum(len(text) for text in texts if isinstance(text, str))


def resource_of(service_name: str) -> Resource:
    """``service.name`` and ``host.name`` unless the environment names them; no process id: the provider is forked."""
    ours = {"service.name": service_name, "host.name": socket.gethostname()}
    said = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    named = {part.partition("=")[0].strip() for part in said.split(",")}
    if os.environ.get("OTEL_SERVICE_NAME"):
        named.add("service.name")
    wanted = {key: value for key, value in ours.items() if key not in named}
    try:
        return Resource.create(wanted)
    except RuntimeError:  # it asks in threads, and a program whose main thread has ended can make none
        return OTELResourceDetector().detect().merge(Resource(wanted))


def plugin(signal: str, name: str) -> Any:
    """What somebody's package offers as an exporter of that name."""
    (found,) = list(entry_points(group=_group(signal), name=name))[:1]
    return found.load()


def _group(signal: str) -> str:
    return f"opentelemetry_{signal.lower()}_exporter"
