"""Bytes per task, by table and by column: ``python -m bench.storage [--tasks 50000] [--keep FOLDER]``.

Tasks of a real worker are recorded (``tests.apps.small_shop``: failures with tracebacks, retries, child tasks), copied
with ids, numbers and times of their own (``bench.storage_load``) and sent to a store over OTLP: spans, events,
heartbeats of four workers and queue gauges, at ten tasks a second. Then every table is merged into one part a day, as
it is when the day is over, and the disk is measured: columns, skip and text indexes, marks and primary keys.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.generate import read
from bench.storage_load import requests
from bench.storage_recording import Recording, record
from otel_taskmon.queries.connection import Client, connect
from tests.support.otlp_requests import send
from tests.support.store import Store, running_store
from tests.support.waiting import wait_until

GOAL_ALL = 400
GOAL_TYPED = 220
RAW = ("otel_", "celery_task_events")
"""How the names of those tables begin that may go first: what came in as it came, and the events of tasks that have
ended since. The others answer all that the viewer asks about tasks."""
KINDS = {
    "attributes of spans and events": r"(?:.*Attributes|attrs)",
    "ids": r"\w+_id|\w+Id",
    "text indexes": r"index idx_(?:args|kwargs|exc_\w+)",
    "other skip indexes": r"index \w+",
    "times and durations": r"\w+_(?:at|ns)|ts|eta|expires|Start|End|(?:Events\.)?Timestamp|TimeUnix|Duration|\w+At",
    "payload and exception texts": r"args|kwargs|result|exc_message|exc_stacktrace|reason",
    "the rest": r".*",
}
"""Of a column's or an index's name; the first that fits."""
ROUNDS = 60
HEAVIEST = 25
SENDERS = 48


def load(store: Store, recording: Recording, tasks: int) -> int:
    """Sends them; how many tasks were sent (whole workflows, so some more than asked for)."""
    sent = 0

    def deliver(request: tuple[str, bytes, int]) -> int:
        path, body, count = request
        answer = send(store.otlp_http_port, body, path=path, timeout=120)
        while answer.status == 503:
            answer = send(store.otlp_http_port, body, path=path, timeout=120)
        assert answer.status == 200, answer.body
        return count

    batch: list[tuple[str, bytes, int]] = []
    with ThreadPoolExecutor(SENDERS) as pool:
        for request in requests(recording, tasks):
            batch.append(request)
            if len(batch) == SENDERS * 2:
                sent += sum(pool.map(deliver, batch))
                batch.clear()
                print(f"\r{sent:,} of {tasks:,} tasks sent", end="", flush=True)
        sent += sum(pool.map(deliver, batch))
    print(f"\r{sent:,} tasks sent          ")
    return sent


def merge(admin: Client) -> None:
    """Every table into one part a partition, with a file for each column as large parts have."""
    for table, _ in admin.ask(read("storage_kept")).rows:
        named = {"table": table}
        admin.run("ALTER TABLE otel.{table:Identifier} MODIFY SETTING min_bytes_for_wide_part = 0", named)
        admin.run("OPTIMIZE TABLE otel.{table:Identifier} FINAL", named)


def report(admin: Client, tasks: int) -> tuple[float, float]:
    """Prints; bytes per task now, and after the raw rows expired."""
    kept = {str(name): int(days) for name, days in admin.ask(read("storage_kept")).rows}
    rows: Sequence[Sequence[object]] = admin.ask(read("storage_tables")).rows
    titles = f"{'all':>8}{'columns':>9}{'indexes':>9}{'marks, keys':>12}{'unpacked':>10}"
    print(f"\n{'bytes per task':<28}{'days':>5}{'rows/task':>10}{titles}")
    total = typed = 0.0
    for row in rows:
        table = str(row[0])
        count, _, size, columns, indexes, _, unpacked = (int(str(cell)) for cell in row[1:])
        days = kept.get(table, 0)
        total += size / tasks
        if not table.startswith(RAW):
            typed += size / tasks
        if size / tasks < 0.05:
            continue
        print(
            f"{table:<28}{days or '':>5}{count / tasks:>10.2f}{size / tasks:>8.1f}{columns / tasks:>9.1f}"
            f"{indexes / tasks:>9.1f}{(size - columns - indexes) / tasks:>12.1f}{unpacked / tasks:>10.0f}"
        )
    print(f"{'all tables':<43}{total:>8.1f}   goal {GOAL_ALL}{'' if total <= GOAL_ALL else '  over'}")
    print(
        f"{'without raw (otel_*, celery_task_events)':<43}{typed:>8.1f}   goal {GOAL_TYPED}"
        f"{'' if typed <= GOAL_TYPED else '  over'}"
    )
    columns_of_all = [
        (str(table), str(name), int(size) / tasks, int(unpacked) / tasks)
        for table, name, size, unpacked in admin.ask(read("storage_columns")).rows
    ]
    report_kinds(columns_of_all)
    print(f"\n{f'the {HEAVIEST} heaviest':<58}{'bytes per task':>15}{'unpacked':>10}")
    for table, name, each, unpacked_each in columns_of_all[:HEAVIEST]:
        print(f"{f'{table}.{name}':<58}{each:>15.1f}{unpacked_each:>10.1f}")
    return total, typed


def report_kinds(columns: Sequence[tuple[str, str, float, float]]) -> None:
    """What the bytes are, over all tables: (table, name, bytes per task, unpacked) each."""
    sums = dict.fromkeys(KINDS, (0.0, 0.0))
    for table, name, size, _ in columns:
        kind = next(kind for kind, names in KINDS.items() if re.fullmatch(names, name))
        everywhere, typed = sums[kind]
        sums[kind] = everywhere + size, typed + (0 if table.startswith(RAW) else size)
    print(f"\n{'what they are':<43}{'all':>8}{'without raw':>13}")
    for kind, (everywhere, typed) in sums.items():
        print(f"{kind:<43}{everywhere:>8.1f}{typed:>13.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=50_000, help="tasks to send (default 50000)")
    parser.add_argument("--keep", type=Path, help="leave the store in this folder, to be looked at")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="taskmon-bench-") as folder:
        directory = Path(folder)
        print("recording the tasks of a real worker …", flush=True)
        recording = record(directory, ROUNDS)
        place = given.keep or directory / "store"
        place.mkdir(parents=True, exist_ok=True)
        with running_store(place) as store:
            began = time.monotonic()
            tasks = load(store, recording, given.tasks)
            with connect(store.url, "admin", store.admin_password) as admin:
                wait_until(
                    lambda: int(admin.ask(read("storage_count")).only()[0]) >= tasks, "the tasks", timeout=120
                )
                merge(admin)
                print(f"in the tables and merged after {time.monotonic() - began:.0f} s")
                report(admin, tasks)


if __name__ == "__main__":
    main()
