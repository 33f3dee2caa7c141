"""Real workers: their records are what the histories are made of, and the store tells which of them are gone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from otel_taskmon.queries import task_detail
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import TaskFilter, TaskRow
from otel_taskmon.queries.tasks import list_tasks
from tests.support import histories
from tests.support.databases import own_database
from tests.support.histories import Execution, History
from tests.support.histories_otlp import Telling, requests
from tests.support.otlp_sink import Event, OtlpSink, Span, decode, decode_logs
from tests.support.store import Store
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]

APP = "tests.apps.blocking"
SECOND_NS = 10**9


def shape(one: Span | Event) -> dict[str, type]:
    return {key: type(value) for key, value in one.attributes.items()}


def told_in_histories() -> tuple[list[Span], list[Event]]:
    one = Execution(expires=600)
    told = [
        histories.published(expires=600),
        *histories.ran("SUCCESS", 2, 3, one),
        histories.ended("EXPIRED", None, 3, one, main=True, reason="expired"),
        histories.online(0),
        histories.beat(1),
    ]
    telling = Telling(History("SUCCESS", told), "t", SECOND_NS)
    bodies = dict(requests(telling.records()))
    return decode(bodies["/v1/traces"]), decode_logs(bodies["/v1/logs"])


def by_name(events: Iterable[Event]) -> dict[str, Event]:
    return {event.name: event for event in events}


def test_histories_are_told_in_the_words_of_real_workers(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, ENDINGS_HEARTBEAT_S="0.3")
        with start_worker(tmp_path, environment, app=APP, name="shapes", concurrency=1) as worker:
            code = "answer([block.apply_async((1,), expires=600).id, block.apply_async((1,), expires=-1).id])"
            done, expired = run_publisher(tmp_path, environment, code, app=APP)
            (run,) = sink.wait_for_runs(done, context=worker.output)
            (end,) = sink.wait_for_runs(expired, context=worker.output)
            wait_until(
                lambda: sink.events(semconv.EVENT_STARTED, done) and sink.events(semconv.EVENT_HEARTBEAT),
                "its events",
                context=worker.output,
            )
            (publish,) = sink.publishes(done)
            events = by_name(sink.events())
    spans, told_events = told_in_histories()
    for real, told in zip((publish, run, end), spans, strict=True):
        assert shape(told) == shape(real), real.name
        assert (told.kind, told.status, told.scope) == (real.kind, real.status, real.scope)
        assert told.name.split("/")[0] == real.name.split("/")[0]
    assert len(told_events) == 4
    for name, event in by_name(told_events).items():
        assert shape(event) == shape(events[name]), name
        assert (event.body, event.scope) == (events[name].body, events[name].scope)


def test_a_worker_started_again_under_its_name_leaves_no_task_started(
    broker: Broker, store: Store, reader: Client, tmp_path: Path
) -> None:
    environment = worker_environment(own_database(broker), store.otlp_url, ENDINGS_HEARTBEAT_S="0.5")

    def task() -> TaskRow | None:
        return task_detail.find_task(reader, task_id)

    def is_in(state: str) -> bool:
        found = task()
        return found is not None and found.state == state

    with start_worker(tmp_path, environment, app=APP, name="again", concurrency=1) as first:
        task_id = run_publisher(tmp_path, environment, "answer(block.delay(60_000).id)", app=APP)
        wait_until(lambda: is_in("STARTED"), "STARTED", context=first.output)
        first.signal(SIGKILL)
        with start_worker(tmp_path, environment, app=APP, name="again", concurrency=1) as second:
            wait_until(lambda: is_in("LOST"), "LOST", context=second.output)
            done = run_publisher(tmp_path, environment, "answer(block.delay(1).id)", app=APP)
            wait_until(
                lambda: (found := task_detail.find_task(reader, done)) and found.state == "SUCCESS",
                "the new life works",
                context=second.output,
            )
            lost = task()
    assert lost is not None
    assert (lost.reason, lost.is_error, lost.worker, lost.ended_at) == (
        "worker gone",
        True,
        "again@tests",
        None,
    )
    assert lost.started_at is not None
    assert lost.executions == 0
    assert [row.task_id for row in list_tasks(reader, TaskFilter(states=("LOST",))).rows] == [task_id]


def test_a_task_that_blocks_its_worker_is_not_called_lost(
    broker: Broker, store: Store, reader: Client, tmp_path: Path
) -> None:
    """For longer than three intervals, in a worker without a process for its tasks."""
    seen: dict[str, set[str]] = {}
    environment = worker_environment(own_database(broker), store.otlp_url, ENDINGS_HEARTBEAT_S="1.5")
    with ExitStack() as workers:
        for pool, queue in (("solo", "shop"), ("gevent", "mails")):
            workers.enter_context(
                start_worker(
                    tmp_path, environment, pool=pool, app=APP, name=pool, concurrency=1, queues=queue
                )
            )
        code = "answer([block.apply_async((7_000,), queue=queue).id for queue in ('shop', 'mails')])"
        ids = run_publisher(tmp_path, environment, code, app=APP)

        def all_done() -> bool:
            for task_id in ids:
                found = task_detail.find_task(reader, task_id)
                seen.setdefault(task_id, set()).add(found.state if found else "SENT")
            return all("SUCCESS" in states for states in seen.values())

        wait_until(all_done, "both done", timeout=40, interval=0.2)
    assert [states - {"SENT", "RECEIVED"} for states in seen.values()] == [{"STARTED", "SUCCESS"}] * 2
