"""The statistics against a plain computation over the rows of the table: every column, every order, every page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.report_model import ReportFilter, StatisticsColumn, StatisticsPage, StatisticsRow
from otel_taskmon.queries.reports import ask_report
from otel_taskmon.queries.statistics import COLUMNS, Counted, drill_down, statistics, statistics_rows
from otel_taskmon.queries.tasks import list_executions, task_span
from tests.support.made_executions import BEGIN, END, HOSTILE, Made, Row, exported, inject, make, percentile
from tests.support.store import Store, running_store
from tests.support.stored_tasks import at, event, insert, ns

pytestmark = pytest.mark.integration

MADE = make(1200, seed=11)
ALL = ReportFilter(since=BEGIN - timedelta(hours=1), until=END + timedelta(hours=2))
LONG_AGO = datetime.now(UTC) - timedelta(days=12)
MANY = 10_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("statistics")) as running:
        inject(running, MADE)
        inject(running, many_names(), batch=5000)
        writer = running.client("ingest", autogenerate_session_id=False)
        insert(writer, [event("started", f"gone-{n}", at=n, received=n - 1, first=n - 2) for n in (4, 5, 6)])
        yield running


@pytest.fixture(scope="module")
def table(reader: Client) -> list[Row]:
    return exported(reader, TaskFilter(ran_since=ALL.since, ran_until=ALL.until))


def many_names() -> list[Made]:
    first_ns = int(LONG_AGO.timestamp()) * 10**9
    return [
        Made(
            f"many-{n}", 0, f"many.do{n}", f"many{n % 50}", "q", "celery@a", "SUCCESS", "", failed=False,
            first_ns=first_ns + n * 1000, published_ns=first_ns + n * 1000, started_ns=first_ns + n * 1000,
            runtime_ns=n * 1000,
        )
        for n in range(MANY)
    ]  # fmt: skip


def plain(rows: Sequence[Row]) -> list[StatisticsRow]:
    """The statistics of these executions, by loops; lost tasks and trends are left out."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["task_name"], row["app"]].append(row)
    everything = sum(row["duration_ns"] or 0 for row in rows)
    found = []
    for (name, app), its_rows in groups.items():
        runtimes = [row["duration_ns"] for row in its_rows if row["duration_ns"] is not None]
        waits = [row["queue_wait_ns"] for row in its_rows if row["queue_wait_ns"] is not None]
        failed, retried = (
            sum(row["is_error"] for row in its_rows),
            sum(r["state"] == "RETRY" for r in its_rows),
        )
        found.append(
            StatisticsRow(
                task_name=name,
                app=app,
                runs=len(its_rows),
                succeeded=sum(row["state"] == "SUCCESS" for row in its_rows),
                failed=failed,
                retried=retried,
                never_started=len(its_rows) - len(runtimes),
                lost=0,
                failure_rate=failed / len(its_rows),
                retry_rate=retried / len(its_rows),
                min_ns=min(runtimes, default=None),
                avg_ns=sum(runtimes) / len(runtimes) if runtimes else None,
                max_ns=max(runtimes, default=None),
                total_ns=sum(runtimes),
                p50_ns=percentile(runtimes, 0.5),
                p95_ns=percentile(runtimes, 0.95),
                p99_ns=percentile(runtimes, 0.99),
                wait_p95_ns=percentile(waits, 0.95),
                runtime_share=sum(runtimes) / everything,
            )
        )
    return found


def same(found: Sequence[StatisticsRow], expected: Sequence[StatisticsRow]) -> None:
    assert [(row.task_name, row.app) for row in found] == [(row.task_name, row.app) for row in expected]
    for row, other in zip(found, expected, strict=True):
        for column in COLUMNS:
            if column != "lost":
                value, wanted = getattr(row, column), getattr(other, column)
                exact = not isinstance(wanted, float)
                assert value == (wanted if exact else pytest.approx(wanted, rel=1e-12)), column


