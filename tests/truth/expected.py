"""What must be recorded of one execution, and how far a record is from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Row = Mapping[str, Any]
_ERRORS = ("FAILURE", "LOST")


@dataclass(frozen=True)
class Expected:
    """One execution, or one publish that fails. Several of one task stand in the order in which they began."""

    row: str
    """The row of the matrix that it counts in."""
    task_id: str
    task: str
    state: str
    retries: int = 0
    reason: str = ""
    """A regular expression for the whole reason; "" is no reason."""
    exc_type: str = ""
    is_error: bool | None = None
    """None: what the state says."""
    args: list[Any] | None = field(default_factory=list)
    """None: not compared."""
    kwargs: dict[str, Any] | None = field(default_factory=dict)
    result: str | None = None
    """JSON text; None: not compared."""
    notes: str | None = None
    """A regular expression to be found in the payload's notes; None: not compared."""
    ran: bool = True
    told: bool = True
    """The task writes the truth itself; Celery's own tasks do not."""
    redelivered: bool = False
    eager: bool = False
    root: str | None = None
    """None: what the task saw; of one that did not run, its own id. The same for what follows."""
    parent: str | None = None
    group: str | None = None
    group_index: int | None = None
    chord: str | None = None
    only_latest: bool = False
    """Nobody could report it: ``celery_tasks_latest`` works its state out."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def counts_as_error(self) -> bool:
        return self.state in _ERRORS if self.is_error is None else self.is_error


@dataclass(frozen=True)
class Told:
    """What a task wrote to Redis as it began."""

    execution: str
    task_id: str
    task: str
    retries: int
    args: Any
    kwargs: Any
    root: str | None
    parent: str | None
    group: str | None
    group_index: int | None
    chord: str | None
    redelivered: bool
    eager: bool
    worker: str | None
    pid: int
    started_ns: int

    @property
    def real_parent(self) -> str:
        """On a retry Celery puts the task's own id there."""
        return "" if self.parent in (None, self.task_id) else str(self.parent)


def wrong_fields(expected: Expected, told: Told | None, row: Row, queue: str, worker: str) -> list[str]:
    """Each field of a record in ``celery_task_runs`` that is not what it must be, as ``field: found, not wanted``."""
    wanted: dict[str, Any] = {
        "task_name": expected.task,
        "state": expected.state,
        "retries": expected.retries,
        "exc_type": expected.exc_type,
        "is_error": int(expected.counts_as_error),
        "redelivered": int(expected.redelivered),
        "is_eager": int(expected.eager),
        "queue": "" if expected.eager else queue,
        **_lineage(expected, told),
    }
    if told is not None and not (expected.eager and row["worker"] == worker):
        # an eager task in a worker is recorded with that worker's name, though Celery itself has none for it
        wanted["worker"] = "" if expected.eager else told.worker
    elif told is None:
        wanted["worker"] = worker
    wrong = [f"{name}: {row[name]!r}, not {value!r}" for name, value in wanted.items() if row[name] != value]
    for name, given in (("args", expected.args), ("kwargs", expected.kwargs)):
        if given is not None and _parsed(row[name]) != json.loads(json.dumps(given)):
            wrong.append(f"{name}: {row[name]!r}, not {given!r}")
    if expected.result is not None and _parsed(row["result"]) != json.loads(expected.result):
        wrong.append(f"result: {row['result']!r}, not {expected.result!r}")
    if not re.fullmatch(expected.reason, row["reason"], re.DOTALL):
        wrong.append(f"reason: {row['reason']!r}, not {expected.reason!r}")
    if expected.notes is not None and not re.search(expected.notes, row["payload_notes"]):
        wrong.append(f"payload_notes: {row['payload_notes']!r}, not {expected.notes!r}")
    return wrong


def wrong_in_latest(expected: Expected, told: Told | None, row: Row, queue: str, worker: str) -> list[str]:
    """The same for a row of ``celery_tasks_latest``, which has no payload."""
    lineage = _lineage(expected, told)
    wanted = {
        "task_name": expected.task,
        "state": expected.state,
        "retries": expected.retries,
        "is_error": int(expected.counts_as_error),
        "queue": queue,
        "worker": worker,
        "root_id": lineage["root_id"],
        "parent_id": lineage["parent_id"],
    }
    return [f"{name}: {row[name]!r}, not {value!r}" for name, value in wanted.items() if row[name] != value]


def wrong_in_stock(expected: Expected, told: Told | None, row: Row, queue: str, worker: str) -> list[str]:
    """Of a raw span of the stock instrumentation only what it means to say; the rest it never records."""
    wanted: dict[str, Any] = {
        "task_name": expected.task,
        "state": expected.state,
        "retries": expected.retries,
        "is_error": int(expected.counts_as_error),
        "worker": told.worker if told is not None else worker,
        "queue": queue,
        "exc_type": expected.exc_type,
    }
    if expected.eager:
        del wanted["queue"], wanted["worker"]
    return [f"{name}: {row[name]!r}, not {value!r}" for name, value in wanted.items() if row[name] != value]


def _lineage(expected: Expected, told: Told | None) -> dict[str, Any]:
    """What was said at publishing goes before what the task saw: a record must not share Celery's mistakes."""
    seen = told is not None and not expected.eager
    return {
        "root_id": _first(expected.root, told.root if told and seen else None, expected.task_id),
        "parent_id": _first(expected.parent, told.real_parent if told and seen else None, ""),
        "group_id": _first(expected.group, told.group if told and seen else None, ""),
        "group_index": _first(expected.group_index, told.group_index if told and seen else None, None),
        "chord_id": _first(expected.chord, told.chord if told and seen else None, ""),
    }


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
