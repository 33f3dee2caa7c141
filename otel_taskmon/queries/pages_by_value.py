"""Pages by runtime or queue wait, without sorting all rows of a range.

The rows with the largest values are looked for among everything that was reported, also what a newer report has
replaced since: that reads one narrow column and merges nothing. Then the tasks of those rows are read as they are now.
Every row as it is now was once reported, so whichever has a value beyond the last candidate's is among the candidates;
where those fill the page it is the exact page, and where they do not, more are taken, and then the general question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import MADE_WHEN_READ, Per, filter_parameters
from otel_taskmon.queries.model import Cursor, LogRow, SortKey, TaskFilter
from otel_taskmon.queries.statements import statement
from otel_taskmon.queries.task_rows import Row

Found = tuple[datetime, str, str]
"""``first_published_at``, ``task_id`` and ``execution_id``, which is empty for tasks."""
Reader = Callable[[Sequence[Found]], list[Row]]
"""The rows of these keys as they are now; one that was deleted has none."""

_VALUES: Final[dict[SortKey, str]] = {"runtime": "duration_ns", "wait": "queue_wait_ns"}
_FIELDS: Final = {
    "states": "state",
    "apps": "app",
    "names": "task_name",
    "exceptions": "exc_type",
    "queues": "queue",
    "workers": "worker",
    "priorities": "priority",
}
_WIDER: Final = (1, 8)


def page_by_value(
    client: Client,
    wanted: TaskFilter,
    per: Per,
    sort: SortKey,
    descending: bool,
    limit: int,
    after: Cursor | None,
    read: Reader[Row],
) -> list[Row] | None:
    """``limit`` rows in order, all of which have a value; None where only the general question can tell."""
    if not _is_answerable(wanted, per, sort, after):
        return None
    direction = "descending" if descending else "ascending"
    question = statement(
        "page_candidates",
        candidate_value=f"candidate_value_{sort}",
        candidate_source=f"candidate_source_{per}",
        candidate_after=f"candidate_after_{direction}",
        candidate_order=f"candidate_order_{direction}",
        row_id=f"row_id_{per}",
    )
    parameters = filter_parameters(wanted) | {
        "from_start": int(after is None),
        "cursor_value": 0 if after is None else after.value,
    }
    for factor in _WIDER:
        count = factor * (limit + limit // 12 + 4)
        candidates = client.ask(question, parameters | {"limit": count}).rows
        if len(candidates) < limit:
            return None
        keys: list[Found] = [(first, task_id, row_id) for _, first, task_id, row_id in candidates]
        last = candidates[-1][0] if len(candidates) == count else None
        rows = _sure(read(list(dict.fromkeys(keys))), wanted, sort, descending, after, last)
        if len(rows) >= limit:
            return rows[:limit]
        if last is None:
            return None
    return None


def _is_answerable(wanted: TaskFilter, per: Per, sort: SortKey, after: Cursor | None) -> bool:
    if sort not in _VALUES or (after is not None and after.value is None):
        return False
    if wanted.search.strip() or wanted.failed:
        return False
    if any(bound is not None for bound in (wanted.ran, wanted.ran_since, wanted.ran_until)):
        return False
    return per == "executions" or MADE_WHEN_READ.isdisjoint(wanted.states)


def _sure(
    rows: Sequence[Row],
    wanted: TaskFilter,
    sort: SortKey,
    descending: bool,
    after: Cursor | None,
    last: int | None,
) -> list[Row]:
    """In order: what fits the filter now, comes after the cursor, and has a value beyond the last candidate's."""
    found = []
    for row in rows:
        value: int | None = getattr(row, _VALUES[sort])
        if value is None or not _fits(row, wanted):
            continue
        if last is not None and not (value > last if descending else value < last):
            continue
        key = (value, row.first_published_at, row.task_id, row.execution_id)
        if after is not None and after.value is not None:
            start = (after.value, after.first_published_at, after.task_id, after.execution_id)
            if not (key < start if descending else key > start):
                continue
        found.append((key, row))
    found.sort(key=lambda one: one[0], reverse=descending)
    return [row for _, row in found]


def _fits(row: LogRow, wanted: TaskFilter) -> bool:
    return all(
        not getattr(wanted, name) or getattr(row, column) in getattr(wanted, name)
        for name, column in _FIELDS.items()
    )