def ordered(
    rows: Sequence[StatisticsRow], column: str = "task_name", *, descending: bool = False
) -> list[StatisticsRow]:
    by_name = sorted(rows, key=lambda row: (row.task_name, row.app))
    have = [row for row in by_name if getattr(row, column) is not None]
    without = [row for row in by_name if getattr(row, column) is None]
    return sorted(have, key=lambda row: getattr(row, column), reverse=descending) + without


def in_order(found: Sequence[StatisticsRow], column: str, *, descending: bool) -> None:
    """As ``ordered``, which gives equals in the order of their names only when it does not reverse them."""
    values = [getattr(row, column) for row in found]
    assert values == [getattr(row, column) for row in ordered(found, column, descending=descending)]


def test_columns_are_those_of_the_row() -> None:
    assert get_args(StatisticsColumn) == COLUMNS
    assert set(COLUMNS) == set(StatisticsRow.__dataclass_fields__) - {"trend"}


def test_every_number(reader: Client, table: list[Row]) -> None:
    page = statistics(reader, ALL, limit=1000)
    same([row for row in page.rows if row.runs], ordered(plain(table)))
    assert page.based_on.count == len(table)
    assert page.based_on.oldest == min(row["started_at"] for row in table)
    assert page.based_on.newest == max(row["started_at"] for row in table)
    assert (page.source, page.off) == ("executions", ())
    never = next(row for row in page.rows if row.task_name == "never.starts")
    assert never.never_started > 0
    assert any(row.task_name == HOSTILE for row in page.rows)
    assert {row.app for row in page.rows if row.task_name == "shared.name"} == {"app2", "app3"}


def test_a_task_that_never_starts_is_a_row_like_others(store: Store, reader: Client) -> None:
    revoked = next(made for made in MADE if made.name == "never.starts" and made.state == "REVOKED")
    started_ns = int((END + timedelta(hours=2.5)).timestamp()) * 10**9
    inject(
        store,
        [replace(revoked, task_id="only", name="only.revoked", first_ns=started_ns, started_ns=started_ns)]
        * 2,
    )
    page = statistics(reader, ReportFilter(END + timedelta(hours=2), END + timedelta(hours=3)))
    (row,) = page.rows
    assert (row.task_name, row.runs, row.never_started, row.total_ns) == ("only.revoked", 1, 1, 0)
    assert row.min_ns is row.avg_ns is row.max_ns is row.p50_ns is row.p99_ns is row.wait_p95_ns is None
    assert row.runtime_share is None


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
def test_sorted_by_each_column(reader: Client, column: StatisticsColumn, descending: bool) -> None:
    found = list(statistics_rows(reader, ALL, sort=column, descending=descending))
    assert len(found) > 50
    in_order(found, column, descending=descending)


@pytest.mark.parametrize("column", ["app", "failed", "wait_p95_ns"])
def test_pages_follow_each_other(reader: Client, column: StatisticsColumn) -> None:
    found: list[StatisticsRow] = []
    for offset in range(0, 1000, 23):
        page = statistics(reader, ALL, sort=column, descending=True, limit=23, offset=offset)
        found += page.rows
        if not page.rows:
            assert page.rows_total == len(found)
            break
    streamed = list(statistics_rows(reader, ALL, sort=column, descending=True))
    assert [replace(row, trend=()) for row in found] == streamed


@pytest.mark.parametrize(
    "wanted",
    [
        ReportFilter(BEGIN + timedelta(hours=3.3), BEGIN + timedelta(hours=33.3)),
        replace(ALL, apps=("", "app3")),
        replace(ALL, queues=("q2",), workers=("celery@b",)),
    ],
)
def test_filters_and_search(reader: Client, table: list[Row], wanted: ReportFilter) -> None:
    assert wanted.since
    assert wanted.until
    rows = [
        row
        for row in table
        if wanted.since <= row["started_at"] < wanted.until
        and (not wanted.apps or row["app"] in wanted.apps)
        and (not wanted.queues or row["queue"] in wanted.queues)
        and (not wanted.workers or row["worker"] in wanted.workers)
    ]
    found = statistics(reader, wanted, limit=1000, sort="runs").rows
    same(
        sorted((r for r in found if r.runs), key=lambda r: (r.task_name, r.app)),
        ordered(plain(rows)),
    )
    searched = statistics(reader, wanted, search=" TASKS.DO1 ", limit=1000)
    matching = [row for row in rows if "tasks.do1" in row["task_name"]]
    same(searched.rows, ordered(plain(matching)))
    assert statistics(reader, wanted, search="%' OR 1").rows == ()


