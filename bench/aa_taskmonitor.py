"""aa-taskmonitor's reports on its own table beside ours, of the same tasks: ``python -m bench.aa_taskmonitor``.

Tasks are generated into a store of ours; what aa-taskmonitor records of their executions is copied into its table,
made by its own migrations on SQLite (it names MariaDB for production, which is not measured here). Then each of its
reports is computed by its own code in its own environment, as its pages do when their cache is cold, and each of ours
is asked over HTTP as the viewer does: everything in the table, exact, no cache. Its reports have no range, no filter
and no percentiles, ours have.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics as numbers
import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import psutil

from bench.generate import read
from bench.loaded_store import Loaded, loaded_store
from bench.reports import questions
from bench.timing import machine, measure
from otel_taskmon.demo.broker import start_broker
from otel_taskmon.queries.connection import connect
from otel_taskmon.queries.report_model import ReportFilter
from tests.aa_taskmonitor import environment

COLUMNS = (
    "app_name", "args", "kwargs", "current_queue_length", "exception", "parent_id", "priority", "result", "retries",
    "received", "runtime", "started", "state", "task_id", "task_name", "timestamp", "traceback",
)  # fmt: skip
OUR_ROUNDS = 5
MIGRATE = """
from django.core.management import call_command
call_command("migrate", "taskmonitor", verbosity=0)
"""
ASK = """
import json, sys, time
from taskmonitor.core.cached_reports import report, reports
from taskmonitor.managers import TaskStatisticManager
asked = {one.name: one._calc_data for one in reports()} | {"statistics by name": TaskStatisticManager._run_query}
report("tasks_basics").data(use_cache=False)  # the others look at it, in the cache
found = {}
for name, ask in asked.items():
    took = []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        ask()
        took.append(((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000))
    found[name] = took
    print(name, file=sys.stderr, flush=True)
print(json.dumps(found))
"""


def copied(loaded: Loaded, database: Path) -> int:
    """Executions that are in its table now."""
    columns, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    began = time.perf_counter()
    with sqlite3.connect(database) as connection, loaded.store.client() as client:
        for day in range(loaded.days + 1):  # the whole may take longer than one question may
            since = loaded.beginning + timedelta(days=day)
            with client.query_row_block_stream(read("seed_rows"), {"since": since}) as blocks:
                for block in blocks:
                    connection.executemany(
                        f"INSERT INTO taskmonitor_tasklog ({columns}) VALUES ({marks})", block
                    )
        connection.commit()
        connection.execute("ANALYZE")
        (rows,) = connection.execute("SELECT count(*) FROM taskmonitor_tasklog").fetchone()
    connection.close()
    print(
        f"{rows:,} executions in its table ({database.stat().st_size / 1e6:.0f} MB), copied in "
        f"{time.perf_counter() - began:.0f} s"
    )
    return int(rows)


def theirs(variables: Mapping[str, str], rounds: int) -> dict[str, tuple[float, float]]:
    """Name -> median milliseconds, wall and CPU of the process, in which SQLite runs too."""
    said = environment.run(ASK.replace("ROUNDS", str(rounds)), variables, timeout=3600)
    found: dict[str, list[tuple[float, float]]] = json.loads(said)
    return {
        name: (numbers.median(wall for wall, _ in took), numbers.median(cpu for _, cpu in took))
        for name, took in found.items()
    }


def compare(loaded: Loaded, of_theirs: Mapping[str, tuple[float, float]], rounds: int) -> None:
    """Asks ours and prints a line for each that both have."""
    process = psutil.Process(loaded.store.child.pid)
    print(f"\n{f'milliseconds, {rounds} of theirs':<28}{'aa-taskmonitor':>20}{'ours':>20}{'times the':>11}")
    print(f"{'':<28}{'wall':>10}{'cpu':>10}{'wall':>10}{'cpu':>10}{'cpu':>11}")
    with connect(loaded.store.url) as client:
        asked = questions(client, ReportFilter(since=loaded.beginning, until=loaded.end))
        for title, question in asked.items():
            if title in of_theirs:
                (wall, cpu), own = of_theirs[title], measure(question, max(rounds, OUR_ROUNDS), process)
                print(
                    f"{title:<28}{wall:>10.0f}{cpu:>10.0f}{own.p50:>10.0f}{own.cpu:>10.0f}{cpu / own.cpu:>11.1f}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=1_000_000, help="tasks in all (default 1000000)")
    parser.add_argument("--days", type=int, default=10, help="days that they are spread over (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="calls of each report (default 3)")
    parser.add_argument("--data-dir", type=Path, help="keep the store here; taken as it is when it was kept")
    given = parser.parse_args()
    environment.prepare()
    with (
        tempfile.TemporaryDirectory(prefix="taskmon-bench-") as name,
        loaded_store(given.tasks, days=given.days, raw=False, data_dir=given.data_dir) as loaded,
    ):
        database, broker = Path(name) / "aa.sqlite3", start_broker(Path(name))
        try:
            variables = environment.variables(broker.url, database)
            environment.run(MIGRATE, variables)
            copied(loaded, database)
            of_theirs = theirs(variables, given.rounds)
        finally:
            broker.stop()
        compare(loaded, of_theirs, given.rounds)
    print(machine())


if __name__ == "__main__":
    main()
