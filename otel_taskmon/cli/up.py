"""``taskmon up``: store and viewer together."""

from __future__ import annotations

import os
import sys

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.options import BOTH_FLAGS, STORE_FLAGS, read_settings, setting_options, store_options
from otel_taskmon.settings import ReaderSettings, StoreSettings


@click.command("up", short_help="Run the store and the viewer together.")
@store_options
@setting_options(ReaderSettings, BOTH_FLAGS)
def command(**given: str | None) -> None:
    """Run the embedded store and the viewer on it, as two child processes, until Ctrl-C.

    \b
    Example:
      taskmon up --data-dir ~/taskmon-data --port 8601
    """
    store = read_settings(StoreSettings, STORE_FLAGS, given)
    viewer = read_settings(ReaderSettings, BOTH_FLAGS, given)
    needs("store,viewer", "chdb", "clickhouse_connect", "grpc", "uvicorn", "zstandard", "streamlit", "altair")
    sys.exit(run_both(store, viewer))


def run_both(store: StoreSettings, viewer: ReaderSettings) -> int:
    """Run both until a signal: 0. Raises ChildEnded when one of them ends by itself; both are gone on return."""
    from otel_taskmon.cli.addresses import port_open, store_answers, url, without_proxy
    from otel_taskmon.cli.children import (
        Awaited,
        ChildProcess,
        StopRequested,
        StopSignals,
        serve_args,
        stop_in_order,
        viewer_args,
        wait_ready,
        wait_while_running,
    )

    signals = StopSignals()
    store_url = url(store.host, store.http_port)
    # What the environment says of another ClickHouse is not meant for the store that we start.
    env = {name: value for name, value in os.environ.items() if not name.startswith("TASKMON_CLICKHOUSE_")}
    env |= without_proxy(os.environ)
    groups: list[list[ChildProcess]] = []
    try:
        serving = ChildProcess.start("store", serve_args(store), env=env)
        groups.insert(0, [serving])
        wait_ready([Awaited(serving, lambda: store_answers(store.host, store.http_port))], signals)
        # The viewer deletes as the store's admin, whose password is in there.
        viewer_env = env | {"TASKMON_DATA_DIR": str(store.data_dir)}
        showing = ChildProcess.start("viewer", viewer_args(viewer, store_url), env=viewer_env)
        groups.insert(0, [showing])
        viewer_ready = Awaited(showing, lambda: port_open(viewer.viewer_host, viewer.viewer_port))
        wait_ready([viewer_ready], signals)
        print(f"open {url(viewer.viewer_host, viewer.viewer_port)}; Ctrl-C ends both", flush=True)
        wait_while_running([serving, showing], signals)
    except StopRequested:
        return 0
    finally:
        stop_in_order(groups, signals)
    return 0
