"""Realistic tasks, made inside the engine: ``generate.sql`` into the raw table, so that every view fills.

Nothing travels: each batch is an INSERT … SELECT of the engine, two at a time. The newest tasks come last and in small
batches, so that the youngest parts are as small as where a collector sends them. The same number of tasks over the
same days makes the same tasks.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from otel_taskmon.errors import QueryFailed
from otel_taskmon.migrate import split_statements
from otel_taskmon.queries.connection import Client, connect
from tests.support.store import Store

HERE: Final = Path(__file__).resolve().parent
DAY_NS: Final = 86_400 * 10**9
BATCH_TASKS: Final = 100_000
LAST_TASKS: Final = 50_000
"""So many come in small batches."""
LAST_BATCH_TASKS: Final = 5_000
AT_ONCE: Final = 2
"""As many as the store has lanes for statements that write."""
TRIES: Final = 10
LOAD_SECONDS: Final = 900
"""The most that one batch may take, on a machine that is busy with other work."""
COLUMNS: Final = (
    "Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, "
    "SpanAttributes, Duration, StatusCode, Events.Timestamp, Events.Name, Events.Attributes"
)


@dataclass(frozen=True)
class Generated:
    """What to make: ``tasks`` spread over ``days`` that end at ``end_ns`` (since the epoch)."""

    tasks: int
    days: int
    end_ns: int

    def parameters(self, first: int, count: int) -> dict[str, object]:
        length = self.days * DAY_NS
        return {
            "first": first,
            "count": count,
            "total": self.tasks,
            "day_start": self.end_ns - length,
            "day_length": length,
        }


def read(name: str) -> str:
    """The statement of ``bench/<name>.sql``."""
    (text,) = split_statements((HERE / f"{name}.sql").read_text(encoding="utf-8"))
    return text


def batches(tasks: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """(first task, number of tasks) of each insert, in the order of time."""
    while first < tasks:
        large = tasks - LAST_TASKS - first
        count = min(BATCH_TASKS, large) if large > 0 else min(LAST_BATCH_TASKS, tasks - first)
        yield first, count
        first += count


def load(store: Store, wanted: Generated, *, first: int = 0, raw: bool = True) -> Iterator[int]:
    """Inserts the tasks from number ``first`` on; says after each batch how many there are, and shows it on stderr.

    Without ``raw`` the spans are dropped again, batch by batch: the views have read them by then.
    """
    question = f"INSERT INTO otel.otel_traces ({COLUMNS}) {read('generate')}"
    with connect(store.url, "admin", store.admin_password, read_seconds=LOAD_SECONDS) as admin:
        began = time.perf_counter()

        def insert(batch: tuple[int, int]) -> int:
            for left in reversed(range(TRIES)):
                try:
                    admin.run(question, wanted.parameters(*batch))
                    break
                except QueryFailed:
                    # for lack of memory, beside merges; the same rows again replace what came in
                    if not left:
                        raise
                    time.sleep(5)
            if not raw:
                admin.run("TRUNCATE TABLE otel.otel_traces")
            return sum(batch)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in pool.map(insert, batches(wanted.tasks, first)):
                seconds = time.perf_counter() - began
                left = seconds / (done - first) * (wanted.tasks - done)
                line = f"\r{done:,} of {wanted.tasks:,} tasks in {seconds:.0f} s, about {left:.0f} s left   "
                print(line, end="\n" if done == wanted.tasks else "", file=sys.stderr, flush=True)
                yield done


def load_queue_samples(admin: Client, days: int, end_ns: int) -> None:
    """Lengths of queues over the same days."""
    admin.run(
        f"INSERT INTO otel.otel_metrics_gauge (TimeUnix, MetricName, Attributes, Value) {read('queue_samples')}",
        {"range_start": end_ns - days * DAY_NS, "samples": days * 8640},
    )


def merge(admin: Client) -> None:
    """Brings every day into one part, as the store does by itself an hour after a day's last row.

    Also the day that is not over. There publish and run of a task arrive seconds apart and are merged within minutes,
    so that few rows of it stand twice; a load puts in all publishes of an hour and then all runs, and how many of
    these have found each other when it ends would be chance.

    And takes the hourly statistics' replaced rows away: while a load goes on every hour of it is computed again every
    five minutes, which otherwise happens to the newest hour alone.
    """
    for table, partition in admin.ask(read("unmerged_parts")).rows:
        admin.run(f"OPTIMIZE TABLE otel.{table} PARTITION ID '{partition}' FINAL")
    admin.run("OPTIMIZE TABLE otel.celery_task_stats_1h FINAL")


def sizes(admin: Client) -> Sequence[Sequence[Any]]:
    """(table, rows, bytes on disk), the largest first."""
    return admin.ask(read("sizes")).rows


def settle(admin: Client, *, seconds: float = 60) -> str:
    """Waits until no merge runs, without forcing any; says how many parts are left."""
    question = read("running_merges")
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 4 and time.monotonic() < deadline:
        time.sleep(0.5)
        quiet = quiet + 1 if admin.ask(question).only()[0] == 0 else 0
    return ", ".join(f"{table} {parts} parts" for table, parts in admin.ask(read("parts")).rows)
