"""The cells of the overview's queues and workers; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from otel_taskmon.queries.report_model import QueueNow, WorkerSeen
from taskmon_viewer.components.table import Column
from taskmon_viewer.texts import duration, named

QUEUE_COLUMNS: Final = [
    Column("Queue", "text", link=True, help="Opens what ran of this queue"),
    Column("Waiting", "number", 76, "right", help="Messages in the queue at the last sample"),
    Column("Held", "number", 64, "right", help="Messages that workers hold and have not acknowledged"),
    Column(
        "Consumers", "number", 84, "right", help="Who takes from it: by the broker, else by what workers say"
    ),
    Column("Runs", "number", 76, "right"),
    Column("Wait p95", "number", 84, "right", help="95 % of its executions waited less"),
]
WORKER_COLUMNS: Final = [
    Column("Worker", "text", link=True, help="Opens what this worker ran"),
    Column("Now", "text", 74),
    Column("Running", "number", 72, "right", help="Executions that its last heartbeat named"),
    Column("Last sign of life", "number", 120, "right"),
    Column("Boots", "number", 58, "right", help="Lives of the worker in this range"),
    Column("Runs", "number", 76, "right"),
]


def queue_cells(queue: QueueNow, workers: Mapping[str, int]) -> tuple[str, ...]:
    """``workers`` (queue -> how many living workers take from it) counts where the broker tells no consumers."""
    consumers = queue.consumers
    if consumers is None and workers:
        consumers = workers.get(queue.queue, 0)
    return (
        named(queue.queue),
        _count(queue.depth),
        _count(queue.unacked),
        _count(consumers),
        _count(queue.runs),
        duration(queue.wait_p95_ns),
    )


def worker_cells(worker: WorkerSeen, now: datetime) -> tuple[str, ...]:
    return (
        named(worker.worker),
        "● online" if worker.online else "○ gone" if worker.last_seen else "–",
        _count(worker.running if worker.online else None),
        _ago(worker.last_seen, now),
        _count(worker.boots or None),
        _count(worker.runs),
    )


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "–"
    seconds = max(0, round((now - moment).total_seconds()))
    return f"{duration(seconds * 10**9) if seconds >= 60 else f'{seconds} s'} ago"
