"""The ``taskmon`` command. Each command lives in its own module, imported only when it is asked for."""

from __future__ import annotations

import io
import logging
import os
import sys

import click

from otel_taskmon._version import __version__
from otel_taskmon.cli.command_group import CommandGroup


@click.group(
    cls=CommandGroup,
    commands_at={
        "serve": "otel_taskmon.cli.serve",
        "viewer": "otel_taskmon.cli.viewer",
        "up": "otel_taskmon.cli.up",
        "migrate": "otel_taskmon.cli.migrate",
        "inspect": "otel_taskmon.cli.inspect",
        "purge": "otel_taskmon.cli.purge",
        "outbox": "otel_taskmon.cli.outbox",
        "export": "otel_taskmon.cli.export",
        "sql": "otel_taskmon.cli.sql",
        "doctor": "otel_taskmon.cli.doctor",
        "demo": "otel_taskmon.cli.demo",
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="taskmon", message="%(prog)s %(version)s")
def cli() -> None:
    """Every Celery task, kept in ClickHouse tables and shown on pages.

    Start with "taskmon demo". Exit codes: 0 done, 1 failed, 2 wrong usage.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        click.get_current_context().color = False  # click itself knows neither
    # The driver logs what it also raises, and what it raises we say ourselves, in one line.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal of another encoding cannot show comes as \u2192, never as a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(cli.main(prog_name="taskmon"))
