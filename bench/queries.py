"""How long the log page's questions take: ``python -m bench.queries [--tasks 1000000] [--rounds 20]``.

Starts a store of its own in a temporary folder, loads a day of tasks, lets the merges come to rest and asks each
question through the same functions as the viewer, over HTTP: wall time from the call to the finished rows. Beside it
the same question asked of the raw spans, once. Nothing is cached by us, and no search is asked twice.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bench.generate import load, read, settle
from otel_taskmon.errors import QueryFailed, StoreUnavailable
from otel_taskmon.queries import overview, task_detail
from otel_taskmon.queries.connection import READ_SECONDS, Client, connect
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.tasks import list_executions, list_tasks, task_span
from tests.support.store import Store, running_store

GOAL_MS = 100.0

Question = Callable[[], int]
"""Asks, and gives the number of rows that came back."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds; ``cpu`` is what a call cost store and caller together, whatever else the machine does."""

    p50: float
    p95: float
    cpu: float
    rows: int


def spent(store: psutil.Process) -> float:
    """Seconds of CPU that the store and this process used so far."""
    times = store.cpu_times()
    return float(times.user + times.system) + time.process_time()


def measure(ask: Question, rounds: int, store: psutil.Process) -> Timing:
    """``rounds`` calls after two that warm up."""
    took = []
    rows = 0
    before = 0.0
    for number in range(rounds + 2):
        if number == 2:
            before = spent(store)
        started = time.perf_counter()
        rows = ask()
        if number >= 2:
            took.append((time.perf_counter() - started) * 1000)
    return Timing(
        cpu=(spent(store) - before) * 1000 / rounds,
        p50=statistics.median(took),
        p95=statistics.quantiles(took, n=20, method="inclusive")[-1],
        rows=rows,
    )


def questions(client: Client, since: datetime) -> dict[str, tuple[Question, str]]:
    """Title -> question, and the raw question to compare with ('' for none)."""
    day = TaskFilter(since=since)
    failed = TaskFilter(since=since, states=("FAILURE",))
    narrow = TaskFilter(
        since=since, states=("SUCCESS", "FAILURE"), apps=("shop", "mail"), workers=("celery@worker-3",)
    )
    customers = itertools.count(12_000)
    orders = itertools.count(100_000, 37)

    def page(wanted: TaskFilter = day, **order: object) -> Question:
        return lambda: len(list_tasks(client, wanted, **order).rows)  # type: ignore[arg-type]  # keywords as given below

    second = list_tasks(client, day).next
    by_runtime = list_tasks(client, day, sort="runtime").next
    some_task = list_tasks(client, failed).rows[-1].task_id

    def argument() -> TaskFilter:
        return TaskFilter(since=since, search=f"customer-{next(customers)}@")

    def cells(wanted: TaskFilter) -> int:
        found = overview.facets(client, wanted)
        return sum(len(values) for values in vars(found).values())

    return {
        "page, newest first": (page(), "raw_page_time"),
        "page 2": (page(after=second), ""),
        "page without any bound": (page(TaskFilter()), ""),
        "page by runtime, longest first": (page(sort="runtime"), "raw_page_runtime"),
        "page by runtime, page 2": (page(sort="runtime", after=by_runtime), ""),
        "page by runtime, shortest first": (page(sort="runtime", descending=False), ""),
        "page by wait": (page(sort="wait"), ""),
        "page by retries": (page(sort="retries"), ""),
        "page of failures": (page(failed), ""),
        "page, three filters": (page(narrow), ""),
        "page of executions": (lambda: len(list_executions(client, day).rows), ""),
        "page of executions by runtime": (lambda: len(list_executions(client, day, sort="runtime").rows), ""),
        "count and span": (lambda: task_span(client, day).count, "raw_count"),
        "count, three filters": (lambda: task_span(client, narrow).count, ""),
        "facets, all seven": (lambda: cells(day), "raw_facets"),
        "facets, three filters": (lambda: cells(narrow), ""),
        "histogram": (lambda: len(overview.histogram(client, day).buckets), "raw_histogram"),
        "search an argument: page": (lambda: len(list_tasks(client, argument()).rows), "raw_search"),
        "search an argument: count": (lambda: task_span(client, argument()).count, ""),
        "search an argument: facets": (lambda: cells(argument()), ""),
        "search an exception text: page": (
            lambda: len(
                list_tasks(client, TaskFilter(since=since, search=f"finish order {next(orders)}")).rows
            ),
            "",
        ),
        "search part of an id: page": (
            lambda: len(list_tasks(client, TaskFilter(since=since, search=f"{next(orders):x}-")).rows),
            "",
        ),
        "one task by id": (lambda: int(task_detail.find_task(client, some_task) is not None), ""),
        "its executions": (lambda: len(task_detail.executions(client, some_task)), ""),
    }


def raw(client: Client, name: str) -> str:
    """One call of ``bench/<name>.sql`` over the newest state of each task from the spans; what it took, or why not."""
    sql = f"WITH tasks AS (\n{read('raw_tasks')}\n)\n{read(name)}"
    started = time.perf_counter()
    try:
        client.ask(sql)
    except StoreUnavailable:
        return f"none in {READ_SECONDS} s"
    except QueryFailed as error:
        return "out of memory" if "241" in str(error) else "stopped at the time limit"
    return f"{(time.perf_counter() - started) * 1000:.0f}"


def report(store: Store, tasks: int, rounds: int, beside_raw: bool) -> bool:
    """Loads, asks, prints; whether every question met the goal."""
    with connect(store.url, "admin", store.admin_password) as admin:
        seconds = load(admin, tasks)
        print(f"{tasks:,} tasks loaded in {seconds:.0f} s; {settle(admin)}")
        for table, rows, size in admin.ask(read("sizes")).rows[:6]:
            print(f"  {table:<28}{rows:>12,} rows {size / 1e6:>9.1f} MB")
    since = datetime.now(UTC) - timedelta(hours=24, minutes=5)
    met = True
    process = psutil.Process(store.child.pid)
    title = f"milliseconds, {rounds} rounds"
    print(f"\n{title:<34}{'p50':>7}{'p95':>7}{'goal':>6}{'cpu':>6}{'rows':>10}{'raw, once':>12}")
    with connect(store.url) as client:
        for title, (ask, beside) in questions(client, since).items():
            timing = measure(ask, rounds, process)
            met &= timing.p95 <= GOAL_MS
            line = f"{title:<34}{timing.p50:>7.0f}{timing.p95:>7.0f}{GOAL_MS:>6.0f}{timing.cpu:>6.0f}{timing.rows:>10,}"
            if beside and beside_raw:
                line += f"{raw(client, beside):>12}"
            print(line + ("" if timing.p95 <= GOAL_MS else "  over"), flush=True)
    load_average = os.getloadavg()[0]
    print(
        f"\nload average at the end: {load_average:.1f} on {os.cpu_count()} cores (this bench alone makes about 1–2)"
    )
    return met


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=1_000_000, help="tasks of the day (default 1000000)")
    parser.add_argument("--rounds", type=int, default=20, help="calls of each question (default 20)")
    parser.add_argument("--no-raw", action="store_true", help="leave out the same questions of the raw spans")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="taskmon-bench-") as folder, running_store(Path(folder)) as store:
        report(store, given.tasks, given.rounds, not given.no_raw)


if __name__ == "__main__":
    main()
