"""The first page in figures: a range beside the one before it, and what stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Literal

from otel_taskmon.queries.at_once import AtOnce
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import moment
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.overview_runs import by_name, by_queue, totals
from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import (
    Compared,
    LogView,
    Overview,
    QueueNow,
    ReportFilter,
    WorkerSeen,
)
from otel_taskmon.queries.report_range import ReportRange, report_range
from otel_taskmon.queries.report_series import series
from otel_taskmon.queries.reports import BUCKETS
from otel_taskmon.queries.statements import statement

TOP: Final = 8
SILENT: Final = timedelta(seconds=30)
"""Three heartbeats: a worker that was silent for longer is not online."""

Figure = Literal["tasks", "failed", "runs", "runtime", "wait"]


def ask_overview(client: Client, wanted: ReportFilter, *, top: int = TOP, buckets: int = BUCKETS) -> Overview:
    """Everything of the first page. Raises as ``reports.ask_report``."""
    if top < 1 or buckets < 1:
        raise ValueError(f"top and buckets must be at least 1, not {top} and {buckets}")
    asked = report_range(client, wanted, back_too=wanted.since is not None)
    before = asked.moved_back()
    with AtOnce() as questions:
        by_day = asked.by_day(client)
        named = questions.ask(lambda: by_name(client, by_day, top))
        queued = questions.ask(lambda: by_queue(client, by_day))
        over_time = questions.ask(
            lambda: series(client, REPORTS["tasks_throughput_by_state"], asked, buckets)
        )
        published = questions.ask(lambda: _tasks(client, asked, before))
        earlier = questions.ask(lambda: totals(client, before.by_day(client)))
        workers = questions.ask(lambda: _workers(client, asked))
        sampled = questions.ask(lambda: client.ask(statement("overview_queues"), asked.parameters()).rows)
    names, by_queues, then = named.result(), queued.result(), earlier.result()
    tasks, failed = published.result()
    throughput = over_time.result()
    return Overview(
        wanted=asked.wanted,
        before=before.wanted,
        tasks=tasks,
        failed=failed,
        runs=Compared(names.totals.runs, then.runs),
        runtime_p95_ns=Compared(names.totals.runtime_p95_ns, then.runtime_p95_ns),
        wait_p95_ns=Compared(by_queues.wait_p95_ns, then.wait_p95_ns),
        throughput=throughput,
        failing=replace(names.failing, based_on=throughput.based_on),
        slowest=replace(names.slowest, based_on=throughput.based_on),
        queues=_queues(sampled.result(), by_queues.queues),
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


def _tasks(client: Client, asked: ReportRange, before: ReportRange) -> tuple[Compared, Compared]:
    """The log has no tasks for ranges that only the hourly statistics remember."""
    if asked.source == "hourly":
        return Compared(None, None), Compared(None, None)
    answer = client.ask(
        statement("overview_tasks"),
        asked.parameters() | {"since_us": before.since_us, "split_us": asked.since_us},
    )
    found = {bool(is_now): (tasks, failed) for is_now, tasks, failed in answer.rows}
    now, earlier = found.get(True, (0, 0)), found.get(False, (0, 0))
    return Compared(now[0], earlier[0]), Compared(now[1], earlier[1])


def _queues(
    sampled: Sequence[Sequence[Any]], ran: Mapping[str, tuple[int, int | None]]
) -> tuple[QueueNow, ...]:
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
