"""``taskmon purge``: deletes, after a count and a question."""

from __future__ import annotations

import click

from otel_taskmon.cli.command_group import CommandGroup


@click.group(
    "purge",
    cls=CommandGroup,
    commands_at={
        "logs": "otel_taskmon.cli.purge_logs",
        "queue": "otel_taskmon.cli.purge_queue",
    },
    short_help="Delete from the log or from queues.",
)
def command() -> None:
    """Delete tasks from the log, or waiting messages from queues. Counts first, asks, and leaves an audit row.

    \b
    Example:
      taskmon purge logs --older-than 7d --dry-run
    """
