"""Rows of the log for keys that are known: a task's own facts, its executions counted, its arguments in short.

Small questions by primary key, two of them at once, instead of one with two joins: less than half the time for a page
of 100. Tasks are read as they are stored, which is cheaper, and once more where their state is made when it is read.
What a page costs is columns times rows, since its rows lie far from each other: so only those of ``kind`` are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from otel_taskmon.queries import rows
from otel_taskmon.queries.at_once import AtOnce
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import STORED, Per, microseconds
from otel_taskmon.queries.model import LogRow, TaskRow
from otel_taskmon.queries.statements import statement

TaskKey = tuple[datetime, str]
"""``first_published_at`` and ``task_id``."""
Row = TypeVar("Row", LogRow, TaskRow)


def key_parameters(keys: Sequence[TaskKey]) -> dict[str, object]:
    """What ``given_keys`` needs."""
    return {
        "key_times_us": [microseconds(first_published_at) for first_published_at, _ in keys],
        "key_task_ids": [task_id for _, task_id in keys],
    }


def rest(kind: type[LogRow], per: Per) -> str:
    """The file for the slot of what only a whole row says."""
    return f"row_rest_{per}" if issubclass(kind, TaskRow) else "row_rest_off"


def task_rows(client: Client, keys: Sequence[TaskKey], kind: type[Row]) -> dict[TaskKey, Row]:
    """The rows of these tasks; a task that was deleted meanwhile has none."""
    if not keys:
        return {}
    with AtOnce() as questions:
        payloads = questions.ask(lambda: _by_key(client, "run_payloads_by_key", keys))
        tasks = _by_key(client, "tasks_by_key", keys, source=STORED, row_rest=rest(kind, "tasks"))
    runs = payloads.result()
    unended = [key for key, facts in tasks.items() if _is_judged_when_read(facts)]
    unrun = [key for key in tasks if key not in runs or tasks[key]["retries"] > runs[key]["newest_retries"]]
    with AtOnce() as questions:
        judged = questions.ask(
            lambda: _by_key(
                client, "tasks_by_key", unended, source="source_tasks", row_rest=rest(kind, "tasks")
            )
        )
        sends = _by_key(client, "send_payloads_by_key", unrun)
    for key in unended:
        del tasks[key]
    tasks |= judged.result()
    found: dict[TaskKey, Row] = {}
    for key, facts in tasks.items():
        payload: Mapping[str, Any] = sends.get(key) or runs.get(key) or {}
        found[key] = rows.one(
            kind,
            {
                **facts,
                "executions": runs[key]["executions"] if key in runs else 0,
                "args_short": payload.get("args_short", ""),
                "kwargs_short": payload.get("kwargs_short", ""),
            },
        )
    return found


def _is_judged_when_read(facts: Mapping[str, Any]) -> bool:
    """Whether state and reason depend on the moment of reading: it waits for its ETA, or its worker may be gone."""
    return facts["state"] in ("RECEIVED", "STARTED") or (
        facts["state"] == "SENT" and facts["eta"] is not None
    )


def _by_key(
    client: Client, name: str, keys: Sequence[TaskKey], **slots: str
) -> dict[TaskKey, dict[str, Any]]:
    if not keys:
        return {}
    answer = client.ask(statement(name, **slots), key_parameters(keys))
    records = (dict(zip(answer.columns, row, strict=True)) for row in answer.rows)
    return {(record["first_published_at"], record["task_id"]): record for record in records}
