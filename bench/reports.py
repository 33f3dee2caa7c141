"""How long reports, statistics and overview take: ``python -m bench.reports [--tasks 1000000] [--days 10]``.

Starts a store of its own in a temporary folder, loads the tasks spread over the days, lets the merges come to rest and
asks each question through the same functions as the viewer, over HTTP, for the last day and for everything: wall time
from the call to the finished rows. Every answer is exact and nothing is cached. The size that the goal is meant for is
``--tasks 10000000``. With ``--hourly``, once more from the hourly statistics alone, as for ranges beyond 30 days.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bench.generate import load, read, settle
from bench.queries import Question, measure
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.overview_page import ask_overview
from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import ReportFilter
from otel_taskmon.queries.reports import ask_report
from otel_taskmon.queries.statistics import statistics
from tests.support.store import Store, running_store

GOAL_DAY_MS = 300.0
GOAL_ALL_MS = 1000.0
BATCH_TASKS = 20_000


def questions(client: Client, wanted: ReportFilter) -> dict[str, Question]:
    """Title -> question, which gives the number of rows that came back."""
    found: dict[str, Question] = {
        key: lambda key=key: len(ask_report(client, key, wanted).rows)  # type: ignore[misc]  # bound at once
        for key in REPORTS
    }
    found["statistics by name"] = lambda: len(statistics(client, wanted).rows)
    found["statistics by p95"] = lambda: len(statistics(client, wanted, sort="p95_ns", descending=True).rows)
    found["overview"] = lambda: len(ask_overview(client, wanted).throughput.rows)
    return found


def load_queue_samples(admin: Client, days: int) -> None:
    """Samples of the same days."""
    admin.run(
        f"INSERT INTO otel.otel_metrics_gauge (TimeUnix, MetricName, Attributes, Value) {read('queue_samples')}",
        {"range_start": time.time_ns() - days * 86_400 * 10**9, "samples": days * 8640},
    )


def compare(store: Store, ranges: dict[str, tuple[ReportFilter, float]], rounds: int) -> bool:
    """Asks everything for each range and prints it beside its goal; whether all met it."""
    process = psutil.Process(store.child.pid)
    header = "".join(f"{title:>12} p50{'p95':>7}{'goal':>6}{'cpu':>6}" for title in ranges)
    print(f"\n{f'milliseconds, {rounds} rounds':<28}{header}{'rows':>8}")
    met = True
    with connect(store.url) as client:
        asked = {title: questions(client, wanted) for title, (wanted, _) in ranges.items()}
        for name in next(iter(asked.values())):
            line, rows, missed = f"{name:<28}", 0, []
            for title, (_, goal) in ranges.items():
                timing = measure(asked[title][name], rounds, process)
                line += f"{timing.p50:>16.0f}{timing.p95:>7.0f}{goal:>6.0f}{timing.cpu:>6.0f}"
                rows = timing.rows
                missed += [title] if timing.p95 > goal else []
            met &= not missed
            print(f"{line}{rows:>8,}" + (f"  over: {', '.join(missed)}" if missed else ""), flush=True)
    return met


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=1_000_000, help="tasks in all (default 1000000)")
    parser.add_argument("--days", type=int, default=10, help="days that they are spread over (default 10)")
    parser.add_argument("--rounds", type=int, default=20, help="calls of each question (default 20)")
    parser.add_argument(
        "--hourly", action="store_true", help="ask for 60 days too, from the hourly statistics"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="taskmon-bench-") as folder, running_store(Path(folder)) as store:
        with connect(store.url, "admin", store.admin_password) as admin:
            seconds = load(admin, given.tasks, batch=BATCH_TASKS, days=given.days)
            load_queue_samples(admin, given.days)
            print(f"{given.tasks:,} tasks over {given.days} days loaded in {seconds:.0f} s; {settle(admin)}")
            if given.hourly:
                admin.run("SYSTEM REFRESH VIEW otel.celery_task_stats_1h_mv")
                admin.run("SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv")
        now = datetime.now(UTC)
        ranges = {
            "day": (ReportFilter(since=now - timedelta(days=1)), GOAL_DAY_MS),
            "all": (ReportFilter(since=now - timedelta(days=given.days, hours=1)), GOAL_ALL_MS),
        }
        if given.hourly:
            ranges["hourly"] = (ReportFilter(since=now - timedelta(days=60)), GOAL_ALL_MS)
        met = compare(store, ranges, given.rounds)
    print(
        f"\nevery goal met: {'yes' if met else 'no'}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
