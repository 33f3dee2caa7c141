"""Statistics by the hour where an execution leaves an hour that nothing new comes into."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.report_model import ReportFilter
from otel_taskmon.queries.report_range import report_range
from otel_taskmon.queries.reports import ask_report
from otel_taskmon.queries.statistics import statistics
from tests.support.hourly_statistics import only_when_asked, refresh
from tests.support.store import Store, running_store
from tests.support.stored_tasks import EPOCH, Record, insert, run

pytestmark = pytest.mark.integration

HOUR = 3600.0
COUNTED = """
SELECT dateDiff('hour', {epoch:DateTime('UTC')}, hour) AS number, sum(runs), sum(errors), sum(duration_sum_ns)
FROM otel.celery_task_stats_1h FINAL GROUP BY hour HAVING sum(runs) > 0 ORDER BY hour
"""
PLAIN = """
SELECT dateDiff('hour', {epoch:DateTime('UTC')}, toStartOfHour(toDateTime(started_at, 'UTC'))) AS number, count(),
    sum(is_error), sum(ifNull(duration_ns, 0))
FROM otel.celery_task_runs FINAL GROUP BY number ORDER BY number
"""


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("hours")) as running:
        yield running


@pytest.fixture
def admin(store: Store) -> Iterator[Client]:
    with connect(store.url, "admin", store.admin_password) as client:
        only_when_asked(client, "1h")
        yield client


def told(store: Store, *records: Record) -> None:
    insert(store.client("ingest", autogenerate_session_id=False), records)


def computed(admin: Client) -> list[tuple[int, ...]]:
    refresh(admin, "1h")
    return said(admin, COUNTED)


def said(client: Client, question: str) -> list[tuple[int, ...]]:
    return [tuple(row) for row in client.ask(question, {"epoch": EPOCH}).rows]


def long_ago(admin: Client) -> None:
    """As if the statistics had been computed hours ago: an hour is computed for half an hour after its last row."""
    when = datetime.now(UTC) - timedelta(hours=5)
    for table, column, key in (
        ("celery_task_stats_1h", "computed_at", "hour"),
        ("celery_task_runs", "ingested_at", "first_published_at"),
    ):
        admin.run(
            f"INSERT INTO otel.{table} SELECT * REPLACE ({{when:DateTime64(6, 'UTC')}} AS {column}) "
            f"FROM otel.{table} FINAL ORDER BY {key}",
            {"when": when},
        )
        admin.run(f"ALTER TABLE otel.{table} DELETE WHERE {column} > {{when:DateTime64(6, 'UTC')}} "
                  "SETTINGS mutations_sync = 2", {"when": when})  # fmt: skip


def test_a_group_that_lost_its_executions_is_no_row_of_any_report(store: Store, admin: Client) -> None:
    hour = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=40)
    admin.run(
        "INSERT INTO otel.celery_task_stats_1h (hour, task_name, app, queue, worker, state, runs) VALUES "
        "({hour:DateTime('UTC')}, 'gone.do', 'gone', 'q', 'w', 'SUCCESS', 0), "
        "({hour:DateTime('UTC')}, 'there.do', 'there', 'q', 'w', 'SUCCESS', 0), "
        "({hour:DateTime('UTC')} + INTERVAL 1 HOUR, 'there.do', 'there', 'q', 'w', 'SUCCESS', 2)",
        {"hour": hour},
    )
    wanted = ReportFilter(since=hour - timedelta(days=1))
    page = statistics(admin, wanted)
    assert [(row.task_name, row.runs) for row in page.rows] == [("there.do", 2)]
    assert (page.rows_total, page.based_on.oldest) == (1, hour + timedelta(hours=1))
    by_worker = statistics(admin, ReportFilter(since=wanted.since, workers=("w",)))
    assert by_worker.rows == page.rows
    over_time = ask_report(admin, "tasks_throughput_by_app", wanted)
    assert over_time.based_on == page.based_on
    assert {row.label for row in over_time.rows} == {"there"}
    admin.run("SYSTEM REFRESH VIEW otel.celery_task_stats_1d_mv")
    admin.run("SYSTEM WAIT VIEW otel.celery_task_stats_1d_mv")
    assert report_range(admin, wanted).by_day(admin).days, "the day is not taken as a whole"
    of_days = statistics(admin, wanted)
    assert (of_days.rows, of_days.based_on) == (page.rows, page.based_on)


@pytest.mark.parametrize("merged", [False, True])
def test_an_execution_that_moves_to_the_next_hour_is_counted_once(
    store: Store, admin: Client, merged: bool
) -> None:
    edge, first = HOUR - 0.1, HOUR - 30
    told(
        store,
        run("moves", "SUCCESS", started=edge, ended=HOUR + 5, received=first, first=first),
        run("stays", "SUCCESS", started=HOUR - 20, ended=HOUR - 10, received=first, first=first),
        run("late", "SUCCESS", started=2 * HOUR + 60, ended=4 * HOUR + 1, received=first, first=first),
    )
    assert computed(admin) == [(0, 2, 0, 15_100_000_000), (2, 1, 0, 7_141_000_000_000)]
    long_ago(admin)
    assert computed(admin) == [(0, 2, 0, 15_100_000_000), (2, 1, 0, 7_141_000_000_000)]
    told(
        store,
        run("moves", "LOST", started=HOUR + 0.1, ended=HOUR + 6, received=first, first=first, main=True),
        run("late", "REVOKED", started=None, ended=4 * HOUR + 2, received=first, first=first, main=True),
    )
    if merged:
        admin.run("OPTIMIZE TABLE otel.celery_task_runs FINAL")
    assert computed(admin) == [(0, 1, 0, 10_000_000_000), (1, 1, 1, 5_900_000_000), (4, 1, 0, 0)]
    assert said(admin, PLAIN) == said(admin, COUNTED)


def test_hours_whose_executions_are_gone_stay_as_they_were(store: Store, admin: Client) -> None:
    """Kept longer from now on, they look as if they had lost all of them."""
    told(store, run("gone", "SUCCESS", started=HOUR + 60, ended=HOUR + 61, received=HOUR, first=HOUR))
    before = computed(admin)
    long_ago(admin)
    admin.run("TRUNCATE TABLE otel.celery_task_runs")
    told(store, run("other", "LOST", started=5 * HOUR + 1, ended=5 * HOUR + 2, received=5 * HOUR, main=True))
    assert computed(admin)[: len(before)] == before
