"""``taskmon viewer``: the pages."""

from __future__ import annotations

import sys

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.options import VIEWER_FLAGS, read_settings, viewer_options
from otel_taskmon.settings import ReaderSettings


@click.command("viewer", short_help="Show the tasks on pages.")
@viewer_options
def command(**given: str | None) -> None:
    """Show the tasks on pages, from the embedded store or a ClickHouse of yours.

    User and password: TASKMON_CLICKHOUSE_USER, TASKMON_CLICKHOUSE_PASSWORD (or …_FILE).

    \b
    Example:
      taskmon viewer --clickhouse-url http://clickhouse.internal:8123 --port 8601
    """
    settings = read_settings(ReaderSettings, VIEWER_FLAGS, given)
    needs("viewer", "streamlit", "altair", "clickhouse_connect")
    from taskmon_viewer.server import run_viewer

    sys.exit(run_viewer(settings))
