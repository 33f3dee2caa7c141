"""``taskmon inspect workers``: who was seen, when, and what runs now."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import click

from otel_taskmon.cli.moments import MOMENT
from otel_taskmon.cli.printing import json_option, print_json, print_table
from otel_taskmon.cli.reading import open_reader, url_option

_COLUMNS = (
    "worker",
    "alive",
    "last seen",
    "first seen",
    "boots",
    "running",
    "held",
    "pool",
    "host",
    "version",
)


@click.command("workers", short_help="List the workers that were seen.")
@url_option
@click.option(
    "--since",
    type=MOMENT,
    metavar="TIME",
    help="Heard of since: an age like 24h or 7d, or a time.  [default: ever]",
)
@json_option
def command(clickhouse_url: str | None, since: datetime | None, as_json: bool) -> None:
    """List the workers that were seen, those heard of last first.

    Running and held (received, not started) are what the newest heartbeat said; a heartbeat comes every 10 seconds.
    A worker starts a new boot each time it starts.

    \b
    Example:
      taskmon inspect workers --since 24h
    """
    with open_reader(clickhouse_url) as client:
        from otel_taskmon.queries.workers import seen_workers

        found = seen_workers(client, since)
    if as_json:
        print_json([dataclasses.asdict(worker) for worker in found])
        return
    if not found:
        click.echo("No worker was seen. Workers send heartbeats unless TASKMON_EVENTS is false.", err=True)
        return
    rows = [
        (
            w.worker, w.is_alive, w.last_seen, w.first_seen, w.boots, w.running if w.is_alive else 0,
            w.held if w.is_alive else 0, w.pool_size, w.host, w.version,
        )
        for w in found
    ]  # fmt: skip
    print_table(_COLUMNS, rows)
