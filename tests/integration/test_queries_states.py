"""The state of a task is that of its newest execution, whatever the order its records arrive in, and how often."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from clickhouse_connect.driver.client import Client as Driver

from otel_taskmon.queries import task_detail
from otel_taskmon.queries.connection import Client, connect
from tests.support.store import Store, running_store
from tests.support.stored_tasks import Event, Record, Span, event, insert, ns, run, send

pytestmark = pytest.mark.integration

FAR = 10 * 86_400


@dataclass(frozen=True)
class History:
    """What happened to the task "t", and what the log must say of it."""

    records: Sequence[Record]
    state: str
    executions: int
    retries: int = 0
    reason: str = ""


def retry_and(*rest: Record) -> list[Record]:
    return [
        send("t"),
        event("received", "t", at=1, received=1),
        event("started", "t", at=2, received=1),
        run("t", "RETRY", started=2, ended=3, received=1),
        *rest,
    ]


HISTORIES = {
    "published": History([send("t")], "SENT", 0),
    "published for later": History([send("t", eta=ns(FAR))], "SCHEDULED", 0),
    "eta passed, nobody took it": History([send("t", eta=ns(5))], "SENT", 0),
    "publish failed": History([send("t", error="OSError")], "FAILURE", 0, reason="could not be published"),
    "received": History([send("t"), event("received", "t", at=1, received=1)], "RECEIVED", 0),
    "received long before its eta": History(
        [send("t", eta=ns(FAR)), event("received", "t", at=1, received=1, eta=ns(FAR))], "RECEIVED", 0
    ),
    "started": History(
        [send("t"), event("received", "t", at=1, received=1), event("started", "t", at=2, received=1)],
        "STARTED",
        0,
    ),
    "succeeded": History(
        [
            send("t"),
            event("received", "t", at=1, received=1),
            event("started", "t", at=2, received=1),
            run("t", "SUCCESS", started=2, ended=3, received=1),
        ],
        "SUCCESS",
        1,
    ),
    "started event late by the clock": History(
        [
            send("t"),
            event("started", "t", at=9, received=1),
            run("t", "FAILURE", started=2, ended=3, received=1),
        ],
        "FAILURE",
        1,
    ),
    "nobody stamped a received time": History([run("t", "SUCCESS", started=2, ended=3)], "SUCCESS", 1),
    "waits for its retry": History(retry_and(send("t", sent=3, retries=1)), "SENT", 1, retries=1),
    "retry not published yet": History(retry_and(), "RETRY", 1),
    "recovered": History(
        retry_and(
            send("t", sent=3, retries=1),
            event("received", "t", at=4, received=4, retries=1),
            run("t", "SUCCESS", started=5, ended=6, received=4, retries=1),
        ),
        "SUCCESS",
        2,
        retries=1,
    ),
    "retried on a worker whose clock is an hour behind": History(
        retry_and(
            send("t", sent=3, retries=1),
            run("t", "SUCCESS", started=-3595, ended=-3594, received=-3596, retries=1),
        ),
        "SUCCESS",
        2,
        retries=1,
    ),
    "revoked while it waited for its retry": History(
        retry_and(
            send("t", sent=3, retries=1),
            run("t", "REVOKED", started=None, ended=5, received=4, retries=1, main=True, reason="revoked"),
        ),
        "REVOKED",
        2,
        retries=1,
        reason="revoked",
    ),
    "expired before it started": History(
        [send("t"), run("t", "EXPIRED", started=None, ended=8, received=1, main=True, reason="expired")],
        "EXPIRED",
        1,
        reason="expired",
    ),
    "lost, then redelivered and done": History(
        [
            send("t"),
            event("started", "t", at=2, received=1),
            run("t", "LOST", started=2, ended=3, received=1, main=True, reason="signal 9"),
            event("received", "t", at=10, received=10),
            run("t", "SUCCESS", started=11, ended=12, received=10, redelivered="true"),
        ],
        "SUCCESS",
        2,
    ),
    "lost, then redelivered and running": History(
        [
            send("t"),
            run("t", "LOST", started=2, ended=3, received=1, main=True, reason="signal 9"),
            event("received", "t", at=10, received=10),
            event("started", "t", at=11, received=10),
        ],
        "STARTED",
        1,
    ),
    "requeued by reject": History(
        [
            send("t"),
            run("t", "REJECTED", started=2, ended=3, received=1),
            run("t", "REJECTED", started=4, ended=5, received=4),
            event("received", "t", at=6, received=6),
        ],
        "RECEIVED",
        2,
    ),
    "hard limit: main process and pool process both report": History(
        [
            send("t"),
            run("t", "SUCCESS", started=2, ended=3, received=1, execution="e"),
            run(
                "t",
                "FAILURE",
                started=2.1,
                ended=4,
                received=1,
                execution="e",
                main=True,
                reason="time limit",
            ),
        ],
        "FAILURE",
        1,
        reason="time limit",
    ),
    "ignored": History([send("t"), run("t", "IGNORED", started=2, ended=3, received=1)], "IGNORED", 1),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("states")) as running:
        yield running


@pytest.fixture(scope="module")
def writer(store: Store) -> Driver:
    return store.client("ingest", autogenerate_session_id=False)


@pytest.fixture(scope="module")
def reader(store: Store) -> Iterator[Client]:
    with connect(store.url) as client:
        yield client


def renamed(record: Record, task_id: str) -> Record:
    """The same record of another task."""
    attributes = {
        key: value.replace("t-", f"{task_id}-", 1) if key == "taskmon.execution_id" else value
        for key, value in record.attributes.items()
    } | {"messaging.message.id": task_id}
    if isinstance(record, Event):
        return replace(record, attributes=attributes)
    return replace(
        record, attributes=attributes, span_id=f"{record.span_id}-{task_id}", trace_id=f"trace-{task_id}"
    )


@pytest.mark.parametrize("seed", range(3))
def test_any_order_any_batches_any_repeats(writer: Driver, reader: Client, seed: int) -> None:
    dice = random.Random(seed)
    expected: dict[str, History] = {}
    records: list[Record] = []
    for number, (title, history) in enumerate(HISTORIES.items()):
        for copy in range(3):
            task_id = f"{seed}-{number}-{copy}"
            expected[task_id] = replace(history)
            assert history.records, title
            records += [renamed(record, task_id) for record in history.records]
    records += dice.sample(records, len(records) // 2)
    dice.shuffle(records)
    while records:
        size = dice.randint(10, 120)
        insert(writer, records[:size])
        records = records[size:]
    answer = reader.ask(
        "SELECT task_id, state, executions, retries, reason FROM otel.celery_tasks_latest "
        "WHERE startsWith(task_id, {prefix:String})",
        {"prefix": f"{seed}-"},
    )
    found = {row[0]: tuple(row[1:]) for row in answer.rows}
    wanted = {t: (h.state, h.executions, h.retries, h.reason) for t, h in expected.items()}
    titles = list(HISTORIES)
    wrong = {titles[int(t.split("-")[1])]: (found.get(t), w) for t, w in wanted.items() if found.get(t) != w}
    assert not wrong
    assert len(answer.rows) == len(expected)


def test_a_repeated_batch_changes_nothing(writer: Driver, reader: Client) -> None:
    batch = [renamed(r, "again") for r in HISTORIES["recovered"].records]
    insert(writer, batch)
    before = task_detail.find_task(reader, "again"), task_detail.executions(reader, "again")
    insert(writer, batch)
    insert(writer, reversed(batch))
    assert (task_detail.find_task(reader, "again"), task_detail.executions(reader, "again")) == before
    sends = reader.ask("SELECT count() FROM otel.celery_task_sends FINAL WHERE task_id = 'again'").only()
    assert tuple(sends) == (2,)


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
