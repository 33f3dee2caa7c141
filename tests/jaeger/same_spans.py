"""Real worker -> real Collector with ``jaeger.yaml`` -> the store and a real Jaeger: the same spans in both.

Run by ``make test-jaeger``; the build of Jaeger takes minutes, so it is no part of ``make test``.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from otel_taskmon.demo.broker import Broker
from tests.jaeger.program import BUILD_TIMEOUT, Jaeger, start_jaeger
from tests.support.collector import TOKEN, Collector, new_collector
from tests.support.databases import own_database
from tests.support.store import Store, running_store
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(BUILD_TIMEOUT + 600)]

SPANS = """
SELECT TraceId, SpanId, ParentSpanId, SpanName, toUnixTimestamp64Nano(Timestamp) AS start_ns, Duration,
    SpanAttributes['messaging.message.id'] AS task_id, SpanAttributes['celery.state'] AS state
FROM otel.otel_traces
ORDER BY TraceId, SpanId
"""
PUBLISH = """
ids = [echo.delay(number).id for number in range(10)] + [flaky.delay(2).id, fail.delay(3).id, parent.delay().id]
answer(ids)
"""
PUBLISH_MORE = "answer([echo.delay(number).id for number in range(200)])"
TASKS = "SELECT count() FROM otel.celery_task_runs FINAL WHERE state = 'SUCCESS' AND has({ids:Array(String)}, task_id)"


@dataclass
class Pipeline:
    store: Store
    jaeger: Jaeger
    collector: Collector
    environment: dict[str, str]


@pytest.fixture
def pipeline(tmp_path: Path, broker: Broker) -> Iterator[Pipeline]:
    with contextlib.ExitStack() as ends:
        jaeger = start_jaeger(tmp_path)
        ends.callback(jaeger.child.stop)
        store = ends.enter_context(running_store(tmp_path))
        collector = new_collector(
            tmp_path / "collector",
            store.url,
            store.ingest_password,
            overlays=("jaeger.yaml",),
            env={"JAEGER_OTLP_ENDPOINT": f"127.0.0.1:{jaeger.otlp_port}"},
        )
        collector.start()
        ends.callback(collector.stop)
        environment = worker_environment(
            own_database(broker), collector.url, OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer%20{TOKEN}"
        )
        yield Pipeline(store, jaeger, collector, environment)


def stored(store: Store) -> list[dict[str, Any]]:
    with store.client() as client:
        return list(client.query(SPANS).named_results())


def as_jaeger_says(span: dict[str, Any]) -> tuple[str, str, str, int, int, str, str]:
    """Trace, span, parent, start and length in microseconds, task id, state."""
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    parents = [ref["spanID"] for ref in span.get("references", ()) if ref["refType"] == "CHILD_OF"]
    return (
        span["traceID"],
        span["spanID"],
        parents[0] if parents else "",
        span["startTime"],
        span["duration"],
        tags.get("messaging.message.id", ""),
        tags.get("celery.state", ""),
    )


def as_the_table_says(row: dict[str, Any]) -> tuple[str, str, str, int, int, str, str]:
    return (
        row["TraceId"],
        row["SpanId"],
        row["ParentSpanId"],
        row["start_ns"] // 1000,
        row["Duration"] // 1000,
        row["task_id"],
        row["state"],
    )


def test_a_trace_is_the_same_in_jaeger_and_in_the_tables(pipeline: Pipeline, tmp_path: Path) -> None:
    with start_worker(tmp_path, pipeline.environment) as worker:
        ids = run_publisher(tmp_path, pipeline.environment, PUBLISH)
        # The task with two retries has three executions, and `parent` publishes a task of its own.
        wait_until(
            lambda: (
                {row["task_id"] for row in stored(pipeline.store) if row["state"] in ("SUCCESS", "FAILURE")}
                >= set(ids)
            ),
            "the end of every task in the tables",
            timeout=90,
            context=lambda: worker.output() + pipeline.collector.child.output(),
        )
        worker.stop()
    waiting = {row["SpanId"] for row in stored(pipeline.store)}
    rows = stored(pipeline.store)
    traces = sorted({row["TraceId"] for row in rows})

    def in_jaeger() -> set[str]:
        return {span["spanID"] for trace_id in traces for span in pipeline.jaeger.trace(trace_id)}

    wait_until(lambda: waiting <= in_jaeger(), "the same spans in Jaeger", timeout=60)
    rows = stored(pipeline.store)
    ours = sorted(as_the_table_says(row) for row in rows)
    theirs = sorted(as_jaeger_says(span) for trace_id in traces for span in pipeline.jaeger.trace(trace_id))
    print(f"\n{len(traces)} traces, {len(ours)} spans in the tables, {len(theirs)} in Jaeger")
    assert ours == theirs
    assert len({span_id for _, span_id, *_ in ours}) == len(ours) >= 2 * len(ids)


@pytest.mark.parametrize("how", ["killed", "hanging"])
def test_without_jaeger_the_tables_get_everything_once_and_in_time(
    pipeline: Pipeline, tmp_path: Path, how: str
) -> None:
    with start_worker(tmp_path, pipeline.environment) as worker:
        if how == "killed":
            pipeline.jaeger.child.stop(signal.SIGKILL)
        else:
            pipeline.jaeger.child.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            ids = run_publisher(tmp_path, pipeline.environment, PUBLISH_MORE)
            with pipeline.store.client() as client:
                wait_until(
                    lambda: client.query(TASKS, parameters={"ids": ids}).first_row == (len(ids),),
                    "every task in the tables",
                    timeout=60,
                    context=lambda: worker.output() + pipeline.collector.child.output(),
                )
            took = time.monotonic() - began
            worker.stop()
        finally:
            pipeline.jaeger.child.signal(signal.SIGCONT)
    wait_until(lambda: pipeline.collector.waiting() == 0, "an empty queue to ClickHouse", timeout=30)
    rows = stored(pipeline.store)
    print(f"\nJaeger {how}: {len(ids)} tasks in the tables after {took:.1f} s, {len(rows)} spans")
    assert len(rows) == len({row["SpanId"] for row in rows}) == 2 * len(ids)
