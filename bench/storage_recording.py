"""What a real worker and publisher of ``tests.apps.small_shop`` send, sorted by what belongs together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_taskmon import semconv
from otel_taskmon.demo.broker import start_broker
from tests.support.otlp_sink import OtlpSink
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

APP = "tests.apps.small_shop"


@dataclass
class Unit:
    """All that was recorded of the tasks of one root, with its resources."""

    spans: list[tuple[Resource, Span]] = field(default_factory=list)
    records: list[tuple[Resource, LogRecord]] = field(default_factory=list)

    @property
    def tasks(self) -> int:
        ids = {text_of(span.attributes, semconv.MESSAGING_MESSAGE_ID) for _, span in self.spans}
        return len(ids - {""})

    @property
    def began_ns(self) -> int:
        return min(span.start_time_unix_nano for _, span in self.spans)


@dataclass
class Recording:
    units: list[Unit]
    beat: tuple[Resource, LogRecord]
    gauges: ExportMetricsServiceRequest


def record(directory: Path, rounds: int) -> Recording:
    """Runs ``rounds`` rounds of the app's tasks on a real worker, and sorts what came."""
    broker = start_broker(directory)
    try:
        with OtlpSink() as sink:
            environment = worker_environment(
                broker.url, sink.url, OTEL_SERVICE_NAME="shop", TASKMON_QUEUE_DEPTH_INTERVAL_S="1"
            )
            with start_worker(directory, environment, app=APP, queues="celery,mails,slow") as worker:
                count = run_publisher(directory, environment, f"answer(publish({rounds}))", app=APP)
                wait_until(
                    lambda: sum(run.state != "RETRY" for run in sink.runs()) >= count,
                    "the runs",
                    timeout=120,
                    context=worker.output,
                )
                wait_until(lambda: sink.events("taskmon.worker.heartbeat"), "a heartbeat")
                wait_until(
                    lambda: any(b"taskmon.queue.depth" in each.body for each in sink.received), "gauges"
                )
            return _sorted([(each.path, each.body) for each in sink.received])
    finally:
        broker.stop()


def _sorted(received: list[tuple[str, bytes]]) -> Recording:
    units: defaultdict[str, Unit] = defaultdict(Unit)
    beat: tuple[Resource, LogRecord] | None = None
    gauges: ExportMetricsServiceRequest | None = None
    for path, body in received:
        if path.endswith("/v1/traces"):
            for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for of_scope in of_resource.scope_spans:
                    for span in of_scope.spans:
                        root = text_of(span.attributes, semconv.ROOT_ID)
                        units[root].spans.append((of_resource.resource, span))
        elif path.endswith("/v1/logs"):
            for of_logs in ExportLogsServiceRequest.FromString(body).resource_logs:
                for scope_logs in of_logs.scope_logs:
                    for entry in scope_logs.log_records:
                        if text_of(entry.attributes, semconv.MESSAGING_MESSAGE_ID):
                            root = text_of(entry.attributes, semconv.ROOT_ID)
                            units[root].records.append((of_logs.resource, entry))
                        elif entry.event_name.endswith(".heartbeat"):
                            beat = of_logs.resource, entry
        elif b"taskmon.queue.depth" in body:
            gauges = ExportMetricsServiceRequest.FromString(body)
    assert beat is not None
    assert gauges is not None
    return Recording([unit for unit in units.values() if unit.spans], beat, gauges)


def text_of(attributes: Iterable[KeyValue], key: str) -> str:
    for pair in attributes:
        if pair.key == key:
            return str(pair.value.string_value)
    return ""
