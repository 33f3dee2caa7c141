"""How much the log holds, and what it takes on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.overview import facets
from otel_taskmon.queries.statements import statement
from otel_taskmon.queries.tasks import task_span

_LOG_TABLES: Final = frozenset(
    {
        "celery_tasks", "celery_task_runs", "celery_task_sends", "celery_task_events",
        "otel_traces", "otel_traces_trace_id_ts", "otel_logs",
    }
)  # fmt: skip
"""Their rows are about single tasks; the size of a task is theirs, divided by the number of tasks."""


@dataclass(frozen=True)
class TableSize:
    """A table on the disk: rows (repeats that are not merged yet included) and compressed bytes."""

    table: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class LogSize:
    """The whole log; ``bytes`` and ``bytes_per_task`` are compressed, of the tables with rows of tasks."""

    tasks: int
    executions: int
    oldest: datetime | None
    newest: datetime | None
    kept_hours: int | None
    states: Mapping[str, int]
    bytes: int
    bytes_per_task: float | None
    tables: list[TableSize]


def log_size(client: Client) -> LogSize:
    """Count everything. On a cluster, sizes are those of the server that answers."""
    everything = TaskFilter()
    span = task_span(client, everything)
    executions = task_span(client, everything, per="executions")
    tables = [TableSize(*row) for row in client.ask(statement("log_sizes")).rows]
    total = sum(size.bytes for size in tables if size.table in _LOG_TABLES)
    return LogSize(
        tasks=span.count,
        executions=executions.count,
        oldest=span.oldest,
        newest=span.newest,
        kept_hours=span.kept_hours,
        states={str(found.value): found.count for found in facets(client, everything).states},
        bytes=total,
        bytes_per_task=total / span.count if span.count else None,
        tables=tables,
    )
