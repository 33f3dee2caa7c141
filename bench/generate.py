"""A day of realistic tasks, made inside the engine: ``generate.sql`` into the raw table, so that every view fills.

``load(admin, tasks)`` inserts them in the order of time, as a collector would, in batches; the same number of tasks
makes the same tasks, ending now.
"""

from __future__ import annotations

import time
from pathlib import Path

from otel_taskmon.migrate import split_statements
from otel_taskmon.queries.connection import Client

HERE = Path(__file__).resolve().parent
DAY_NS = 86_400 * 10**9
BATCH_TASKS = 10_000
COLUMNS = (
    "Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, "
    "SpanAttributes, Duration, StatusCode, Events.Timestamp, Events.Name, Events.Attributes"
)


def read(name: str) -> str:
    """The statement of ``bench/<name>.sql``."""
    (text,) = split_statements((HERE / f"{name}.sql").read_text(encoding="utf-8"))
    return text


def load(admin: Client, tasks: int, *, batch: int = BATCH_TASKS, days: int = 1) -> float:
    """Inserts the tasks; seconds it took."""
    started = time.perf_counter()
    question = f"INSERT INTO otel.otel_traces ({COLUMNS}) {read('generate')}"
    length = days * DAY_NS
    day_start = time.time_ns() - length
    for first in range(0, tasks, batch):
        admin.run(
            question,
            {
                "first": first,
                "count": min(batch, tasks - first),
                "total": tasks,
                "day_start": day_start,
                "day_length": length,
            },
        )
    return time.perf_counter() - started


def settle(admin: Client, *, seconds: float = 60) -> str:
    """Waits until no merge runs, without forcing any; says how many parts are left."""
    question = read("running_merges")
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 4 and time.monotonic() < deadline:
        time.sleep(0.5)
        quiet = quiet + 1 if admin.ask(question).only()[0] == 0 else 0
    return ", ".join(f"{table} {parts} parts" for table, parts in admin.ask(read("parts")).rows)
