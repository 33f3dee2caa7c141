"""Deleting tasks from the log, so that raw, typed and aggregated tables agree with each other afterwards.

Every table loses the rows of the chosen tasks that were there when the purge began; rows that come in meanwhile stay,
in all tables. The raw rows go too, so nothing comes back when a store derives its tables again after a kill.
Needs a user that may write (``writing.connect_to_write``).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from otel_taskmon.queries.audit import Actor, record_audit
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import END_US, microseconds
from otel_taskmon.queries.statements import statement
from otel_taskmon.queries.stats_refresh import forget_days, recompute_hours, whole_hours_since

CHUNK_TASKS: Final = 1_000_000
"""Ids that one statement compares with; the store holds them in memory (about 100 MB)."""
_UNDER_WAY_S: Final = 0.3
"""An insert that began before the purge is in its tables by then."""
_DOOMED: Final[Mapping[str, str]] = {
    # Last the traces' times: they are told by what is left of the spans.
    "celery_task_runs": "purge_doomed_typed",
    "celery_task_sends": "purge_doomed_typed",
    "celery_task_events": "purge_doomed_events",
    "celery_tasks": "purge_doomed_tasks",
    "celery_worker_boots": "purge_doomed_boots",
    "otel_traces": "purge_doomed_spans",
    "otel_logs": "purge_doomed_records",
    "otel_traces_trace_id_ts": "purge_doomed_trace_times",
}
_STATISTICS: Final = "celery_task_stats_1h"
DAY_S: Final = 86_400


@dataclass(frozen=True)
class LogSelection:
    """Which tasks to delete from the log; what is given is combined with AND, values of one field with OR.

    Raises ValueError when nothing is chosen, or ``everything`` is not alone.
    """

    everything: bool = False
    older_than: datetime | None = None
    """Nothing happened to the task since; worker events that are older go as well, unless names, apps or ids are
    given too."""
    apps: tuple[str, ...] = ()
    """As the log shows them; ``""`` is the unnamed one."""
    names: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        chosen = [self.older_than is not None, bool(self.apps), bool(self.names), bool(self.task_ids)]
        if self.everything == any(chosen):
            raise ValueError("choose tasks to purge, or everything, but not both")

    def __str__(self) -> str:
        """For a question and for the audit, for example ``app shop, older than 2026-01-01 00:00:00 UTC``."""
        if self.everything:
            return "everything"
        parts = [f"app {app or '(none)'}" for app in self.apps] + [f"task name {n}" for n in self.names]
        if len(self.task_ids) > _IDS_NAMED:
            parts.append(f"{len(self.task_ids)} task ids")
        else:
            parts += [f"task id {task_id}" for task_id in self.task_ids]
        if self.older_than is not None:
            parts.append(f"older than {self.older_than.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
        return ", ".join(parts)


_IDS_NAMED: Final = 10


@dataclass(frozen=True)
class PurgePreview:
    """What a purge would delete now."""

    tasks: int
    states: Mapping[str, int]
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True)
class PurgeResult:
    """What a purge deleted: tasks, and rows by table (those of each table, repeats of a batch included)."""

    tasks: int
    rows: Mapping[str, int]


def preview_purge(client: Client, selection: LogSelection) -> PurgePreview:
    """Count what ``purge_logs`` would delete; a reading user is enough."""
    found = client.ask(statement("purge_preview"), _criteria(selection)).rows
    return PurgePreview(
        tasks=sum(row[1] for row in found),
        states={row[0]: row[1] for row in found},
        oldest=min((row[2] for row in found), default=None),
        newest=max((row[3] for row in found), default=None),
    )


def purge_logs(
    client: Client,
    selection: LogSelection,
    actor: Actor,
    *,
    progress: Callable[[str], object] = lambda _table: None,
) -> PurgeResult:
    """Delete the chosen tasks from every table, compute their hours' statistics again, and leave an audit row.

    ``progress`` is told each table that comes next. Takes a second at least: it waits for inserts that had begun.
    Cut short, it leaves tables that agree once the same purge is run again. Raises QueryFailed, StoreUnavailable.
    """
    purge = uuid.uuid4().hex
    tasks = preview_purge(client, selection).tasks
    before_s = _next_second(client)
    chunks = 1 if selection.everything else tasks // CHUNK_TASKS + 1
    shared = _criteria(selection) | {
        "purge": purge,
        "chunks": chunks,
        "before_s": before_s,
        "before_us": before_s * 1_000_000,
        "everything": selection.everything,
        "workers_before_us": _workers_before_us(selection),
    }
    rows = dict.fromkeys((*_DOOMED, _STATISTICS), 0)
    hours: set[int] = set()
    finished = False
    try:
        if not selection.everything:
            client.run(statement("purge_select_tasks"), shared)
        for chunk in range(chunks):
            parameters = shared | {"chunk": chunk}
            if not selection.everything:
                client.run(statement("purge_select_traces"), parameters)
            hours |= _hours_touched(client, parameters)
            for table, doomed in _DOOMED.items():
                progress(table)
                rows[table] += _delete(client, table, doomed, parameters)
        progress(_STATISTICS)
        rows[_STATISTICS] = _purge_statistics(client, selection, shared, sorted(hours))
        for table, deleted in rows.items():
            if deleted:
                client.run(statement("purge_free_space"), {"table": table})
        finished = True
    finally:
        deleted_rows = ", ".join(f"{table} {count}" for table, count in rows.items() if count)
        record_audit(
            client,
            actor,
            action="purge logs",
            target=str(selection),
            affected=tasks,
            detail=f"{'rows' if finished else 'cut short, rows so far'}: {deleted_rows or 'none'}",
        )
        client.run(statement("purge_forget"), {"purge": purge})
    return PurgeResult(tasks=tasks, rows={table: count for table, count in rows.items() if count})


def _criteria(selection: LogSelection) -> dict[str, object]:
    older = selection.older_than
    return {
        "names": list(selection.names),
        "apps": list(selection.apps),
        "task_ids": list(selection.task_ids),
        "older_us": END_US if older is None else microseconds(older),
    }


def _workers_before_us(selection: LogSelection) -> int:
    narrowed = selection.apps or selection.names or selection.task_ids
    return 0 if narrowed or selection.older_than is None else microseconds(selection.older_than)


def _next_second(client: Client) -> int:
    """The second that begins next by the store's clock, after it has begun: rows carry whole seconds."""
    now_us = client.ask(statement("server_time")).only()[0]
    before_s = int(now_us) // 1_000_000 + 1
    time.sleep(before_s - now_us / 1e6 + _UNDER_WAY_S)
    return before_s


