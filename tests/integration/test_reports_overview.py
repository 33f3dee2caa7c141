"""The first page, queue lengths, and what the hourly statistics still know, against plain computations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from clickhouse_connect.driver.client import Client as Driver

from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.overview_page import Figure, ask_overview, drill_down
from otel_taskmon.queries.queue_lengths import queue_depth_at
from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import QueueNow, ReportFilter, ReportKey, WorkerSeen
from otel_taskmon.queries.report_model import drill_down as row_drill_down
from otel_taskmon.queries.reports import ask_report
from otel_taskmon.queries.statistics import statistics
from otel_taskmon.queries.task_detail import executions
from otel_taskmon.queries.tasks import task_span
from tests.support.hourly_statistics import refresh
from tests.support.made_executions import BEGIN, END, Row, exported, inject, make, percentile
from tests.support.store import Store, running_store
from tests.support.stored_tasks import Event, insert, ns

pytestmark = pytest.mark.integration

MADE = make(1000, seed=23)
SPLIT = BEGIN + timedelta(hours=35.21)
RANGE = ReportFilter(SPLIT, SPLIT + timedelta(hours=30))
LONG = timedelta(days=60)
GAUGE = ["TimeUnix", "MetricName", "Attributes", "Value"]


def samples() -> list[tuple[datetime, str, int]]:
    """Queue lengths every 20 minutes of two queues, with a gap of ten hours."""
    moments = [BEGIN + timedelta(minutes=20 * number, seconds=7.5) for number in range(66 * 3)]
    return [
        (moment, queue, number * 3 % 41 + len(queue))
        for number, moment in enumerate(moments)
        if not 20 * 3 <= number < 30 * 3
        for queue in ("q1", "<i>q3</i>")
    ]


def insert_samples(writer: Driver, found: Sequence[tuple[datetime, str, int]]) -> None:
    rows = []
    for moment, queue, depth in found:
        where = {"messaging.system": "redis", "messaging.destination.name": queue}
        for name, value in (("depth", depth), ("unacked", depth + 1), ("consumers", 2)):
            rows.append([moment, f"taskmon.queue.{name}", where, float(value)])
    writer.insert("otel_metrics_gauge", rows, column_names=GAUGE, database="otel")


def signs(worker: str, boot: str, *said: tuple[str, datetime, int]) -> list[Event]:
    """What a worker said: online, heartbeat or offline, when, and how many executions it runs."""
    epoch = ns(0) / 1e9
    return [
        Event(
            f"taskmon.worker.{what}",
            moment.timestamp() - epoch,
            {
                "taskmon.worker": worker,
                "taskmon.worker.boot_id": boot,
                "taskmon.worker.running_count": str(running),
            },
        )
        for what, moment, running in said
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("overview")) as running:
        inject(running, MADE)
        writer = running.client("ingest", autogenerate_session_id=False)
        insert_samples(writer, samples())
        insert_samples(writer, samples()[:50])
        until = SPLIT + timedelta(hours=30)
        second = timedelta(seconds=1)
        insert(
            writer,
            [
                *signs("celery@a", "one", ("online", SPLIT, 0), ("heartbeat", SPLIT + second, 7)),
                *signs("celery@a", "two", ("online", until - 60 * second, 0), ("heartbeat", until - second, 3)),
                *signs("celery@away", "x", ("heartbeat", until - 9 * second, 1), ("offline", until - 5 * second, 0)),
                *signs("celery@silent", "y", ("heartbeat", until - 31 * second, 4)),
                *signs("celery@later", "z", ("heartbeat", until + second, 4)),
            ],
        )  # fmt: skip
        with connect(running.url, "admin", running.admin_password) as admin:
            refresh(admin, "1h", "1d")
        yield running


@pytest.fixture(scope="module")
def table(reader: Client) -> list[Row]:
    return exported(reader)


def between(rows: Sequence[Row], since: datetime, until: datetime) -> list[Row]:
    return [row for row in rows if since <= row["started_at"] < until]


def test_a_range_beside_the_one_before_it(reader: Client, table: list[Row]) -> None:
    overview = ask_overview(reader, RANGE, top=4)
    assert (overview.before.since, overview.before.until) == (SPLIT - timedelta(hours=30), SPLIT)
    assert RANGE.until
    now = between(table, SPLIT, RANGE.until)
    before = between(table, SPLIT - timedelta(hours=30), SPLIT)
    assert (overview.runs.now, overview.runs.before) == (len(now), len(before))
    assert overview.runs.change == pytest.approx(len(now) / len(before) - 1)
    for column, found in (("duration_ns", overview.runtime_p95_ns), ("queue_wait_ns", overview.wait_p95_ns)):
        for rows, value in ((now, found.now), (before, found.before)):
            assert value == percentile([row[column] for row in rows if row[column] is not None], 0.95)
    newest = {row["task_id"]: row for row in sorted(table, key=lambda row: row["retries"])}
    for since, until, tasks, failed in (
        (SPLIT, RANGE.until, overview.tasks.now, overview.failed.now),
        (SPLIT - timedelta(hours=30), SPLIT, overview.tasks.before, overview.failed.before),
    ):
        rows = [row for row in newest.values() if since <= row["first_published_at"] < until]
        assert (tasks, failed) == (len(rows), sum(row["is_error"] for row in rows))
    assert overview.based_on.count == len(now)
    failing = Counter(row["task_name"] for row in now if row["is_error"])
    assert [row.count for row in overview.failing.rows] == [count for _, count in failing.most_common(4)]
    slow: dict[str, list[int]] = defaultdict(list)
    for row in now:
        if row["duration_ns"] is not None:
            slow[row["task_name"]].append(row["duration_ns"])
    slowest = sorted(((percentile(values, 0.95), name) for name, values in slow.items()), reverse=True)[:4]
    assert [(row.value, row.label) for row in overview.slowest.rows] == slowest


def test_every_figure_leads_to_its_part_of_the_log(reader: Client) -> None:
    for wanted in (RANGE, replace(RANGE, apps=("app1", ""), workers=("celery@b",))):
        overview = ask_overview(reader, wanted)
        for before in (False, True):
            for figure in get_args(Figure):
                view = drill_down(overview, figure, before=before)
                count = task_span(reader, view.filter, per=view.per).count
                if figure in ("tasks", "failed", "runs"):
                    compared = getattr(overview, figure)
                    assert count == (compared.before if before else compared.now) > 0
                else:
                    assert view.sort == figure
                    assert count > 0
        for answer in (overview.throughput, overview.failing, overview.slowest):
            for row in answer.rows[:5]:
                found = task_span(reader, row_drill_down(answer, row).filter, per="executions").count
                assert found == row.count


def test_queues_and_workers_of_the_range(reader: Client, table: list[Row]) -> None:
    assert RANGE.until
    now = between(table, SPLIT, RANGE.until)
    overview = ask_overview(reader, RANGE)
    expected = []
    for queue in ("<i>q3</i>", "q1", "q2"):
        rows = [row for row in now if row["queue"] == queue]
        wait = percentile([row["queue_wait_ns"] for row in rows if row["queue_wait_ns"] is not None], 0.95)
        sampled = [s for s in samples() if s[1] == queue and SPLIT <= s[0] < RANGE.until]
        last = max(sampled, default=None)
        expected.append(
            QueueNow(queue, "redis", last[2], last[2] + 1, 2, last[0], len(rows), wait)
            if last
            else QueueNow(queue, "", None, None, None, None, len(rows), wait)
        )
    assert list(overview.queues) == expected
    runs = Counter(row["worker"] for row in now)
    until, second = RANGE.until, timedelta(seconds=1)
    assert list(overview.workers) == [
        WorkerSeen("celery@a", SPLIT, until - second, 2, 3, online=True, runs=runs["celery@a"]),
        WorkerSeen("celery@away", until - 9 * second, until - 5 * second, 1, 1, online=False, runs=0),
        WorkerSeen("celery@b", None, None, 0, None, online=False, runs=runs["celery@b"]),
        WorkerSeen("celery@silent", until - 31 * second, until - 31 * second, 1, 4, online=False, runs=0),
    ]


def test_an_overview_of_nothing(reader: Client) -> None:
    for wanted in (
        ReportFilter(END, BEGIN),
        ReportFilter(BEGIN - timedelta(days=9), BEGIN - timedelta(days=8)),
    ):
        overview = ask_overview(reader, wanted)
        assert (overview.runs.now, overview.tasks.now, overview.failed.now) == (0, 0, 0)
        assert overview.runtime_p95_ns.now is overview.wait_p95_ns.now is overview.runs.change is None
        assert overview.throughput.rows == overview.failing.rows == overview.slowest.rows == ()
        assert overview.queues == ()
        assert overview.workers == ()


@pytest.mark.parametrize("key", ["tasks_throughput_by_state", "queue_length_over_time", "tasks_throughput"])
@pytest.mark.parametrize(("first", "last"), [(1, 9999), (1, None), (None, 9999), (9999, None), (1, 2)])
def test_ranges_that_no_calendar_of_rows_has(
    reader: Client, key: ReportKey, first: int | None, last: int | None
) -> None:
    """Anybody can write such years into an address; what lies within is answered, and nothing overflows."""
    since, until = (None if year is None else datetime(year, 12, 31, tzinfo=UTC) for year in (first, last))
    wanted = ReportFilter(since, until)
    answer = ask_report(reader, key, wanted)
    begin, end = answer.wanted.since, answer.wanted.until
    assert begin is not None
    assert end is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) <= begin <= end <= datetime(2100, 1, 1, tzinfo=UTC)
    assert bool(answer.based_on.count) is (first != 9999 and last != 2)
    overview = ask_overview(reader, wanted)
    assert overview.runs.now == statistics(reader, wanted).based_on.count


def test_queue_length_over_time(reader: Client) -> None:
    wanted = ReportFilter(BEGIN, END, apps=("shop",), workers=("celery@a",))
    answer = ask_report(reader, "queue_length_over_time", wanted, buckets=66)
    assert (answer.bucket_seconds, answer.off) == (3600, ("apps", "workers"))
    points: dict[tuple[str, datetime], list[int]] = defaultdict(list)
    for moment, queue, depth in samples():
        points[queue, moment.replace(minute=0, second=0, microsecond=0)].append(depth)
    assert len(answer.rows) == 2 * 66
    for row in answer.rows:
        assert row.start
        found = points.get((row.label, row.start), [])
        assert row.count == len(found)
        assert (row.value is None) == (not found)
        if found:
            assert row.value == pytest.approx(sum(found) / len(found))
    assert sum(row.value is None for row in answer.rows) == 2 * 10
    assert answer.based_on.count == len(samples())
    one = ask_report(reader, "queue_length_over_time", replace(wanted, queues=("q1",)))
    assert one.labels == ("q1",)


def test_queue_length_at_the_time_of_each_run(reader: Client, table: list[Row]) -> None:
    tried = found_some = 0
    for task_id in sorted({row["task_id"] for row in table})[:60]:
        runs = executions(reader, task_id)
        found = queue_depth_at(reader, runs)
        for run in runs:
            earlier = [
                sample
                for sample in samples()
                if sample[1] == run.queue
                and run.started_at - timedelta(minutes=5) <= sample[0] <= run.started_at
            ]
            tried += 1
            if not earlier:
                assert run.execution_id not in found
                continue
            moment, _, depth = max(earlier)
            found_some += 1
            length = found[run.execution_id]
            assert (length.depth, length.unacked, length.sampled_at) == (depth, depth + 1, moment)
    assert 4 < found_some < tried
    assert queue_depth_at(reader, []) == {}


POPULATION: dict[ReportKey, Callable[[Row], bool]] = {
    "tasks_top_failed": lambda row: bool(row["is_error"]),
    "tasks_throughput_by_app": lambda row: row["state"] == "SUCCESS",
    "tasks_top_cum_runtime": lambda row: row["duration_ns"] is not None,
    "tasks_top_runs": lambda row: True,
}


@pytest.mark.parametrize("key", POPULATION)
def test_longer_ranges_come_from_the_hourly_statistics(
    reader: Client, table: list[Row], key: ReportKey
) -> None:
    now = datetime.now(UTC)
    for narrow in ({}, {"apps": ("", "app2")}, {"workers": ("celery@a",), "queues": ("q1",)}):
        wanted = ReportFilter(since=now - LONG, **narrow)
        answer = ask_report(reader, key, wanted, top=500)
        assert answer.source == "hourly"
        assert set(answer.off) >= {"minutes", "log"}
        assert answer.wanted.until
        rows = [
            row
            for row in between(table, now - LONG, answer.wanted.until)
            if (not wanted.apps or row["app"] in wanted.apps)
            and (not wanted.workers or (row["worker"] == "celery@a" and row["queue"] == "q1"))
        ]
        assert answer.based_on.count == len(rows)
        chosen = [row for row in rows if POPULATION[key](row)]
        label = "app" if REPORTS[key].dimension == "app" else "task_name"
        counts = Counter(row[label] for row in chosen)
        found: Counter[str] = Counter()
        for each in (*(row for row in answer.rows if not row.others), *answer.members):
            found[each.label] += each.count
            if each.runtimes:
                values = [row["duration_ns"] for row in chosen if row[label] == each.label]
                assert (each.runtimes.min_ns, each.runtimes.max_ns) == (min(values), max(values))
                assert each.runtimes.total_ns == sum(values) == each.value
                assert each.runtimes.p50_ns is not None
                ordered = sorted(values)
                around = {ordered[(len(values) - 1) // 2], ordered[len(values) // 2]}
                assert any(each.runtimes.p50_ns == pytest.approx(value, rel=0.011) for value in around)
        assert found == counts


def test_statistics_and_overview_of_longer_ranges(reader: Client, table: list[Row]) -> None:
    wanted = ReportFilter(since=datetime.now(UTC) - LONG)
    page = statistics(reader, wanted, limit=1000)
    assert (page.source, set(page.off)) == ("hourly", {"minutes", "log", "percentiles"})
    assert {(row.task_name, row.app): (row.runs, sum(row.trend)) for row in page.rows} == {
        key: (count, count) for key, count in Counter((row["task_name"], row["app"]) for row in table).items()
    }
    by_name = {(row.task_name, row.app): row for row in page.rows}
    assert sum(row.never_started for row in by_name.values()) == sum(r["duration_ns"] is None for r in table)
    overview = ask_overview(reader, wanted)
    assert (overview.runs.now, overview.tasks.now) == (len(table), None)
    throughput = ask_report(reader, "tasks_throughput", wanted)
    assert throughput.rows[-2].count == sum(row["state"] == "SUCCESS" for row in table)
    assert throughput.bucket_seconds == 3600


def test_the_log_still_answers_for_the_part_it_has(reader: Client, table: list[Row]) -> None:
    answer = ask_report(reader, "task_runs_by_state", ReportFilter(since=datetime.now(UTC) - LONG))
    view = row_drill_down(answer, answer.rows[0])
    assert task_span(reader, view.filter, per="executions").count == answer.rows[0].count
    assert task_span(reader, TaskFilter(), per="executions").count == len(table)
