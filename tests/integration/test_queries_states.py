"""The row of a task: repeats change nothing, and its facts are those of its newest execution."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clickhouse_connect.driver.client import Client as Driver

from otel_taskmon.queries import task_detail
from otel_taskmon.queries.connection import Client
from tests.support.stored_tasks import Event, Span, event, insert, run, send

pytestmark = pytest.mark.integration


def test_a_repeated_batch_changes_nothing(writer: Driver, reader: Client) -> None:
    batch: list[Span | Event] = [
        send("again"),
        event("received", "again", at=1, received=1),
        event("started", "again", at=2, received=1),
        run("again", "RETRY", started=2, ended=3, received=1),
        send("again", sent=3, retries=1),
        run("again", "SUCCESS", started=5, ended=6, received=4, retries=1),
    ]
    insert(writer, batch)
    before = task_detail.find_task(reader, "again"), task_detail.executions(reader, "again")
    insert(writer, batch)
    insert(writer, reversed(batch))
    assert (task_detail.find_task(reader, "again"), task_detail.executions(reader, "again")) == before
    sends = reader.ask("SELECT count() FROM otel.celery_task_sends FINAL WHERE task_id = 'again'").only()
    assert tuple(sends) == (2,)


def test_an_end_without_a_received_time_counts(writer: Driver, reader: Client) -> None:
    insert(writer, [send("unstamped"), run("unstamped", "SUCCESS", started=2, ended=3)])
    task = task_detail.find_task(reader, "unstamped")
    assert task is not None
    assert (task.state, task.executions) == ("SUCCESS", 1)


def test_facts_are_those_of_the_newest_execution(writer: Driver, reader: Client) -> None:
    first = run("facts", "RETRY", started=2, ended=3, received=1, worker="celery@one", queue="slow")
    second = run(
        "facts",
        "SUCCESS",
        started=8,
        ended=10,
        received=7,
        published=5,
        retries=1,
        worker="celery@two",
        queue="q",
    )
    insert(writer, [second])
    insert(writer, [first])
    task = task_detail.find_task(reader, "facts")
    assert task is not None
    assert (task.worker, task.queue, task.retries, task.executions) == ("celery@two", "q", 1, 2)
    assert task.duration_ns == 2_000_000_000
    assert task.queue_wait_ns == 3_000_000_000
    assert [e.worker for e in task_detail.executions(reader, "facts")] == ["celery@one", "celery@two"]


def test_records_with_the_same_key_and_version_are_decided_the_same_way(
    writer: Driver, reader: Client
) -> None:
    def twin(number: int) -> Span:
        return replace(send("twin", queue=f"q{number}"), span_id=f"{number:016x}")

    seen = set()
    for order in ([1, 2], [2, 1]):
        for number in order:
            insert(writer, [twin(number)])
        task = task_detail.find_task(reader, "twin")
        assert task is not None
        seen.add(task.queue)
    assert len(seen) == 1
