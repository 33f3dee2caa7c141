"""``taskmon purge logs``: deletes tasks from the log, after a count and a question."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

import click

from otel_taskmon.cli.actor import actor
from otel_taskmon.cli.moments import MOMENT
from otel_taskmon.cli.printing import inert, json_option, print_json, time_text
from otel_taskmon.cli.reading import apps_of, open_reader, open_writer, task_options, url_option
from otel_taskmon.errors import QueryFailed, StoreUnavailable

if TYPE_CHECKING:
    from otel_taskmon.queries.purging import PurgePreview, PurgeResult


@click.command("logs", short_help="Delete tasks from the log.")
@url_option
@click.option("--all", "everything", is_flag=True, help="Every task; not together with another choice.")
@click.option(
    "--older-than",
    type=MOMENT,
    metavar="TIME",
    help="Tasks to which nothing happened since: an age like 7d, or a time.",
)
@task_options(since=None)
@click.option("--dry-run", is_flag=True, help="Count, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(
    clickhouse_url: str | None,
    everything: bool,
    older_than: datetime | None,
    task_ids: tuple[str, ...],
    names: tuple[str, ...],
    apps: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete tasks from the log: their executions, publishes, events, spans and statistics, in every table.

    Values of one flag are combined with OR, flags with AND. Counts first and asks; leaves a row in the table audit.
    Tasks that come in meanwhile stay. What waits in a queue is not touched: see taskmon purge queue.

    Deleting needs a user that may: TASKMON_CLICKHOUSE_USER and TASKMON_CLICKHOUSE_PASSWORD (or …_FILE); for a
    taskmon serve on this machine its data directory (TASKMON_DATA_DIR) is enough.

    \b
    Examples:
      taskmon purge logs --older-than 7d --dry-run
      taskmon purge logs --app-name shop --task-name shop.tasks.ping --yes
    """
    if everything == any((older_than, task_ids, names, apps)):
        raise click.UsageError(
            "choose with --older-than, --app-name, --task-name or --task-id, or --all by itself"
        )
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json needs --yes or --dry-run, since it cannot ask")
    with open_reader(clickhouse_url) if dry_run else open_writer(clickhouse_url) as client:
        from otel_taskmon.queries.purging import LogSelection, preview_purge, purge_logs

        selection = LogSelection(
            everything=everything,
            older_than=older_than,
            apps=apps_of(apps),
            names=names,
            task_ids=tuple(dict.fromkeys(task_ids)),
        )
        found = preview_purge(client, selection)
        if not as_json:
            _say_found(found, str(selection))
        if dry_run:
            if as_json:
                print_json({"selection": str(selection), "deleted": False, **dataclasses.asdict(found)})
            return
        # --all also takes what is left without a task: worker events, old statistics
        if not found.tasks and not everything and older_than is None:
            if as_json:
                print_json({"selection": str(selection), "deleted": False, "tasks": 0, "rows": {}})
            return
        if not yes and not click.confirm("Delete them from every table?", default=False):
            raise click.ClickException("nothing was deleted")
        try:
            done = purge_logs(client, selection, actor(), progress=_say_nothing if as_json else _say_table)
        except (KeyboardInterrupt, StoreUnavailable, QueryFailed) as error:
            raise click.ClickException(
                f"cut short{f': {error}' if str(error) else ''}\nOnly chosen tasks lost rows, and not yet in every "
                "table (audit says how many in which). Give the same command again to finish."
            ) from error
    if as_json:
        print_json({"selection": str(selection), "deleted": True, **dataclasses.asdict(done)})
    else:
        _say_done(done)


def _say_found(found: PurgePreview, selection: str) -> None:
    if not found.tasks:
        click.echo(f"No task fits: {inert(selection)}.")
        return
    states = ", ".join(f"{count:,} {state}" for state, count in found.states.items())
    click.echo(
        f"{found.tasks:,} tasks ({inert(states)}), published from {time_text(found.oldest)} "
        f"to {time_text(found.newest)}: {inert(selection)}."
    )


def _say_table(table: str) -> None:
    click.echo(f"deleting from {table} …", err=True)


def _say_nothing(table: str) -> None:
    del table


def _say_done(done: PurgeResult) -> None:
    rows = ", ".join(f"{count:,} of {table}" for table, count in done.rows.items())
    click.echo(f"Deleted {done.tasks:,} tasks; rows: {rows or 'none'}.")
