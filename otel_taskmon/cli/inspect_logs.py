"""``taskmon inspect logs``: how much is in the log, or rows of it."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from otel_taskmon.cli.printing import (
    bytes_text,
    duration_text,
    json_option,
    print_json,
    print_table,
    time_text,
)
from otel_taskmon.cli.reading import NO_APP, STATE, apps_of, open_reader, task_options, url_option

if TYPE_CHECKING:
    from otel_taskmon.queries.connection import Client
    from otel_taskmon.queries.model import TaskFilter, TaskRow

_ROWS = 20
_MOST_ROWS = 10_000
_COLUMNS = ("published", "state", "task", "app", "queue", "worker", "runtime", "retries", "id", "exception")


@click.command("logs", short_help="Count the log, or list rows of it.")
@url_option
@task_options()
@click.option(
    "--state",
    "states",
    type=STATE,
    metavar="STATE",
    multiple=True,
    help="State, for example FAILURE; may be repeated.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST_ROWS),
    metavar="ROWS",
    help=f"Most rows to list.  [default: {_ROWS}]",
)
@json_option
def command(
    clickhouse_url: str | None,
    task_ids: tuple[str, ...],
    names: tuple[str, ...],
    apps: tuple[str, ...],
    states: tuple[str, ...],
    since: datetime | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Count the log: tasks, per state, the oldest, and size on disk.

    With a filter or --limit: list tasks instead, the newest first. Values of one flag are combined with OR, flags
    with AND.

    \b
    Examples:
      taskmon inspect logs
      taskmon inspect logs --state FAILURE --since 24h --limit 50
    """
    with open_reader(clickhouse_url) as client:
        if not any((task_ids, names, apps, states, since, limit)):
            _summary(client, as_json)
            return
        from otel_taskmon.queries.model import TaskFilter

        wanted = TaskFilter(since=since, states=states, apps=apps_of(apps), names=names)
        _rows(client, wanted, task_ids, limit or _ROWS, as_json)


def _summary(client: Client, as_json: bool) -> None:
    from otel_taskmon.queries.log_sizes import log_size

    size = log_size(client)
    if as_json:
        print_json(dataclasses.asdict(size))
        return
    kept = "for ever" if size.kept_hours is None else f"{size.kept_hours} h"
    average = "-" if size.bytes_per_task is None else bytes_text(round(size.bytes_per_task))
    facts = [
        ("tasks", f"{size.tasks:,}"),
        ("executions", f"{size.executions:,}"),
        ("oldest", time_text(size.oldest)),
        ("newest", time_text(size.newest)),
        ("kept", kept),
        ("size on disk", bytes_text(size.bytes)),
        ("size per task", average),
    ]
    print_table(("log", ""), facts)
    if not size.tasks:
        click.echo(
            "No task is in the log yet. Workers send to OTEL_EXPORTER_OTLP_ENDPOINT; see taskmon demo.",
            err=True,
        )
        return
    print_table(("state", "tasks"), list(size.states.items()))
    tables = [(table.table, table.rows, bytes_text(table.bytes)) for table in size.tables]
    print_table(("table", "rows", "size on disk"), tables)


def _rows(client: Client, wanted: TaskFilter, task_ids: tuple[str, ...], limit: int, as_json: bool) -> None:
    from otel_taskmon.queries.tasks import list_tasks, task_span

    if task_ids:
        found = _by_id(client, wanted, task_ids)
        count, shown = len(found), found[:limit]
    else:
        shown = list_tasks(client, wanted, limit=limit).rows
        count = len(shown) if len(shown) < limit else task_span(client, wanted).count
    if as_json:
        print_json({"tasks": count, "rows": [dataclasses.asdict(row) for row in shown]})
        return
    if shown:
        print_table(_COLUMNS, [_cells(row) for row in shown])
    click.echo(f"{len(shown):,} of {count:,} tasks" if shown else "no task fits", err=True)


def _by_id(client: Client, wanted: TaskFilter, task_ids: tuple[str, ...]) -> list[TaskRow]:
    from otel_taskmon.queries.model import TaskRow
    from otel_taskmon.queries.statements import statement
    from otel_taskmon.queries.task_rows import task_rows

    keys = [
        (row[0], row[1])
        for task_id in dict.fromkeys(task_ids)
        for row in client.ask(statement("keys_of_task"), {"task_id": task_id}).rows
    ]
    rows = sorted(
        task_rows(client, keys, TaskRow).values(), key=lambda row: row.first_published_at, reverse=True
    )
    return [row for row in rows if _fits(row, wanted)]


def _fits(row: TaskRow, wanted: TaskFilter) -> bool:
    return (
        (not wanted.states or row.state in wanted.states)
        and (not wanted.apps or row.app in wanted.apps)
        and (not wanted.names or row.task_name in wanted.names)
        and (wanted.since is None or row.first_published_at >= wanted.since)
    )


def _cells(row: TaskRow) -> tuple[Any, ...]:
    return (
        row.first_published_at,
        row.state,
        row.task_name,
        row.app or NO_APP,
        row.queue,
        row.worker,
        duration_text(row.duration_ns),
        row.retries,
        row.task_id,
        f"{row.exc_type}: {row.exc_message}"[:200] if row.exc_type else "",
    )
