"""``kill -9`` of the store under load, again and again: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_taskmon import semconv
from tests.support.otlp_requests import run_spans, send
from tests.support.store import Store, start_store
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

KILLS = 10
SENDERS = 3
ROWS = 40


@contextmanager
def life(tmp_path: Path, number: int) -> Iterator[Store]:
    """One life of the store on the same directory. Each has a log of its own, where "ready" is said once."""
    store = start_store(tmp_path / "data", tmp_path / f"store-{number}.log")
    try:
        yield store
    finally:
        store.child.stop()


def events(first: int, count: int, started_ns: int) -> ExportLogsServiceRequest:
    """``started`` events of the executions that ``run_spans`` with these numbers makes."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    spans = run_spans(first, count, started_ns=started_ns).resource_spans[0].scope_spans[0].spans
    for span in spans:
        record = records.add(time_unix_nano=span.start_time_unix_nano, event_name=semconv.EVENT_STARTED)
        record.attributes.extend(span.attributes)
    return request


@dataclass
class Load:
    """Sends numbered requests from several threads, each again until it is acknowledged."""

    port: int = 0
    acknowledged: list[tuple[str, bytes]] = field(default_factory=list)
    repeated: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    """Send no new ones."""
    abandoned: threading.Event = field(default_factory=threading.Event)
    """The test has failed: give up."""

    def send_until_stopped(self, sender: int) -> None:
        number = sender * 10_000_000
        while not self.stopping.is_set():
            now = time.time_ns()
            for path, message in (
                ("/v1/traces", run_spans(number, ROWS, started_ns=now)),
                ("/v1/logs", events(number, ROWS, now)),
            ):
                body = message.SerializeToString()
                while not self.try_once(path, body):
                    if self.abandoned.is_set():
                        return
                    self.repeated += 1
                    self.stopping.wait(0.02)
                self.acknowledged.append((path, body))
            number += ROWS

    def try_once(self, path: str, body: bytes) -> bool:
        try:
            return send(self.port, body, path=path, timeout=10).status == 200
        except OSError:
            return False  # the store was killed, or is not there yet


def fetch(http_port: int, sql: str) -> Any:
    answer = send(http_port, f"{sql} FORMAT JSONCompact".encode(), path="/", content_type="text/plain")
    assert answer.status == 200, answer.body
    return [int(value) for value in answer.json["data"][0]]


def counts(http_port: int) -> dict[str, list[int]]:
    return {
        "raw spans": fetch(http_port, "SELECT count(), uniqExact(SpanId) FROM otel.otel_traces"),
        "raw events": fetch(
            http_port, "SELECT count(), uniqExact(LogAttributes['taskmon.execution_id']) FROM otel.otel_logs"
        ),
        "runs": fetch(http_port, "SELECT count(), uniqExact(execution_id) FROM otel.celery_task_runs FINAL"),
        "events": fetch(
            http_port, "SELECT count(), uniqExact(execution_id) FROM otel.celery_task_events FINAL"
        ),
        "tasks": fetch(http_port, "SELECT count(), uniqExact(task_id) FROM otel.celery_tasks_latest"),
        "trace times": fetch(http_port, "SELECT uniqExact(TraceId) FROM otel.otel_traces_trace_id_ts"),
    }


def test_ten_kills_under_load_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    load = Load()
    pauses = random.Random(7)
    with ThreadPoolExecutor(SENDERS) as senders:
        try:
            for number in range(KILLS):
                with life(tmp_path, number) as store:
                    load.port = store.otlp_http_port
                    if not load.acknowledged:
                        running = [senders.submit(load.send_until_stopped, n) for n in range(SENDERS)]
                    goal = len(load.acknowledged) + pauses.randrange(2, 14)
                    wait_until(
                        lambda goal=goal: len(load.acknowledged) >= goal,  # type: ignore[misc]
                        "acknowledged requests",
                        interval=pauses.uniform(0.001, 0.05),
                        context=store.child.output,
                    )
                    store.child.stop(SIGKILL)
            with life(tmp_path, KILLS) as store:
                load.port = store.otlp_http_port
                load.stopping.set()
                for sender in running:
                    sender.result(30)
                spans = ROWS * sum(path == "/v1/traces" for path, _ in load.acknowledged)
                everything = counts(store.http_port)
                assert everything == {
                    "raw spans": [spans] * 2,
                    "raw events": [spans] * 2,
                    "runs": [spans] * 2,
                    "events": [spans] * 2,
                    "tasks": [spans] * 2,
                    "trace times": [spans],
                }
                # every request again, the acknowledged ones too: all known, also those of lives before
                for path, body in load.acknowledged:
                    assert send(store.otlp_http_port, body, path=path).status == 200
                assert counts(store.http_port) == everything
                assert load.repeated > 0, "no request was under way at any kill"
        finally:
            load.stopping.set()
            load.abandoned.set()


def test_a_kill_between_the_raw_rows_and_their_views(tmp_path: Path) -> None:
    body = run_spans(0, ROWS).SerializeToString()
    with life(tmp_path, 1) as store, ThreadPoolExecutor(1) as sender:
        admin = store.client("admin")
        admin.command("CREATE TABLE otel.slow (nothing UInt8) ENGINE = MergeTree ORDER BY ()")
        # the engine fills views in the order of their names
        admin.command(
            "CREATE MATERIALIZED VIEW otel.a_slow_mv TO otel.slow AS SELECT sleep(3) AS nothing FROM otel.otel_traces"
        )
        load = Load(store.otlp_http_port)
        answer = sender.submit(load.try_once, "/v1/traces", body)
        wait_until(
            lambda: fetch(store.http_port, "SELECT count() FROM otel.otel_traces") == [ROWS],
            "raw rows",
            context=store.child.output,
        )
        assert fetch(store.http_port, "SELECT count() FROM otel.celery_task_runs") == [0]
        store.child.stop(SIGKILL)
        assert answer.result(10) is False
    with life(tmp_path, 2) as store:
        for _ in range(2):
            assert fetch(store.http_port, "SELECT count() FROM otel.otel_traces") == [ROWS]
            assert fetch(store.http_port, "SELECT count() FROM otel.celery_task_runs FINAL") == [ROWS]
            assert send(store.otlp_http_port, body).status == 200
