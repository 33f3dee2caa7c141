"""Statistics: one row per task name and app, in any order, page by page or all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Final, Literal, get_args

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import moment
from otel_taskmon.queries.model import SortKey, TaskFilter
from otel_taskmon.queries.report_model import (
    NOTHING,
    BasedOn,
    LogView,
    ReportFilter,
    StatisticsColumn,
    StatisticsPage,
    StatisticsRow,
)
from otel_taskmon.queries.report_range import ReportRange, report_range
from otel_taskmon.queries.statements import statement

COLUMNS: Final[tuple[StatisticsColumn, ...]] = get_args(StatisticsColumn)
TREND_BUCKETS: Final = 24
PAGE_ROWS: Final = 100
NO_LIMIT: Final = 2**32 - 1

Counted = Literal["runs", "succeeded", "failed", "retried", "never_started", "lost"]
"""Columns that count something, each of which leads to exactly that."""
Measured = Literal["runtime", "wait"]
"""Lead to all executions of the row, with a runtime or by queue wait, longest first."""

_VALUES: Final = tuple(field.name for field in fields(StatisticsRow) if field.name != "trend")


def statistics(
    client: Client,
    wanted: ReportFilter,
    *,
    search: str = "",
    sort: StatisticsColumn = "task_name",
    descending: bool = False,
    limit: int = PAGE_ROWS,
    offset: int = 0,
) -> StatisticsPage:
    """``limit`` rows after the first ``offset``; rows without a value come last in both directions.

    ``search``: part of the task name, in upper or lower case. Raises ValueError for an unknown column or a negative
    number.
    """
    if limit < 1 or offset < 0:
        raise ValueError(f"limit must be at least 1 and offset at least 0, not {limit} and {offset}")
    asked = report_range(client, wanted)
    by_day = asked.by_day(client)
    parameters = _parameters(by_day, search, sort, limit, offset)
    answer = client.ask(_question(by_day, descending), parameters)
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    facts = rows[0] if rows else None
    if facts is None and offset:  # a page behind the last one: it still says how many there are
        first = client.ask(_question(by_day, descending), parameters | {"limit": 1, "offset": 0})
        facts = dict(zip(first.columns, first.rows[0], strict=True)) if first.rows else None
    seconds = asked.bucket_seconds(TREND_BUCKETS)
    return StatisticsPage(
        rows=_with_trends(client, asked, seconds, [_row(values) for values in rows]),
        rows_total=facts["rows_total"] if facts else 0,
        wanted=asked.wanted,
        based_on=BasedOn(facts["runs_of_all"], facts["oldest_of_all"], facts["newest_of_all"])
        if facts
        else NOTHING,
        as_of=asked.as_of,
        bucket_seconds=seconds,
        trend_since=moment(asked.since_us // (seconds * 1_000_000) * seconds * 1_000_000),
        source=asked.source,
        off=asked.off,
    )


def statistics_rows(
    client: Client,
    wanted: ReportFilter,
    *,
    search: str = "",
    sort: StatisticsColumn = "task_name",
    descending: bool = False,
) -> Iterator[StatisticsRow]:
    """All rows of all pages, without trends, as they come from the store; for a file."""
    asked = report_range(client, wanted).by_day(client)
    names = [*_VALUES]
    for values in client.stream(_question(asked, descending), _parameters(asked, search, sort, NO_LIMIT, 0)):
        # The question's first columns are those of the row, in their order.
        yield _row(dict(zip(names, values, strict=False)))


def drill_down(page: StatisticsPage, row: StatisticsRow, what: Counted | Measured) -> LogView:
    """The part of the log behind a cell: for a counted column exactly as many rows as it says."""
    wanted = page.wanted
    chosen = TaskFilter(
        ran_since=wanted.since,
        ran_until=wanted.until,
        names=(row.task_name,),
        apps=(row.app,),
        queues=wanted.queues,
        workers=wanted.workers,
    )
    sort: SortKey = "time"
    match what:
        case "succeeded":
            chosen = replace(chosen, states=("SUCCESS",))
        case "failed":
            chosen = replace(chosen, failed=True)
        case "retried":
            chosen = replace(chosen, states=("RETRY",))
        case "never_started":
            chosen = replace(chosen, ran=False)
        case "lost":
            return LogView(replace(chosen, states=("LOST",)), per="tasks")
        case "runtime":
            chosen, sort = replace(chosen, ran=True), "runtime"
        case "wait":
            sort = "wait"
        case "runs":
            pass
    return LogView(chosen, sort)


def _question(asked: ReportRange, descending: bool) -> str:
    direction = "descending" if descending else "ascending"
    return statement("statistics_rows", **asked.slots(), order=f"order_statistics_{direction}")


def _parameters(asked: ReportRange, search: str, sort: str, limit: int, offset: int) -> dict[str, object]:
    if sort not in COLUMNS:
        raise ValueError(f"{sort!r} is no column of the statistics; there are {', '.join(COLUMNS)}")
    return asked.parameters() | {"search": search.strip(), "sort": sort, "limit": limit, "offset": offset}


def _row(values: dict[str, Any]) -> StatisticsRow:
    return StatisticsRow(**{name: values[name] for name in _VALUES})


def _with_trends(
    client: Client, asked: ReportRange, seconds: int, rows: Sequence[StatisticsRow]
) -> tuple[StatisticsRow, ...]:
    if not rows:
        return ()
    answer = client.ask(
        statement("statistics_trend", **asked.slots()),
        asked.parameters() | {"names": [row.task_name for row in rows], "bucket_us": seconds * 1_000_000},
    )
    points = {
        (name, app): dict(zip(buckets, counts, strict=True)) for name, app, buckets, counts in answer.rows
    }
    buckets = asked.buckets(seconds)
    return tuple(
        replace(
            row,
            trend=tuple(points.get((row.task_name, row.app), {}).get(number, 0) for number in buckets),
        )
        for row in rows
    )
