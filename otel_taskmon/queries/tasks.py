"""The log: one page of tasks or executions, in any order, filtered, and what a page is based on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from otel_taskmon.queries import rows
from otel_taskmon.queries.at_once import AtOnce
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import Per, filter_parameters, microseconds, moment
from otel_taskmon.queries.model import (
    Cursor,
    LogPage,
    LogRow,
    SortKey,
    TaskFilter,
    TaskPage,
    TaskRow,
    TaskSpan,
)
from otel_taskmon.queries.pages_by_value import Found, page_by_value
from otel_taskmon.queries.searching import search_form
from otel_taskmon.queries.statements import statement
from otel_taskmon.queries.task_rows import Row, key_parameters, rest, task_rows

HOUR_US = 3_600_000_000
BACK_US = (HOUR_US, 6 * HOUR_US, 24 * HOUR_US, 168 * HOUR_US)
"""How far back "the newest" is looked for, step by step, before everything is read."""
SEARCH_BACK_US = (24 * HOUR_US, 168 * HOUR_US)
"""The same for a search: it finds few rows and reads an index, so short steps would only add up."""

_LOWEST = -1
_HIGHEST = 2**63 - 1
_TABLES: dict[Per, str] = {"tasks": "celery_tasks", "executions": "celery_task_runs"}


@dataclass(frozen=True)
class _Key:
    sort_value: int
    first_published_at: datetime
    task_id: str
    execution_id: str


def list_tasks(
    client: Client,
    wanted: TaskFilter,
    *,
    sort: SortKey = "time",
    descending: bool = True,
    limit: int = 100,
    after: Cursor | None = None,
) -> TaskPage:
    """One page of tasks.

    ``after`` is the ``next`` of the page before, asked with the same filter and order: no row appears twice and none
    is left out, whatever arrives meanwhile. Rows without a runtime or wait come last in both directions.
    """
    return TaskPage(*_page(client, wanted, "tasks", TaskRow, sort, descending, limit, after))


def list_executions(
    client: Client,
    wanted: TaskFilter,
    *,
    sort: SortKey = "time",
    descending: bool = True,
    limit: int = 100,
    after: Cursor | None = None,
) -> TaskPage:
    """As ``list_tasks`` with one row per execution; ``executions`` is 1 and ``execution_id`` is set."""
    return TaskPage(*_page(client, wanted, "executions", TaskRow, sort, descending, limit, after))


def log_page(
    client: Client,
    wanted: TaskFilter,
    *,
    per: Per = "tasks",
    sort: SortKey = "time",
    descending: bool = True,
    limit: int = 100,
    after: Cursor | None = None,
) -> LogPage:
    """As ``list_tasks`` or ``list_executions``, of each row only what the log shows: the faster way to a page."""
    return LogPage(*_page(client, wanted, per, LogRow, sort, descending, limit, after))


def task_span(client: Client, wanted: TaskFilter, *, per: Per = "tasks") -> TaskSpan:
    """How many rows fit the filter, from when to when, and how long rows are kept."""
    slots, parameters = search_form(client, per, wanted, shows_state=False)
    with AtOnce() as questions:
        hours = questions.ask(lambda: client.ask(statement("kept_hours"), {"table": _TABLES[per]}).rows)
        count, oldest, newest = client.ask(statement("span_of_rows", **slots), parameters).only()
    kept = hours.result()
    return TaskSpan(
        count=count, oldest=oldest, newest=newest, kept_hours=kept[0][0] or None if kept else None
    )


def _page(
    client: Client,
    wanted: TaskFilter,
    per: Per,
    kind: type[Row],
    sort: SortKey,
    descending: bool,
    limit: int,
    after: Cursor | None,
) -> tuple[list[Row], Cursor | None]:
    by_value = page_by_value(
        client,
        wanted,
        per,
        sort,
        descending,
        limit + 1,
        after,
        lambda keys: _rows_of(client, per, kind, keys),
    )
    if by_value is not None:
        last_shown = by_value[limit - 1]
        return by_value[:limit], Cursor(
            value=last_shown.duration_ns if sort == "runtime" else last_shown.queue_wait_ns,
            first_published_at=last_shown.first_published_at,
            task_id=last_shown.task_id,
            execution_id=last_shown.execution_id,
        )
    keys = _keys(client, wanted, per, sort, descending, limit + 1, after)
    shown = keys[:limit]
    found = _rows_of(
        client, per, kind, [(key.first_published_at, key.task_id, key.execution_id) for key in shown]
    )
    following = None
    if len(keys) > limit:
        last = shown[-1]
        missing = sort == "time" or last.sort_value == _null_value(descending)
        following = Cursor(
            value=None if missing else last.sort_value,
            first_published_at=last.first_published_at,
            task_id=last.task_id,
            execution_id=last.execution_id if per == "executions" else "",
        )
    return found, following


def _null_value(descending: bool) -> int:
    """What stands for "no value" in the order, so that it comes last."""
    return _LOWEST if descending else _HIGHEST


def _keys(
    client: Client,
    wanted: TaskFilter,
    per: Per,
    sort: SortKey,
    descending: bool,
    limit: int,
    after: Cursor | None,
) -> list[_Key]:
    direction = "descending" if descending else "ascending"
    parameters = filter_parameters(wanted)
    parameters |= _cursor_parameters(sort, descending, after)
    keys: list[_Key] = []
    for since_us, until_us in _windows(sort, descending, after, parameters):
        stretch = replace(wanted, since=moment(since_us), until=moment(until_us))
        slots, searched = search_form(client, per, stretch, shows_state=False)
        question = statement(
            "page_keys",
            sort=f"sort_{sort}",
            order=f"order_{per}_{direction}",
            after=f"after_{per}_{direction}",
            row_id=f"row_id_{per}",
            **slots,
        )
        asked = parameters | searched | {"limit": limit - len(keys)}
        keys += [_Key(*row) for row in client.ask(question, asked).rows]
        if len(keys) == limit:
            break
    return keys


def _cursor_parameters(sort: SortKey, descending: bool, after: Cursor | None) -> dict[str, object]:
    null_value = _null_value(descending)
    start: dict[str, object] = {"null_value": null_value, "from_start": int(after is None)}
    if after is None:
        return start | {"cursor_value": 0, "cursor_us": 0, "cursor_task_id": "", "cursor_execution_id": ""}
    without_value = 0 if sort == "time" else null_value
    return start | {
        "cursor_value": without_value if after.value is None else after.value,
        "cursor_us": microseconds(after.first_published_at),
        "cursor_task_id": after.task_id,
        "cursor_execution_id": after.execution_id,
    }


def _windows(
    sort: SortKey, descending: bool, after: Cursor | None, parameters: dict[str, object]
) -> Iterator[tuple[int, int]]:
    """The stretches of time to ask, one after the other until the page is full; together they are the whole range.

    Newest first needs only the newest rows, so it begins with the last hour; every other order needs all at once.
    """
    since_us, until_us = int(str(parameters["since_us"])), int(str(parameters["until_us"]))
    if sort == "time" and after is not None:
        cursor_us = microseconds(after.first_published_at)
        if descending:
            until_us = min(until_us, cursor_us + 1)
        else:
            since_us = max(since_us, cursor_us)
    if sort == "time" and descending:
        newest_us = min(until_us, microseconds(datetime.now(UTC)))
        for back_us in SEARCH_BACK_US if parameters["search"] else BACK_US:
            if newest_us - 2 * back_us > since_us:  # else the rest is not worth a question of its own
                yield newest_us - back_us, until_us
                until_us = newest_us - back_us
    yield since_us, until_us


def _rows_of(client: Client, per: Per, kind: type[Row], keys: Sequence[Found]) -> list[Row]:
    """The rows of these keys, in their order; one that was deleted meanwhile is left out."""
    task_keys = [(first_published_at, task_id) for first_published_at, task_id, _ in keys]
    if per == "tasks":
        found = task_rows(client, task_keys, kind)
        return [found[key] for key in task_keys if key in found]
    if not keys:
        return []
    answer = client.ask(
        statement("executions_by_key", row_rest=rest(kind, per)),
        key_parameters(task_keys) | {"key_execution_ids": [execution_id for *_, execution_id in keys]},
    )
    by_id = {(row.first_published_at, row.task_id, row.execution_id): row for row in rows.many(kind, answer)}
    ordered = (by_id.get(key) for key in keys)
    return [row for row in ordered if row is not None]
