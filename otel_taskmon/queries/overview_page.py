"""The first page in figures: a range beside the one before it, and what stands out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Literal

from otel_taskmon.queries.at_once import AtOnce
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import moment
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import (
    Compared,
    LogView,
    Overview,
    QueueNow,
    Report,
    ReportFilter,
    WorkerSeen,
)
from otel_taskmon.queries.report_range import ReportRange, report_range
from otel_taskmon.queries.report_series import series
from otel_taskmon.queries.reports import BUCKETS, ranking
from otel_taskmon.queries.statements import statement

TOP: Final = 8
SILENT: Final = timedelta(seconds=30)
"""Three heartbeats: a worker that was silent for longer is not online."""
SLOWEST: Final[Report] = replace(
    REPORTS["tasks_top_max_runtime"],
    label="Slowest tasks",
    heading="Slowest {top} tasks by 95th percentile of the runtime",
)

Figure = Literal["tasks", "failed", "runs", "runtime", "wait"]


def ask_overview(client: Client, wanted: ReportFilter, *, top: int = TOP, buckets: int = BUCKETS) -> Overview:
    """Everything of the first page. Raises as ``reports.ask_report``."""
    if top < 1 or buckets < 1:
        raise ValueError(f"top and buckets must be at least 1, not {top} and {buckets}")
    asked = report_range(client, wanted, back_too=wanted.since is not None)
    before = asked.moved_back()
    with AtOnce() as questions:
        ran = questions.ask(lambda: _runs(client, asked, before))
        published = questions.ask(lambda: _tasks(client, asked, before))
        over_time = questions.ask(
            lambda: series(client, REPORTS["tasks_throughput_by_state"], asked, buckets)
        )
        failing = questions.ask(lambda: ranking(client, REPORTS["tasks_top_failed"], asked, top=top))
        slowest = questions.ask(lambda: ranking(client, SLOWEST, asked, top=top, value="slow"))
        queues = questions.ask(lambda: _queues(client, asked))
        workers = questions.ask(lambda: _workers(client, asked))
    runs, runtime, wait = ran.result()
    tasks, failed = published.result()
    throughput = over_time.result()
    return Overview(
        wanted=asked.wanted,
        before=before.wanted,
        tasks=tasks,
        failed=failed,
        runs=runs,
        runtime_p95_ns=runtime,
        wait_p95_ns=wait,
        throughput=throughput,
        failing=failing.result(),
        slowest=slowest.result(),
        queues=queues.result(),
        workers=workers.result(),
        based_on=throughput.based_on,
        as_of=asked.as_of,
        source=asked.source,
        off=asked.off,
    )


def drill_down(overview: Overview, figure: Figure, *, before: bool = False) -> LogView:
    """The part of the log behind a figure: tasks newest first, failures, executions by runtime or by queue wait."""
    wanted = overview.before if before else overview.wanted
    chosen = TaskFilter(apps=wanted.apps, queues=wanted.queues, workers=wanted.workers)
    published = replace(chosen, since=wanted.since, until=wanted.until)
    ran = replace(chosen, ran_since=wanted.since, ran_until=wanted.until)
    match figure:
        case "tasks":
            return LogView(published, per="tasks")
        case "failed":
            return LogView(replace(published, failed=True), per="tasks")
        case "runs":
            return LogView(ran)
        case "runtime":
            return LogView(replace(ran, ran=True), sort="runtime")
        case "wait":
            return LogView(ran, sort="wait")


def _two_ranges(asked: ReportRange, before: ReportRange) -> dict[str, object]:
    return asked.parameters() | {"since_us": before.since_us, "split_us": asked.since_us}


def _runs(client: Client, asked: ReportRange, before: ReportRange) -> tuple[Compared, Compared, Compared]:
    answer = client.ask(statement("overview_runs", **asked.slots()), _two_ranges(asked, before))
    found = {bool(row[0]): dict(zip(answer.columns, row, strict=True)) for row in answer.rows}

    def compared(name: str, counted_by: str) -> Compared:
        return Compared(*(_p95(found.get(is_now), name, counted_by) for is_now in (True, False)))

    counts = [found[is_now]["executions"] if is_now in found else 0 for is_now in (True, False)]
    return Compared(*counts), compared("runtime", "with_runtime"), compared("wait", "with_wait")


def _p95(values: dict[str, Any] | None, name: str, counted_by: str) -> int | None:
    return round(values[name][1]) if values and values[counted_by] else None


def _tasks(client: Client, asked: ReportRange, before: ReportRange) -> tuple[Compared, Compared]:
    """The log has no tasks for ranges that only the hourly statistics remember."""
    if asked.source == "hourly":
        return Compared(None, None), Compared(None, None)
    answer = client.ask(statement("overview_tasks"), _two_ranges(asked, before))
    found = {bool(is_now): (tasks, failed) for is_now, tasks, failed in answer.rows}
    now, earlier = found.get(True, (0, 0)), found.get(False, (0, 0))
    return Compared(now[0], earlier[0]), Compared(now[1], earlier[1])


def _queues(client: Client, asked: ReportRange) -> tuple[QueueNow, ...]:
    sampled = client.ask(statement("overview_queues"), asked.parameters()).rows
    answer = client.ask(statement("overview_queue_runs", **asked.slots()), asked.parameters())
    ran = {
        queue: (runs, round(wait[1]) if waited else None) for queue, runs, waited, wait in answer.rows if runs
    }
    names = {queue for queue, *_ in sampled}
    found = [
        QueueNow(queue, broker, depth, unacked, consumers, at, *ran.get(queue, (0, None)))
        for queue, broker, depth, unacked, consumers, at in sampled
    ]
    found += [
        QueueNow(queue, "", None, None, None, None, *facts)
        for queue, facts in ran.items()
        if queue and queue not in names
    ]
    return tuple(sorted(found, key=lambda one: (one.queue, one.broker)))


def _workers(client: Client, asked: ReportRange) -> tuple[WorkerSeen, ...]:
    seen = client.ask(statement("overview_workers"), asked.parameters()).rows
    answer = client.ask(statement("overview_worker_runs", **asked.slots()), asked.parameters())
    ran: dict[str, int] = {row[0]: row[1] for row in answer.rows}
    alive_since = moment(asked.until_us) - SILENT
    found = [
        WorkerSeen(
            worker=worker,
            first_seen=first,
            last_seen=last,
            boots=boots,
            running=running,
            online=last >= alive_since and not goodbye,
            runs=ran.pop(worker, 0),
        )
        for worker, first, last, boots, running, goodbye in seen
    ]
    found += [
        WorkerSeen(worker, None, None, 0, None, online=False, runs=runs) for worker, runs in ran.items()
    ]
    return tuple(sorted(found, key=lambda one: one.worker))
