"""Every history has its state, whatever order its records arrive in, however often, and in whatever batches."""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from otel_taskmon import semconv
from otel_taskmon.queries import overview, task_detail
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.export import CSV_COLUMNS, csv_rows
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.tasks import list_tasks, task_span
from taskmon_viewer.views.task_facts import fact_groups
from tests.support.histories import History
from tests.support.histories_otlp import Record, Telling, requests
from tests.support.histories_told import HISTORIES
from tests.support.otlp_requests import send
from tests.support.store import Store
from tests.support.stored_tasks import ns
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

DERIVED = 2000
SEED = int(os.environ.get("HISTORIES_SEED") or secrets.randbelow(10**9))
"""Of the shuffled histories; a failure names it, and the variable brings it back."""
SHIFT_S = 6 * 3600
MINUTE_NS = 60 * 10**9


@dataclass(frozen=True)
class Verdict:
    """What the tables say of a task."""

    state: str
    reason: str
    is_error: bool
    retries: int
    executions: int


def tell(store: Store, records: Sequence[Record]) -> None:
    for path, body in requests(records):
        answer = send(store.otlp_http_port, body, path=path)
        assert answer.status == 200, answer.body


def expected(history: History) -> Verdict:
    return Verdict(history.state, history.reason, history.failed, history.retries, history.executions)


def verdicts(reader: Client, prefix: str) -> dict[str, Verdict]:
    """By task id; the ids must be different."""
    answer = reader.ask(
        "SELECT task_id, state, reason, is_error, retries, executions FROM otel.celery_tasks_latest "
        "WHERE startsWith(task_id, {prefix:String})",
        {"prefix": prefix},
    )
    found = {row[0]: Verdict(row[1], row[2], bool(row[3]), row[4], row[5]) for row in answer.rows}
    assert len(found) == len(answer.rows), "more than one row of a task"
    return found


def check(reader: Client, prefix: str, told: dict[str, str]) -> None:
    """``told``: task id -> title. Waits, since a worker is gone only when it has been silent for a while."""
    wrong: dict[str, tuple[Verdict | None, Verdict]] = {}

    def right() -> bool:
        found = verdicts(reader, prefix)
        wrong.clear()
        for task_id, title in told.items():
            wanted = expected(HISTORIES[title])
            if found.get(task_id) != wanted:
                wrong[title] = (found.get(task_id), wanted)
        return not wrong

    def listed() -> str:
        return "\n".join(
            f"{title}: found {found}, expected {wanted}" for title, (found, wanted) in wrong.items()
        )

    wait_until(right, "the expected states", timeout=10, context=listed)


@pytest.fixture(scope="module")
def told_once(store: Store) -> dict[str, str]:
    """Every history in the order it happened; title -> task id."""
    ids = {title: f"once-{number}-" for number, title in enumerate(HISTORIES)}
    tell(
        store,
        [record for title, one in ids.items() for record in Telling(HISTORIES[title], one, ns(0)).records()],
    )
    return ids


@pytest.mark.parametrize("title", HISTORIES)
def test_a_history_told_in_order(reader: Client, told_once: dict[str, str], title: str) -> None:
    check(reader, told_once[title], {told_once[title]: title})