def _hours_touched(client: Client, parameters: Mapping[str, object]) -> set[int]:
    question = statement("stats_hours_touched", doomed="purge_doomed_typed")
    return {row[0] for row in client.ask(question, parameters).rows}


def _delete(client: Client, table: str, doomed: str, parameters: Mapping[str, object]) -> int:
    """Rows deleted; a DELETE itself does not say."""
    bound = {**parameters, "table": table}
    count: int = client.ask(statement("purge_count", doomed=doomed), bound).only()[0]
    if count:
        client.run(statement("purge_delete", doomed=doomed), bound)
    return count


def _purge_statistics(
    client: Client, selection: LogSelection, shared: Mapping[str, object], hours: list[int]
) -> int:
    """Hours that are whole in the log are computed again; of older ones the chosen groups go.

    A task of an hour that is half gone from the log already stays counted: nobody can tell its share any more.
    """
    removed = 0
    days = {hour // DAY_S for hour in hours}
    if not selection.task_ids:
        complete_since_s = END_US // 1_000_000 if selection.everything else whole_hours_since(client)
        parameters = {**shared, "complete_since_s": complete_since_s}
        days |= {row[0] for row in client.ask(statement("stats_days_touched"), parameters).rows}
        removed = _delete(client, _STATISTICS, "purge_doomed_stats", parameters)
    if hours:
        removed += recompute_hours(client, hours)
    forget_days(client, sorted(days))
    return removed
