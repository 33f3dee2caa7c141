"""Each table: rows, parts, size, bytes per task, the oldest row, and how long rows are kept, wished and in fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from otel_taskmon import retention
from otel_taskmon.doctor.finding import Finding, ok, warning
from otel_taskmon.errors import QueryFailed
from otel_taskmon.migrating.cluster import LOCAL
from otel_taskmon.migrating.target import one_line
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.statements import statement
from otel_taskmon.retention import Keeping
from otel_taskmon.settings import RetentionSettings

MANY_PARTS: Final = 300
"""In one partition. ClickHouse slows inserts down at 1000 and refuses them at 3000."""
_LOOKS_HOURS: Final = 24
"""The engine looks every four hours, and merges when it has time."""
_DAY: Final = 24
_PARTITION_HOURS: Final = {
    # by the day of the first publish, while they age by what came last: an ETA or late retries keep the whole day
    **dict.fromkeys(("celery_task_runs", "celery_task_sends", "celery_tasks"), 7 * _DAY),
    "celery_queue_depth": 7 * _DAY,
    **dict.fromkeys(("celery_task_stats_1h", "celery_task_stats_1d"), 31 * _DAY),
}
"""A part goes when its last row is due: by as much its first ones stay longer. Tables that are not here: a day."""
_KIB: Final = 1024


@dataclass(frozen=True)
class _Size:
    rows: int
    bytes: int
    parts: int
    most_parts: int


def check_tables(client: Client, kept: RetentionSettings) -> Iterator[Finding]:
    """A line per table whose rows age, and one for all. On a cluster: sizes are those of the server that answers."""
    try:
        sizes = {
            str(row[0]).removesuffix(LOCAL): _Size(*(int(number) for number in row[1:]))
            for row in client.ask(statement("doctor_tables")).rows
        }
    except QueryFailed as error:
        yield warning("sizes", one_line(error), "GRANT SELECT ON system.parts to the user that asks.")
        sizes = {}
    tasks = sizes["celery_tasks"].rows if "celery_tasks" in sizes else 0
    if sizes:
        total = sum(size.bytes for size in sizes.values())
        per_task = f", {total / tasks:.0f} B per task" if tasks else ""
        yield ok("sizes", f"{_bytes(total)} in {len(sizes)} tables{per_task}")
    actual = _actual(client)
    for keeping in retention.wanted(kept):
        if keeping.table in actual:
            yield _table(client, keeping, actual[keeping.table], sizes.get(keeping.table), tasks)


def _actual(client: Client) -> dict[str, Sequence[object]]:
    names = list(retention.TABLES)
    rows = client.ask(
        statement("retention_current"), {"tables": [*names, *(name + LOCAL for name in names)]}
    ).rows
    # on a cluster the Distributed table has the plain name, and no TTL
    return {str(row[0]).removesuffix(LOCAL): row[1:] for row in sorted(rows, key=lambda row: str(row[0]))}


def _table(
    client: Client, keeping: Keeping, actual: Sequence[object], size: _Size | None, tasks: int
) -> Finding:
    subject = keeping.table
    oldest = client.ask(
        statement("doctor_oldest"),
        {"table": keeping.table, "column": retention.time_column(keeping.table)},
    ).only()[0]
    hours = [int(str(age)) for age in actual[0]] if isinstance(actual[0], list | tuple) else []
    said = ", ".join((*_size(size, tasks), *_age(oldest), f"kept {_kept(hours)}"))
    if retention.differs(actual, keeping):
        wished = str(keeping).partition(": ")[2]
        return warning(
            subject,
            f"{said}, wished {wished}",
            'Run "taskmon migrate" with the same settings as here (a "taskmon serve" does it at its start), or set '
            "TASKMON_DATA_MAX_AGE and the settings beside it as the store has it.",
        )
    if hours and oldest is not None and int(oldest) > max(hours) + _late(keeping.table):
        return warning(
            subject,
            f"{said}: rows stay longer than that",
            "Is the server too busy to merge, or its disk full? See system.merges and system.mutations.",
        )
    if size is not None and size.most_parts > MANY_PARTS:
        return warning(
            subject,
            f"{said}: {size.most_parts} parts in one partition",
            "Inserts come in batches that are too small, or merges do not keep up: see the Collector's batch settings.",
        )
    return ok(subject, said)


def _late(table: str) -> int:
    return _PARTITION_HOURS.get(table, _DAY) + _LOOKS_HOURS


def _size(size: _Size | None, tasks: int) -> Iterator[str]:
    if size is None:
        yield "empty"
        return
    yield f"{size.rows} rows, {size.parts} parts, {_bytes(size.bytes)}"
    if tasks:
        yield f"{size.bytes / tasks:.0f} B per task"


def _age(oldest_hours: object) -> Iterator[str]:
    if oldest_hours is not None:
        yield f"oldest row {oldest_hours} h"


def _kept(hours: Sequence[int]) -> str:
    if not hours:
        return "for ever"
    return f"{hours[0]} h" if len(hours) == 1 else f"{hours[0]} h, failures {hours[1]} h"


def _bytes(count: int) -> str:
    return f"{count / _KIB / _KIB:.1f} MiB" if count >= _KIB * _KIB else f"{count / _KIB:.1f} KiB"