def test_histories_shuffled_doubled_and_split(store: Store, reader: Client) -> None:
    dice = random.Random(SEED)
    print(f"HISTORIES_SEED={SEED}")
    titles = list(HISTORIES)
    told: dict[str, str] = {}
    records: list[Record] = []
    runs: set[tuple[str, str]] = set()
    for number in range(DERIVED):
        title = titles[number % len(titles)]
        task_id = f"many-{uuid.UUID(int=dice.getrandbits(128), version=4)}"
        told[task_id] = title
        telling = Telling(HISTORIES[title], task_id, ns(dice.uniform(0, SHIFT_S)))
        records += telling.records()
        runs |= telling.runs()
    records += dice.sample(records, len(records) // 2)
    dice.shuffle(records)
    while records:
        size = dice.randint(1, 1500)
        tell(store, records[:size])
        del records[:size]
    check(reader, "many-", told)

    rows = reader.ask(
        "SELECT task_id, execution_id FROM otel.celery_task_runs FINAL WHERE startsWith(task_id, 'many-')"
    ).rows
    assert len(rows) == len(runs), "one row per execution"
    assert {(row[0], row[1]) for row in rows} == runs


def test_no_wait_is_negative_and_skew_shows(reader: Client, told_once: dict[str, str]) -> None:
    second = 10**9
    waits = {
        title: (run.queue_wait_ns, run.queue_wait_raw_ns, run.prefetch_wait_ns)
        for title, task_id in told_once.items()
        for run in task_detail.executions(reader, task_id)[:1]
    }
    assert waits["succeeded"] == (2 * second, 2 * second, second)
    assert waits["worker's clock an hour ahead"] == (3602 * second, 3602 * second, second)
    assert waits["worker's clock an hour behind"] == (0, -3598 * second, second)
    low = reader.ask(
        "SELECT min(toInt64(queue_wait_ns)), min(toInt64(prefetch_wait_ns)), countIf(queue_wait_raw_ns < 0) "
        "FROM otel.celery_task_runs FINAL"
    ).only()
    assert min(low[0], low[1]) >= 0
    assert low[2] > 0, "the raw value is kept"
    of_tasks = reader.ask("SELECT min(toInt64(queue_wait_ns)) FROM otel.celery_tasks_latest").only()
    assert of_tasks[0] >= 0


def test_lost_tasks_are_found_by_filter_count_facet_and_page(
    reader: Client, told_once: dict[str, str]
) -> None:
    wanted = TaskFilter(states=("LOST",), search="once-")
    check(reader, "once-", {task_id: title for title, task_id in told_once.items()})
    lost = {told_once[title] for title, history in HISTORIES.items() if history.state == "LOST"}
    found = list_tasks(reader, wanted, limit=1000).rows
    assert {row.task_id for row in found} == lost
    assert task_span(reader, wanted).count == len(lost)
    facet = {value.value: value.count for value in overview.facets(reader, TaskFilter(search="once-")).states}
    assert facet[semconv.STATES[-1]] == len(lost)
    exported = [dict(zip(CSV_COLUMNS["tasks"], row, strict=True)) for row in csv_rows(reader, wanted)]
    assert {row["task_id"] for row in exported} == lost
    bars = overview.histogram(reader, TaskFilter(search="once-")).buckets
    assert sum(bar.count for bar in bars if bar.state == "LOST") == len(lost)
    task_id = told_once["worker started again under the same name"]
    (line,) = (row for row in exported if row["task_id"] == task_id)
    assert (line["reason"], line["is_error"], line["args"]) == ("worker gone", 1, "[1]")
    task = task_detail.find_task(reader, task_id)
    assert task is not None
    assert (task.state, task.reason, task.is_error, task.ended_at) == ("LOST", "worker gone", True, None)
    shown = {fact.label: fact.value for group in fact_groups(task, None) for fact in group.facts}
    assert (shown["State"], shown["Reason"]) == ("LOST", "worker gone")


def test_a_life_that_nobody_remembers_has_been_silent_since_the_start(store: Store, reader: Client) -> None:
    """Events are kept for a week; a task that began before and never ended is still in the log."""
    old = Telling(HISTORIES["started"], "forgotten-old", ns(-8 * 86_400))
    now = Telling(HISTORIES["started"], "forgotten-new", time.time_ns() + MINUTE_NS)
    tell(store, [*old.records(), *now.records()])
    assert {v.state for v in verdicts(reader, "forgotten-").values()} == {"STARTED"}
    admin = store.client("admin")
    for table in ("celery_task_events", "celery_worker_boots"):
        admin.command(f"DELETE FROM otel.{table} WHERE boot_id IN ({{old:String}}, {{now:String}})", parameters={
            "old": old.boot_id("a"), "now": now.boot_id("a")})  # fmt: skip
    found = verdicts(reader, "forgotten-")
    assert (found["forgotten-old"].state, found["forgotten-old"].reason) == ("LOST", "worker gone")
    assert found["forgotten-new"].state == "STARTED", "half a minute after its start has not come"


def test_silence_before_the_store_started_does_not_count(store: Store, reader: Client) -> None:
    telling = Telling(HISTORIES["started"], "restarted", ns(0))
    tell(store, telling.records())
    heard = (
        "SELECT is_alive, now() - heard_at > 80000 FROM otel.celery_worker_boots_latest "
        "WHERE boot_id = {boot:String}"
    )
    boot = {"boot": telling.boot_id("a")}
    store.client("admin").command(
        "ALTER TABLE otel.celery_worker_boots UPDATE heard_at = heard_at - INTERVAL 1 DAY "
        "WHERE boot_id = {boot:String} SETTINGS mutations_sync = 2",
        parameters=boot,
    )
    assert tuple(reader.ask(heard, boot).only()) == (1, 1), (
        "the store has not run for three of its heartbeats"
    )
    assert verdicts(reader, "restarted")["restarted"].state == "STARTED"
