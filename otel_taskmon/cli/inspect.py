"""``taskmon inspect``: what is there, without changing anything."""

from __future__ import annotations

import click

from otel_taskmon.cli.command_group import CommandGroup


@click.group(
    "inspect",
    cls=CommandGroup,
    commands_at={
        "logs": "otel_taskmon.cli.inspect_logs",
        "queue": "otel_taskmon.cli.inspect_queue",
        "workers": "otel_taskmon.cli.inspect_workers",
        "settings": "otel_taskmon.cli.inspect_settings",
    },
    short_help="Show the log, queues, workers or settings.",
)
def command() -> None:
    """Show what is in the log, in the queues, which workers were seen, and which settings hold.

    \b
    Example:
      taskmon inspect logs --since 24h
    """
