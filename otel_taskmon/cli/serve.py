"""``taskmon serve``: the embedded store."""

from __future__ import annotations

import logging
import sys

import click

from otel_taskmon.cli.command_group import needs
from otel_taskmon.cli.options import STORE_FLAGS, read_settings, store_options
from otel_taskmon.settings import StoreSettings

_log = logging.getLogger("otel_taskmon.store")


@click.command("serve", short_help="Run the embedded store.")
@store_options
def command(**given: str | None) -> None:
    """Run the embedded store: OTLP in, ClickHouse's HTTP interface out.

    The passwords of the users that may write come from TASKMON_INGEST_PASSWORD and TASKMON_ADMIN_PASSWORD (or
    …_FILE), else from files in the data directory that the first start makes.

    \b
    Example:
      taskmon serve --data-dir /var/lib/taskmon --http-port 8124
    """
    settings = read_settings(StoreSettings, STORE_FLAGS, given)
    needs("store", "chdb", "clickhouse_connect", "grpc", "uvicorn", "zstandard")
    from otel_taskmon.store.origin_check import is_loopback
    from otel_taskmon.store.server import run_store

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("otel_taskmon").setLevel(logging.INFO)
    if not is_loopback(settings.host):
        _log.warning(
            "others can reach %s: OTLP takes what anybody sends there, and nothing is encrypted; let only workers "
            "through, or put a Collector or a proxy with TLS and a token in front (docs/operations.md)",
            settings.host,
        )
    sys.exit(run_store(settings))
