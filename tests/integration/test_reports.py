"""Each report against a plain computation over the rows of the table, and each of its numbers against the log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from otel_taskmon.queries import reports
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.report_catalogue import REPORTS, grouped
from otel_taskmon.queries.report_model import (
    OTHERS,
    PARTS_SHOWN,
    ReportAnswer,
    ReportFilter,
    ReportKey,
    ReportRow,
    drill_down,
)
from otel_taskmon.queries.tasks import list_executions, task_span
from tests.support.made_executions import BEGIN, END, HOSTILE, Row, exported, inject, make, percentile
from tests.support.store import Store, running_store

pytestmark = pytest.mark.integration

MADE = make(1500)
ALL = ReportFilter(since=BEGIN - timedelta(hours=1), until=END + timedelta(hours=2))
FILTERS: dict[str, ReportFilter] = {
    "everything": ALL,
    "an odd range": ReportFilter(
        since=BEGIN + timedelta(hours=7, seconds=11.000003), until=BEGIN + timedelta(hours=55.1234567)
    ),
    "the unnamed app": ReportFilter(ALL.since, ALL.until, apps=("",)),
    "queues and a worker": ReportFilter(
        ALL.since, ALL.until, queues=("q1", "<i>q3</i>"), workers=("celery@a",)
    ),
}
Fits = Callable[[Row], bool]
POPULATION: dict[ReportKey, Fits] = {
    "tasks_throughput": lambda r: r["state"] == "SUCCESS",
    "tasks_throughput_by_app": lambda r: r["state"] == "SUCCESS",
    "apps_top_cum_runtime": lambda r: r["duration_ns"] is not None,
    "tasks_top_max_runtime": lambda r: r["duration_ns"] is not None,
    "tasks_top_avg_runtime": lambda r: r["duration_ns"] is not None,
    "tasks_top_cum_runtime": lambda r: r["duration_ns"] is not None,
    "task_statistics": lambda r: r["duration_ns"] is not None,
    "tasks_top_failed": lambda r: r["is_error"],
    "app_failures_over_time": lambda r: r["is_error"],
    "tasks_top_retried": lambda r: r["state"] == "RETRY",
    "exceptions_throughput": lambda r: r["exc_type"] not in ("", "celery.exceptions.Retry"),
}


def any_row(_row: Row) -> bool:
    return True


LABEL = {"state": "state", "app": "app", "task": "task_name", "exception": "exc_type"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("reports")) as running:
        inject(running, MADE)
        yield running


@pytest.fixture(scope="module")
def table(reader: Client) -> list[Row]:
    return exported(reader)


def fitting(table: Sequence[Row], wanted: ReportFilter) -> list[Row]:
    """The rows of a filter, by a loop."""
    assert wanted.since
    assert wanted.until
    return [
        row
        for row in table
        if wanted.since <= row["started_at"] < wanted.until
        and (not wanted.apps or row["app"] in wanted.apps)
        and (not wanted.queues or row["queue"] in wanted.queues)
        and (not wanted.workers or row["worker"] in wanted.workers)
    ]


def found_in_log(client: Client, answer: ReportAnswer, row: ReportRow) -> int:
    view = drill_down(answer, row)
    assert view.per == "executions"
    return task_span(client, view.filter, per="executions").count


def test_the_table_has_what_was_made_once(table: list[Row]) -> None:
    assert len(table) == len(MADE) > 2000
    by_id = {row["execution_id"]: row for row in table}
    for made in MADE:
        row = by_id[made.execution_id]
        assert (row["task_name"], row["app"], row["state"], row["exc_type"], row["duration_ns"]) == (
            made.name, made.app, made.state, made.exc_type, made.runtime_ns,
        )  # fmt: skip
        assert bool(row["is_error"]) == made.failed
        assert row["queue_wait_ns"] == (
            None if made.runtime_ns is None else made.started_ns - made.published_ns
        )


def test_the_catalogue_has_all_reports_in_their_groups() -> None:
    assert set(REPORTS) == set(get_args(ReportKey))
    assert [(group, len(each)) for group, each in grouped().items()] == [
        ("Overview", 3), ("Top Apps", 2), ("Top Tasks", 6), ("Over time", 5), ("Task analysis", 1),
    ]  # fmt: skip
    assert REPORTS["tasks_top_runs"].title(7) == "Top 7 tasks by runs"


def expected_value(key: ReportKey, runtimes: Sequence[int], count: int) -> float:
    if key.endswith("max_runtime"):
        return max(runtimes)
    if key.endswith("cum_runtime"):
        return sum(runtimes)
    return sum(runtimes) / len(runtimes) if key in ("tasks_top_avg_runtime", "task_statistics") else count


@pytest.mark.parametrize("case", FILTERS)
@pytest.mark.parametrize(
    "key", [key for key, r in REPORTS.items() if r.kind in ("parts", "ranking", "scatter")]
)
def test_rows_of_names(reader: Client, table: list[Row], key: ReportKey, case: str) -> None:
    rows = fitting(table, FILTERS[case])
    report = REPORTS[key]
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for row in filter(POPULATION.get(key, any_row), rows):
        groups[row[LABEL[report.dimension]], row["app"] if report.kind == "scatter" else None].append(row)
    expected = []
    for (label, app), its_rows in groups.items():
        runtimes = [row["duration_ns"] for row in its_rows if row["duration_ns"] is not None]
        expected.append((expected_value(key, runtimes, len(its_rows)), label, app, len(its_rows), runtimes))
    expected.sort(key=lambda each: (-each[0], each[1], each[2] or ""))

    answer = reports.ask_report(reader, key, FILTERS[case], top=9)
    assert answer.based_on.count == len(rows)
    assert answer.based_on.oldest == min(row["started_at"] for row in rows)
    assert answer.based_on.newest == max(row["started_at"] for row in rows)
    assert answer.rows_total == len(expected) > 0
    assert (answer.source, answer.off) == ("executions", ())
    named = [row for row in answer.rows if not row.others] + list(answer.members)
    if report.has_top:
        expected = expected[:9]
    assert [(r.label, r.app, r.count) for r in named] == [(e[1], e[2], e[3]) for e in expected]
    for shown, (value, _, _, count, runtimes) in zip(named, expected, strict=True):
        assert shown.value == pytest.approx(value, rel=1e-12)
        assert (shown.runtimes is not None) == report.ran
        if shown.runtimes:
            assert (shown.runtimes.count, shown.runtimes.min_ns, shown.runtimes.max_ns, shown.runtimes.total_ns) == (
                count, min(runtimes), max(runtimes), sum(runtimes),
            )  # fmt: skip
            assert (shown.runtimes.p50_ns, shown.runtimes.p95_ns, shown.runtimes.p99_ns) == tuple(
                percentile(runtimes, level) for level in (0.5, 0.95, 0.99)
            )
    if report.kind == "parts":
        assert sum(part.share or 0 for part in answer.rows) == pytest.approx(1)
        assert sum(part.count for part in answer.rows) == len(rows)
    for each in (*answer.rows, *answer.members)[: 25 if case == "everything" else 3]:
        assert found_in_log(reader, answer, each) == each.count > 0


def test_more_apps_than_slices_become_others_that_open(reader: Client) -> None:
    answer = reports.ask_report(reader, "task_runs_by_app", ALL)
    assert len(answer.rows) == PARTS_SHOWN + 1
    others = answer.rows[-1]
    assert (others.label, others.others) == (OTHERS, True)
    assert others.count == sum(member.count for member in answer.members)
    assert len(answer.members) == answer.rows_total - PARTS_SHOWN > 1
    assert not {row.label for row in answer.rows} & {member.label for member in answer.members}


@pytest.mark.parametrize("case", FILTERS)
@pytest.mark.parametrize(
    "key", [k for k, r in REPORTS.items() if r.kind == "series" and r.dimension != "queue"]
)
def test_rows_over_time(reader: Client, table: list[Row], key: ReportKey, case: str) -> None:
    wanted = FILTERS[case]
    rows = fitting(table, wanted)
    chosen = [row for row in rows if POPULATION.get(key, any_row)(row)]
    label = LABEL[REPORTS[key].dimension]
    answer = reports.ask_report(reader, key, wanted, buckets=20)
    seconds = answer.bucket_seconds
    assert seconds in (10_800, 21_600)
    assert answer.based_on.count == len(rows)

    def bucket(row: Row) -> int:
        return int(row["started_at"].timestamp()) // seconds

    totals = Counter(row[label] for row in chosen)
    order = sorted(totals, key=lambda name: (-totals[name], name))
    shown, rest = order[:PARTS_SHOWN], order[PARTS_SHOWN:]
    assert list(answer.labels) == shown + ([OTHERS] if rest else [])
    assert [(m.label, m.count) for m in answer.members] == [(name, totals[name]) for name in rest]
    counts = Counter((OTHERS if row[label] in rest else row[label], bucket(row)) for row in chosen)
    in_bucket = Counter(bucket(row) for row in chosen)
    assert wanted.since
    assert wanted.until
    last = wanted.until - timedelta(microseconds=1)
    numbers = range(int(wanted.since.timestamp()) // seconds, int(last.timestamp()) // seconds + 1)
    assert len(answer.rows) == len(numbers) * len(answer.labels) > 0
    for point in answer.rows:
        assert point.start
        assert point.end == point.start + timedelta(seconds=seconds)
        number = int(point.start.timestamp()) // seconds
        assert number in numbers
        assert point.value == point.count == counts[point.label, number]
        assert (point.share or 0) == pytest.approx(point.count / max(in_bucket[number], 1))
    step = len(answer.rows) // (12 if case == "everything" else 3)
    for each in (*answer.rows[::step], *(row for row in answer.rows[::7] if row.others), *answer.members):
        assert found_in_log(reader, answer, each) == each.count


@pytest.mark.parametrize("case", FILTERS)
def test_throughput_counts_the_empty_minutes_too(reader: Client, table: list[Row], case: str) -> None:
    wanted = FILTERS[case]
    assert wanted.since
    assert wanted.until
    rows = [row for row in fitting(table, wanted) if row["state"] == "SUCCESS"]
    answer = reports.ask_report(reader, "tasks_throughput", wanted)
    assert [row.label for row in answer.rows] == [
        "last 1 h", "last 3 h", "last 6 h", "last 12 h", "last 24 h", "overall", "peak",
    ]  # fmt: skip
    for each, hours in zip(answer.rows, (1, 3, 6, 12, 24), strict=False):
        count = sum(r["started_at"] >= wanted.until - timedelta(hours=hours) for r in rows)
        assert each.count == count
        assert each.value == pytest.approx(count / (hours * 60))
    overall, peak = answer.rows[5:]
    minutes = (wanted.until - wanted.since) / timedelta(minutes=1)
    assert overall.count == len(rows)
    assert overall.value == pytest.approx(len(rows) / minutes)
    per_minute = Counter(row["started_at"].replace(second=0, microsecond=0) for row in rows)
    assert peak.count == peak.value == max(per_minute.values())
    assert peak.start in [minute for minute, count in per_minute.items() if count == peak.count]
    for each in answer.rows:
        assert found_in_log(reader, answer, each) == each.count


def test_a_window_longer_than_the_range_is_left_out(reader: Client) -> None:
    short = ReportFilter(since=END - timedelta(hours=5), until=END)
    answer = reports.ask_report(reader, "tasks_throughput", short)
    assert [row.label for row in answer.rows] == ["last 1 h", "last 3 h", "overall", "peak"]


@pytest.mark.parametrize("key", REPORTS)
def test_empty_and_reversed_ranges_hold_nothing(reader: Client, key: ReportKey) -> None:
    empty = ReportFilter(BEGIN - timedelta(days=9), BEGIN - timedelta(days=8))
    backwards = ReportFilter(END, BEGIN)
    nobody = ReportFilter(ALL.since, ALL.until, apps=("' OR 1 --",))
    for wanted in (empty, backwards, nobody, ReportFilter(BEGIN, BEGIN)):
        answer = reports.ask_report(reader, key, wanted)
        assert answer.rows == answer.members == ()
        assert answer.based_on.count == 0
        assert answer.based_on.oldest is answer.based_on.newest is None


def test_no_bounds_is_all_that_is_kept(reader: Client, table: list[Row]) -> None:
    answer = reports.ask_report(reader, "task_runs_by_state", ReportFilter())
    past = [row for row in table if row["started_at"] < answer.as_of]
    assert answer.based_on.count == len(past)
    assert answer.wanted.since == min(row["started_at"] for row in past)
    assert answer.wanted.until == answer.as_of


def test_runtime_reports_lead_to_the_longest_first(reader: Client) -> None:
    answer = reports.ask_report(reader, "tasks_top_max_runtime", ALL)
    view = drill_down(answer, answer.rows[0])
    assert view.sort == "runtime"
    first = list_executions(reader, view.filter, sort=view.sort, limit=1).rows[0]
    assert first.duration_ns == answer.rows[0].value


def test_names_that_are_markup_are_names(reader: Client) -> None:
    answer = reports.ask_report(reader, "tasks_top_runs", ALL, top=1000)
    (row,) = (row for row in answer.rows if row.label == HOSTILE)
    assert found_in_log(reader, answer, row) == row.count == sum(made.name == HOSTILE for made in MADE)


def test_widths_can_be_said_and_fit_the_range(reader: Client) -> None:
    def width(length: timedelta) -> Any:
        wanted = ReportFilter(END - length, END)
        return reports.ask_report(reader, "tasks_throughput_by_state", wanted).bucket_seconds

    lengths = (timedelta(hours=1), timedelta(hours=7.5), timedelta(days=1), timedelta(days=29))
    assert [width(length) for length in lengths] == [60, 300, 1800, 43_200]


@pytest.mark.parametrize("top", [0, -1])
def test_a_top_that_is_none_is_refused(reader: Client, top: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        reports.ask_report(reader, "tasks_top_runs", ALL, top=top)


def test_the_log_filtered_by_what_ran(reader: Client, table: list[Row]) -> None:
    """The filters that only drill-downs set, alone and with the others."""
    since, until = BEGIN + timedelta(hours=5), BEGIN + timedelta(hours=40)

    def count(wanted: TaskFilter) -> int:
        listed = list_executions(reader, wanted, limit=5000).rows
        found = exported(reader, wanted)
        assert {row.execution_id for row in listed} == {row["execution_id"] for row in found}
        assert len(listed) == len(found) == task_span(reader, wanted, per="executions").count
        return len(listed)

    def rows(fits: Callable[[Row, datetime], bool]) -> int:
        return sum(fits(row, row["started_at"]) for row in table)

    assert count(TaskFilter(ran_since=since)) == rows(lambda r, at: at >= since)
    assert count(TaskFilter(ran_until=until)) == rows(lambda r, at: at < until)
    assert count(TaskFilter(ran=False, search="never")) == rows(
        lambda r, at: r["duration_ns"] is None and "never" in r["task_name"]
    )
    assert count(TaskFilter(ran_since=since, ran_until=until, failed=True, apps=("",))) == rows(
        lambda r, at: since <= at < until and r["is_error"] and r["app"] == ""
    )
    newest = {(row["task_id"]): row for row in sorted(table, key=lambda r: r["retries"])}
    tasks = TaskFilter(ran_since=since, ran_until=until, failed=True)
    assert task_span(reader, tasks).count == sum(
        since <= row["started_at"] < until and row["is_error"]
        for row in newest.values()
        if row["duration_ns"] is not None
    )
