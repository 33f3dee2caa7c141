"""Statistics by the day: they say what the hours say, or are not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otel_taskmon.queries.audit import Actor
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.overview_page import ask_overview
from otel_taskmon.queries.purging import LogSelection, purge_logs
from otel_taskmon.queries.report_model import ReportFilter
from otel_taskmon.queries.report_range import report_range
from otel_taskmon.queries.reports import ask_report
from otel_taskmon.queries.statistics import statistics
from tests.support.hourly_statistics import only_when_asked, refresh
from tests.support.store import Store, running_store

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BEGIN = TODAY - 6 * DAY
OVER = [BEGIN + number * DAY for number in range(5)]
"""The days that have been over for a day; yesterday has not."""
WANTED = ReportFilter(since=TODAY - 60 * DAY, until=TODAY)
TASKS = 6000
INSERT = """
INSERT INTO otel.celery_task_runs
    (first_published_at, task_id, execution_id, started_at, ended_at, duration_ns, queue_wait_ns, task_name, app, queue,
     worker, state, exc_type, is_error)
WITH toDateTime64({begin:UInt32}, 6, 'UTC') + toIntervalMicrosecond(number * {step_us:UInt64}) AS at,
    cityHash64(number, {salt:String}) AS dice
SELECT
    at, concat({salt:String}, toString(number)), concat({salt:String}, toString(number)), at, at,
    if(dice % 13 = 0, NULL, toNullable(dice % 5000000007)), toNullable(dice % 900000011),
    concat('do_', toString(dice % 7)), concat('app', toString(dice % 3)),
    concat('q', toString(dice % 2)), concat('w', toString(dice % 5)),
    ['SUCCESS', 'SUCCESS', 'SUCCESS', 'FAILURE', 'RETRY'][1 + dice % 5] AS its_state,
    if(its_state = 'SUCCESS', '', 'ValueError'), its_state = 'FAILURE'
