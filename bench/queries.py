"""How long the log page's questions take: ``python -m bench.queries [--tasks 1000000] [--days 1] [--rounds 20]``.

Starts a store of its own, loads the tasks (or takes those of ``--data-dir``), lets the merges come to rest and asks
each question through the same functions as the viewer, over HTTP: wall time from the call to the finished rows. With
more than one day, of the last day and of everything. Beside it the same question asked of the raw spans, once. Nothing
is cached by us, and no search is asked twice.
"""

from __future__ import annotations

import argparse
import itertools
import time
from datetime import datetime
from pathlib import Path

from bench.generate import read
from bench.loaded_store import Loaded, loaded_store
from bench.timing import Question, compare, machine
from otel_taskmon.errors import QueryFailed, StoreUnavailable
from otel_taskmon.queries import overview, task_detail
from otel_taskmon.queries.connection import READ_SECONDS, Client, connect
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.tasks import log_page, task_span

GOAL_MS = 100.0
GOAL_DAY_OF_MANY_MS = 300.0
GOAL_ALL_MS = 1000.0

RAW = {
    "page, newest first": "raw_page_time",
    "page by runtime, longest first": "raw_page_runtime",
    "count and span": "raw_count",
    "facets, all seven": "raw_facets",
    "histogram": "raw_histogram",
    "search an argument: page": "raw_search",
}
"""Title -> the same question of the raw spans."""


def questions(client: Client, since: datetime, until: datetime) -> dict[str, Question]:
    """Title -> question, which gives the number of rows that came back."""
    day = TaskFilter(since=since, until=until)
    failed = TaskFilter(since=since, until=until, states=("FAILURE",))
    narrow = TaskFilter(
        since=since,
        until=until,
        states=("SUCCESS", "FAILURE"),
        apps=("shop", "mail"),
        workers=("celery@worker-3",),
    )
    customers = itertools.count(12_000)
    orders = itertools.count(100_000, 37)

    def page(wanted: TaskFilter = day, **order: object) -> Question:
        return lambda: len(log_page(client, wanted, **order).rows)  # type: ignore[arg-type]  # keywords as given below

    second = log_page(client, day).next
    by_runtime = log_page(client, day, sort="runtime").next
    some_task = log_page(client, failed).rows[-1].task_id

    def search(text: str) -> TaskFilter:
        return TaskFilter(since=since, until=until, search=text)

    def argument() -> TaskFilter:
        return search(f"customer-{next(customers)}@")

    def cells(wanted: TaskFilter) -> int:
        found = overview.facets(client, wanted)
        return sum(len(values) for values in vars(found).values())

    return {
        "page, newest first": page(),
        "page 2": page(after=second),
        "page without any bound": page(TaskFilter()),
        "page by runtime, longest first": page(sort="runtime"),
        "page by runtime, page 2": page(sort="runtime", after=by_runtime),
        "page by runtime, shortest first": page(sort="runtime", descending=False),
        "page by wait": page(sort="wait"),
        "page by retries": page(sort="retries"),
        "page of failures": page(failed),
        "page, three filters": page(narrow),
        "page of executions": lambda: len(log_page(client, day, per="executions").rows),
        "page of executions by runtime": lambda: len(
            log_page(client, day, per="executions", sort="runtime").rows
        ),
        "count and span": lambda: task_span(client, day).count,
        "count, three filters": lambda: task_span(client, narrow).count,
        "facets, all seven": lambda: cells(day),
        "facets, three filters": lambda: cells(narrow),
        "histogram": lambda: len(overview.histogram(client, day).buckets),
        "search an argument: page": lambda: len(log_page(client, argument()).rows),
        "search an argument: count": lambda: task_span(client, argument()).count,
        "search an argument: facets": lambda: cells(argument()),
        "search an exception text: page": lambda: len(
            log_page(client, search(f"finish order {next(orders)}")).rows
        ),
        "search part of an id: page": lambda: len(log_page(client, search(f"{next(orders):x}-")).rows),
        "one task by id": lambda: int(task_detail.find_task(client, some_task) is not None),
        "its executions": lambda: len(task_detail.executions(client, some_task)),
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
    return f"{(time.perf_counter() - started) * 1000:.0f} ms"


def report(loaded: Loaded, rounds: int, only: str) -> bool:
    """Asks, prints; whether every question met its goal."""
    ranges = {"day": (loaded.day, GOAL_MS)}
    if loaded.days > 1:
        ranges = {"day": (loaded.day, GOAL_DAY_OF_MANY_MS), "all": (loaded.beginning, GOAL_ALL_MS)}
    with connect(loaded.store.url) as client:
        asked = {
            title: (questions(client, since, loaded.end), goal) for title, (since, goal) in ranges.items()
        }
        return compare(loaded, asked, rounds, only)


def report_raw(loaded: Loaded) -> None:
    """The raw spans of the last day, once each."""
    with connect(loaded.store.url) as client:
        print("\nthe same of the raw spans of the last day, once each")
        for title, name in RAW.items():
            print(f"{title:<34}{raw(client, name):>24}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=1_000_000, help="tasks in all (default 1000000)")
    parser.add_argument("--days", type=int, default=1, help="days that they are spread over (default 1)")
    parser.add_argument("--rounds", type=int, default=20, help="calls of each question (default 20)")
    parser.add_argument("--no-raw", action="store_true", help="neither keep nor ask the raw spans")
    parser.add_argument("--data-dir", type=Path, help="keep the store here; taken as it is when it was kept")
    parser.add_argument("--only", default="", help="only questions whose title holds this")
    given = parser.parse_args()
    with loaded_store(given.tasks, days=given.days, raw=not given.no_raw, data_dir=given.data_dir) as loaded:
        report(loaded, given.rounds, given.only)
        if not given.no_raw:
            report_raw(loaded)
    print(machine())


if __name__ == "__main__":
    main()
