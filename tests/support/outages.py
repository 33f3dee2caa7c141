"""Lives of one store behind a Collector, and what must be in its tables in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_taskmon import semconv
from tests.support.collector import Collector, collector_program, new_collector
from tests.support.http import post
from tests.support.otlp_requests import run_spans
from tests.support.processes import free_port
from tests.support.store import Store, start_store
from tests.support.waiting import wait_until

PASSWORD = "ingest-of-the-tests"

COUNTS = {
    "raw run spans": "SELECT uniqExact(SpanId) FROM otel.otel_traces WHERE SpanKind = 'Consumer'",
    "sends": "SELECT count() FROM otel.celery_task_sends FINAL",
    "runs": "SELECT count() FROM otel.celery_task_runs FINAL",
    "tasks": "SELECT count() FROM otel.celery_tasks_latest",
    "events": "SELECT countIf(event = 'started') FROM otel.celery_task_events FINAL",
}
RAW_ROWS = "SELECT count() FROM otel.otel_traces"
RAW_EVENTS = "SELECT count() FROM otel.otel_logs"
HOURLY = "SELECT sum(runs) FROM otel.celery_task_stats_1h FINAL"


class Lives:
    """One store directory and one port, which several lives of the store share."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.number = 0

    @contextmanager
    def store(self) -> Iterator[Store]:
        self.number += 1
        log = self.directory / f"store-{self.number}.log"
        env = {"TASKMON_INGEST_PASSWORD": PASSWORD}
        store = start_store(self.directory / "data", log, http_port=self.port, env=env)
        try:
            yield store
        finally:
            store.child.stop()

    def collector(self, **env: str) -> Collector:
        collector_program()
        url = f"http://127.0.0.1:{self.port}"
        return new_collector(self.directory / "collector", url, PASSWORD, env=env)


def number(store: Store, sql: str) -> int:
    answer = post(store.url, sql)
    assert answer.status == 200, answer.data
    return int(answer.data)


def bodies(first: int, tasks: int) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    """Publish and run spans of these tasks, and the started events of their executions."""
    spans = run_spans(first, tasks)
    logs = ExportLogsServiceRequest()
    records = logs.resource_logs.add().scope_logs.add().log_records
    for span in spans.resource_spans[0].scope_spans[0].spans:
        record = records.add(time_unix_nano=span.start_time_unix_nano, event_name=semconv.EVENT_STARTED)
        record.attributes.extend(span.attributes)
    published = spans.resource_spans.add().scope_spans.add().spans
    for span in spans.resource_spans[0].scope_spans[0].spans:
        publish = published.add()
        publish.CopyFrom(span)
        publish.kind, publish.name = Span.SPAN_KIND_PRODUCER, "apply_async/shop.pay"
        publish.span_id = bytes((0xFF,)) + span.span_id[1:]
        for pair in publish.attributes:
            if pair.key == semconv.CELERY_ACTION:
                pair.value.string_value = semconv.ACTION_PUBLISH
    return ("/v1/traces", spans.SerializeToString()), ("/v1/logs", logs.SerializeToString())


def wait_for_all(store: Store, collector: Collector, tasks: int, *, timeout: float = 60.0) -> dict[str, int]:
    """All that was sent of these tasks is in every table, once in the typed ones; the counts."""

    def found() -> dict[str, int]:
        return {name: number(store, sql) for name, sql in COUNTS.items()}

    def enough() -> bool:
        return min(found().values()) >= tasks and not collector.waiting()

    wait_until(
        enough, f"{tasks} tasks", timeout=timeout, interval=0.2, context=_told(found, collector, store)
    )
    counts = found()
    assert counts == dict.fromkeys(COUNTS, tasks), counts
    return counts


def _told(found: Callable[[], dict[str, int]], collector: Collector, store: Store) -> Callable[[], str]:
    return lambda: f"{found()}\n{collector.child.output()[-3000:]}\n{store.child.output()[-2000:]}"


def compute_hours(store: Store) -> int:
    """Executions in the hourly statistics, computed now."""
    with store.client("admin") as admin:
        admin.command("SYSTEM REFRESH VIEW otel.celery_task_stats_1h_mv")
        admin.command("SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv")
    return number(store, HOURLY)
