"""``taskmon up``: store and viewer together."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.options import BOTH_FLAGS, STORE_FLAGS, read_settings, setting_options, store_options
from otel_taskmon.errors import TaskmonError
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
    """Run both until a signal: 0.

    Raises TaskmonError when the viewer's port is taken, ChildEnded when one of them ends by itself; both are gone on
    return.
    """
    from otel_taskmon.cli.addresses import port_free, port_open, store_answers, url, without_proxy
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

    shown_at = (viewer.viewer_host, viewer.viewer_port)
    if not port_free(*shown_at) and port_open(*shown_at):
        raise TaskmonError(
            f"port {viewer.viewer_port} on {viewer.viewer_host} is taken: is taskmon up running already "
            f"({url(*shown_at)})? Else choose another port with --port or "
            "TASKMON_VIEWER_PORT"
        )
    signals = StopSignals()
    address = (store.host, store.http_port)
    store_url = url(*address)
    # What the environment says of another ClickHouse is not meant for the store that we start.
    env = {name: value for name, value in os.environ.items() if not name.startswith("TASKMON_CLICKHOUSE_")}
    env |= without_proxy(os.environ)
    groups: list[list[ChildProcess]] = []
    try:
        serving = ChildProcess.start("store", serve_args(store), env=env)
        groups.insert(0, [serving])
        wait_ready(
            [Awaited(serving, lambda: _is_ours(store, serving.pid) and store_answers(*address))], signals
        )
        # The viewer deletes as the store's admin, whose password is in there.
        viewer_env = env | {"TASKMON_DATA_DIR": str(store.data_dir)}
        showing = ChildProcess.start("viewer", viewer_args(viewer, store_url), env=viewer_env)
        groups.insert(0, [showing])
        viewer_ready = Awaited(showing, lambda: port_open(*shown_at))
        wait_ready([viewer_ready], signals)
        print(f"open {url(*shown_at)}; Ctrl-C ends both", flush=True)
        wait_while_running([serving, showing], signals)
    except StopRequested:
        return 0
    finally:
        stop_in_order(groups, signals)
    return 0


def _is_ours(store: StoreSettings, pid: int) -> bool:
    """Whether the process ``pid`` has the ports of this store: else it is another program that answers there."""
    try:
        said = json.loads((Path(store.data_dir).expanduser() / "listening.json").read_text())
    except (OSError, ValueError):  # not yet, or just being written
        return False
    return isinstance(said, dict) and said.get("pid") == pid
