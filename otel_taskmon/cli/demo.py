"""``taskmon demo``: the whole product on real tasks."""

from __future__ import annotations

import sys

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.options import BOTH_FLAGS, STORE_FLAGS, chosen_fields, read_settings, setting_options
from otel_taskmon.settings import ReaderSettings, StoreSettings

_DEFAULTS = {"data_dir": "a folder that is removed at the end"}


@click.command("demo", short_help="Run everything on a small shop's tasks.")
@click.option(
    "--once", is_flag=True, help="Run a fixed load, compare the tables with what happened, exit 0 or 1."
)
@setting_options(StoreSettings, STORE_FLAGS, defaults=_DEFAULTS)
@setting_options(ReaderSettings, BOTH_FLAGS)
def command(once: bool, **given: str | None) -> None:
    """Run a small shop's tasks on a broker, worker, store and viewer of their own, until Ctrl-C.

    Nothing but a writable temporary folder is needed. A default port that is taken is replaced by a free one; one
    that you chose is not. With --once no viewer is started.

    \b
    Examples:
      taskmon demo
      taskmon demo --once
      taskmon demo --data-dir ./demo-data --port 8601
    """
    store = read_settings(StoreSettings, STORE_FLAGS, given)
    viewer = read_settings(ReaderSettings, BOTH_FLAGS, given)
    chosen = chosen_fields(StoreSettings, given) | chosen_fields(ReaderSettings, given)
    needs(
        "demo",
        *("chdb", "clickhouse_connect", "grpc", "uvicorn", "zstandard", "streamlit", "altair", "redis"),
    )
    from otel_taskmon.demo.runner import DemoOptions, run_demo

    sys.exit(run_demo(DemoOptions(once=once, store=store, viewer=viewer, chosen=chosen)))
