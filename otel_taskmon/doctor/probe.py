"""One span on the way that a worker's spans go, and whether it arrives in the tables.

It is no task's: it has none of the attributes by which the typed tables know one, so no page and no count ever shows
it. It stays in ``otel_traces`` until that table's rows go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_taskmon.doctor.endpoint_hints import what_to_do
from otel_taskmon.doctor.finding import Finding, ok, wrong

if TYPE_CHECKING:
    from otel_taskmon.queries.connection import Client

SPAN_NAME: Final = "taskmon.doctor.probe"
SERVICE: Final = "taskmon-doctor"
ARRIVES_S: Final = 5.0
SEND_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.1
_NS: Final = 1_000_000_000


@dataclass(frozen=True)
class Probe:
    """A span that the endpoint has accepted."""

    trace_id: str
    sent_ns: int
    """``time.monotonic_ns()`` when it was handed over."""
    endpoint: str


def send_probe(probes: list[Probe]) -> Iterator[Finding]:
    """Sends one straight to the endpoint, past the outbox. Raises SettingError for wrong OTEL_* values."""
    import os

    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    from otel_taskmon.outbox import Signal
    from otel_taskmon.outbox.transport import Outcome, connect

    made = InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource({"service.name": SERVICE}), sampler=ALWAYS_ON, shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(made))
    with provider.get_tracer("otel_taskmon.doctor").start_as_current_span(SPAN_NAME) as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    request = encode_spans(made.get_finished_spans()).SerializeToString()
    endpoint = endpoint_of(os.environ)
    transport = connect(Signal.TRACES)
    sent = time.monotonic_ns()
    try:
        answer = transport.send(request, SEND_S)
    finally:
        transport.close()
    took_ms = (time.monotonic_ns() - sent) / 1e6
    if answer.outcome is Outcome.ACCEPTED:
        probes.append(Probe(trace_id, sent, endpoint))
        yield ok("endpoint", f"{endpoint} took a span in {took_ms:.0f} ms")
        return
    yield wrong(
        "endpoint",
        f"{endpoint} did not take a span: {answer.reason}",
        what_to_do(answer.reason),
    )


def endpoint_of(environ: Mapping[str, str]) -> str:
    """Where spans go to, for people; user and password of a URL are left out."""
    from urllib.parse import urlsplit, urlunsplit

    from otel_taskmon.outbox import Signal
    from otel_taskmon.outbox.transport import default_endpoint

    said = (
        environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        or default_endpoint(Signal.TRACES, environ)
        or ""
    )
    parts = urlsplit(said)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def await_probe(
    client: Client, probe: Probe, *, within_s: float = ARRIVES_S, pause: Callable[[float], None] = time.sleep
) -> Finding:
    """Whether it stands in ``otel_traces``; waits. Raises StoreUnavailable, QueryFailed."""
    from otel_taskmon.queries.statements import statement

    deadline = probe.sent_ns + int(within_s * _NS)
    while True:
        arrived = client.ask(statement("doctor_probe"), {"trace_id": probe.trace_id}).only()[0]
        waited_s = (time.monotonic_ns() - probe.sent_ns) / _NS
        if arrived:
            return ok("probe", f"a span sent to {probe.endpoint} stood in the tables after {waited_s:.1f} s")
        if time.monotonic_ns() > deadline:
            return wrong(
                "probe",
                f"a span that {probe.endpoint} took is not in the tables after {waited_s:.1f} s",
                "Does that endpoint write to this store? See the Collector's log and its queue "
                "(otelcol_exporter_queue_size), and TASKMON_CLICKHOUSE_URL here.",
            )
        pause(_LOOK_EVERY_S)