FROM numbers({count:UInt64})
"""


def fill(admin: Client, *, begin: datetime, length: timedelta, count: int, salt: str) -> None:
    step_us = int(length.total_seconds() * 1e6) // count
    bound = {"begin": int(begin.timestamp()), "step_us": step_us, "count": count, "salt": salt}
    admin.run(INSERT, bound)


def days(client: Client) -> list[datetime]:
    """The days that a report of the long range takes as a whole."""
    asked = report_range(client, WANTED)
    assert asked.source == "hourly"
    return [datetime.fromtimestamp(day, UTC) for day in asked.by_day(client).days or ()]


def answers(client: Client, wanted: ReportFilter = WANTED) -> list[Any]:
    """What needs percentiles or many names, without the moment it was asked at."""
    keys = (
        "tasks_top_max_runtime",
        "apps_top_cum_runtime",
        "task_runs_by_state",
        "tasks_top_failed",
        "task_statistics",
    )
    reports = [ask_report(client, key, wanted) for key in keys]  # type: ignore[arg-type]  # of the tuple above
    page = statistics(client, wanted, sort="p95_ns", descending=True)
    overview = ask_overview(client, wanted)
    return [
        *((answer.rows, answer.based_on, answer.rows_total) for answer in reports),
        (page.rows, page.based_on),
        (
            overview.runs,
            overview.runtime_p95_ns,
            overview.wait_p95_ns,
            overview.failing.rows,
            overview.slowest.rows,
        ),
        (overview.queues, overview.workers, overview.throughput.rows),
    ]


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("days")) as running:
        yield running


@pytest.fixture
def admin(store: Store) -> Iterator[Client]:
    with connect(store.url, "admin", store.admin_password) as client:
        only_when_asked(client, "1h", "1d")
        fill(client, begin=BEGIN, length=6 * DAY, count=TASKS, salt="first")
        refresh(client, "1h")
        yield client


@pytest.fixture
def reader(store: Store, admin: Client) -> Iterator[Client]:
    with connect(store.url) as client:
        yield client


def runs(client: Client) -> int:
    return ask_report(client, "tasks_top_max_runtime", WANTED).based_on.count


def test_days_say_what_their_hours_say(reader: Client, admin: Client) -> None:
    narrow = replace(WANTED, apps=("app1",), queues=("q1",))
    by_worker = replace(WANTED, workers=("w1",))
    by_hour = [answers(reader, wanted) for wanted in (WANTED, narrow, by_worker)]
    assert days(reader) == []
    refresh(admin, "1d")
    assert days(reader) == OVER
    assert [answers(reader, wanted) for wanted in (WANTED, narrow, by_worker)] == by_hour
    assert runs(reader) == TASKS
    of_worker = reader.ask("SELECT count() FROM otel.celery_task_runs FINAL WHERE worker = 'w1'").only()[0]
    assert ask_report(reader, "tasks_top_max_runtime", by_worker).based_on.count == of_worker > 0
    asked = report_range(reader, by_worker)
    assert asked.by_day(reader).days == (), "a day knows nothing of workers"
    half = report_range(reader, replace(WANTED, since=WANTED.since, until=OVER[3] + timedelta(hours=13)))
    assert [datetime.fromtimestamp(day, UTC) for day in half.by_day(reader).days or ()] == OVER[:3]


def late(admin: Client) -> None:
    """Executions of the third day that come in a week later."""
    fill(admin, begin=OVER[2] + timedelta(hours=3), length=timedelta(hours=2), count=500, salt="late")
    refresh(admin, "1h")


def half_there(admin: Client) -> None:
    """A computation of which only a part came in."""
    admin.run(
        "DELETE FROM otel.celery_task_stats_1d WHERE day = {day:DateTime('UTC')} AND task_name = 'do_3'",
        {"day": OVER[2]},
    )


def first_hour_gone(admin: Client) -> None:
    """An hour that its TTL took, and the day not yet."""
    admin.run("DELETE FROM otel.celery_task_stats_1h WHERE hour = {hour:DateTime('UTC')}", {"hour": OVER[2]})


@pytest.mark.parametrize(
    ("change", "count"),
    [(late, TASKS + 500), (half_there, TASKS), (first_hour_gone, None)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_day_that_says_something_else_is_read_by_the_hour_until_it_is_computed_again(
    reader: Client, admin: Client, change: Callable[[Client], None], count: int | None
) -> None:
    refresh(admin, "1d")
    change(admin)
    # hours that got rows in the last half hour are all computed again with it
    assert OVER[2] not in days(reader)
    by_hour = answers(reader)
    found = runs(reader)
    assert found == count or (count is None and TASKS - 100 < found < TASKS)
    refresh(admin, "1d")
    assert days(reader) == OVER
    assert answers(reader) == by_hour


def test_a_group_that_is_gone_from_the_hours_goes_to_zero(reader: Client, admin: Client) -> None:
    refresh(admin, "1d")
    admin.run("DELETE FROM otel.celery_task_stats_1h WHERE task_name = 'do_3'")
    late(admin)
    refresh(admin, "1d")
    assert OVER[2] in days(reader)
    left = admin.ask(
        "SELECT task_name, sum(runs) FROM otel.celery_task_stats_1d FINAL "
        "WHERE day = {day:DateTime('UTC')} GROUP BY task_name HAVING sum(runs) > 0",
        {"day": OVER[2]},
    ).rows
    by_hour = admin.ask(
        "SELECT task_name, sum(runs) FROM otel.celery_task_stats_1h FINAL "
        "WHERE toStartOfDay(hour) = {day:DateTime('UTC')} GROUP BY task_name HAVING sum(runs) > 0",
        {"day": OVER[2]},
    ).rows
    assert sorted(map(tuple, left)) == sorted(map(tuple, by_hour))


def test_a_purge_leaves_nothing_in_the_days(reader: Client, admin: Client) -> None:
    refresh(admin, "1d")
    purge_logs(admin, LogSelection(names=("do_3",)), Actor("somebody", "admin"))
    names = {row.label for row in ask_report(reader, "tasks_top_runs", WANTED).rows}
    assert names == {f"do_{number}" for number in range(7)} - {"do_3"}
    left = "SELECT count() FROM otel.celery_task_stats_1d WHERE task_name = 'do_3' AND runs > 0"
    assert admin.ask(left).only()[0] == 0
    by_hour = answers(reader)
    refresh(admin, "1d")
    assert admin.ask(left).only()[0] == 0
    assert days(reader) == OVER
    assert answers(reader) == by_hour
