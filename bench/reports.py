"""How long reports, statistics and overview take: ``python -m bench.reports [--tasks 1000000] [--days 10]``.

Starts a store of its own, loads the tasks spread over the days (or takes those of ``--data-dir``), lets the merges come
to rest and asks each question through the same functions as the viewer, over HTTP, for the last day and for everything:
wall time from the call to the finished rows. Every answer is exact and nothing is cached. The size that the goal is
meant for is ``--tasks 10000000``. With ``--hourly``, once more from the hourly statistics alone, as for ranges beyond
30 days.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

from bench.generate import LOAD_SECONDS, merge
from bench.loaded_store import Loaded, loaded_store
from bench.timing import Question, compare, machine
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.overview_page import ask_overview
from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import ReportFilter
from otel_taskmon.queries.reports import ask_report
from otel_taskmon.queries.statistics import statistics

GOAL_DAY_MS = 300.0
GOAL_ALL_MS = 1000.0


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


def compute_hours(loaded: Loaded) -> None:
    """The statistics of everything by the hour, and of what is old enough by the day, as the store does it every five
    minutes for what is new."""
    with connect(loaded.store.url, "admin", loaded.store.admin_password, read_seconds=LOAD_SECONDS) as admin:
        _compute(admin, "celery_task_stats_1h", "sum(runs)")
        merge(admin)
        _compute(admin, "celery_task_stats_1d", "uniqExact(day)")
        admin.run("OPTIMIZE TABLE otel.celery_task_stats_1d FINAL")


def _compute(admin: Client, table: str, measure: str) -> None:
    """Refreshes until nothing is added: a turn takes about a million rows, those first that never had one."""
    before, found = -1, 0
    while found != before:
        admin.run(f"SYSTEM REFRESH VIEW otel.{table}_mv")
        admin.run(f"SYSTEM WAIT VIEW otel.{table}_mv")
        before, found = found, admin.ask(f"SELECT {measure} FROM otel.{table} FINAL").only()[0]


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
    parser.add_argument("--no-raw", action="store_true", help="keep no raw spans; no report reads them")
    parser.add_argument("--data-dir", type=Path, help="keep the store here; taken as it is when it was kept")
    parser.add_argument("--only", default="", help="only questions whose title holds this")
    given = parser.parse_args()
    with loaded_store(given.tasks, days=given.days, raw=not given.no_raw, data_dir=given.data_dir) as loaded:
        end = loaded.end
        ranges = {
            "day": (ReportFilter(since=end - timedelta(days=1), until=end), GOAL_DAY_MS),
            "all": (ReportFilter(since=loaded.beginning, until=end), GOAL_ALL_MS),
        }
        if given.hourly:
            compute_hours(loaded)
            ranges["hourly"] = (ReportFilter(since=end - timedelta(days=60), until=end), GOAL_ALL_MS)
        with connect(loaded.store.url) as client:
            asked = {title: (questions(client, wanted), goal) for title, (wanted, goal) in ranges.items()}
            met = compare(loaded, asked, given.rounds, given.only)
    print(f"\nevery goal met: {'yes' if met else 'no'}{machine()}")


if __name__ == "__main__":
    main()