def test_each_count_leads_to_as_many_rows_of_the_log(reader: Client) -> None:
    page = statistics(reader, replace(ALL, queues=("q1", "q2")), sort="runs", descending=True, limit=6)
    seen = set()
    for row in page.rows:
        for what in get_args(Counted):
            view = drill_down(page, row, what)
            assert task_span(reader, view.filter, per=view.per).count == getattr(row, what), what
            seen |= {what} if getattr(row, what) else set()
    assert seen == set(get_args(Counted))
    slowest = drill_down(page, page.rows[0], "runtime")
    first = list_executions(reader, slowest.filter, sort=slowest.sort, limit=1).rows[0]
    assert first.duration_ns == page.rows[0].max_ns


def test_tasks_whose_worker_is_gone_are_counted_as_lost(reader: Client) -> None:
    page = statistics(reader, ReportFilter(at(0), at(100)), search="shop.do")
    (row,) = page.rows
    assert (row.task_name, row.runs, row.lost, row.failure_rate, row.avg_ns) == ("shop.do", 0, 3, None, None)
    view = drill_down(page, row, "lost")
    assert task_span(reader, view.filter, per=view.per).count == 3
    assert ns(4) > 0


def test_the_trend_adds_up(reader: Client, table: list[Row]) -> None:
    page = statistics(reader, ALL, limit=1000)
    width = page.bucket_seconds
    begin = int(page.trend_since.timestamp())
    assert begin % width == 0
    for row in page.rows:
        assert sum(row.trend) == row.runs
        counts = [0] * len(row.trend)
        for each in table:
            if (each["task_name"], each["app"]) == (row.task_name, row.app):
                counts[(int(each["started_at"].timestamp()) - begin) // width] += 1
        assert list(row.trend) == counts


def test_ten_thousand_names(reader: Client) -> None:
    wanted = ReportFilter(LONG_AGO - timedelta(hours=1), LONG_AGO + timedelta(hours=1))
    page = statistics(reader, wanted, sort="total_ns", descending=True, limit=50, offset=100)
    assert (page.rows_total, page.based_on.count) == (MANY, MANY)
    assert [row.total_ns for row in page.rows] == [(MANY - 101 - n) * 1000 for n in range(50)]
    assert sum(1 for _ in statistics_rows(reader, wanted)) == MANY
    dots = ask_report(reader, "task_statistics", wanted)
    assert len(dots.rows) == dots.rows_total == MANY
    top = ask_report(reader, "tasks_top_max_runtime", wanted, top=3)
    assert ([row.value for row in top.rows], top.rows_total) == ([9_999_000, 9_998_000, 9_997_000], MANY)
    apps = ask_report(reader, "task_runs_by_app", wanted)
    assert (len(apps.members), apps.rows[-1].count) == (36, 36 * 200)


@pytest.mark.parametrize(
    "wanted", [ReportFilter(END, BEGIN), ReportFilter(BEGIN - timedelta(days=3), BEGIN - timedelta(days=2))]
)
def test_empty_and_reversed_ranges_hold_nothing(reader: Client, wanted: ReportFilter) -> None:
    page: StatisticsPage = statistics(reader, wanted, offset=10)
    assert (page.rows, page.rows_total, page.based_on.count) == ((), 0, 0)
    assert list(statistics_rows(reader, wanted)) == []


@pytest.mark.parametrize("given", [{"limit": 0}, {"offset": -1}, {"sort": "runs; DROP"}])
def test_what_cannot_be_asked_is_refused(reader: Client, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least|no column"):
        statistics(reader, ALL, **given)
