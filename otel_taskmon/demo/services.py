"""The demo's child processes: how each is started, in which environment, and when it is ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from otel_taskmon.cli.addresses import port_open, store_answers, url, without_proxy
from otel_taskmon.cli.children import ChildProcess, serve_args, viewer_args
from otel_taskmon.settings import ReaderSettings, StoreSettings

POOL_PROCESSES = 2
_ELSEWHERE = (
    "OTEL_EXPORTER_",
    "OTEL_TRACES_EXPORTER",
    "OTEL_LOGS_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "CELERY_",
)
"""Variables that would send the demo's data to other places, or its worker to another broker."""


def environment(
    store: StoreSettings, broker_url: str, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The children's environment: ours, with everything that says where data goes pointed at the demo.

    Settings of other kinds (``TASKMON_ENABLED``, ``TASKMON_REDACT`` …) stay, so that one can try them on the demo.
    """
    environ = os.environ if environ is None else environ
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith((*_ELSEWHERE, "TASKMON_CLICKHOUSE_")) and name != "OTEL_SERVICE_NAME"
    }
    return {
        **kept,
        **without_proxy(environ),
        "OTEL_EXPORTER_OTLP_ENDPOINT": url(store.host, store.otlp_http_port),
        "SHOP_BROKER_URL": broker_url,
    }


def start_store(store: StoreSettings, logs: Path, env: Mapping[str, str]) -> ChildProcess:
    return ChildProcess.start("store", serve_args(store), log=logs / "store.log", env=env)


def store_ready(store: StoreSettings) -> bool:
    # OTLP over gRPC is what it opens last but one.
    return port_open(store.host, store.otlp_grpc_port) and store_answers(store.host, store.http_port)


def start_worker(logs: Path, env: Mapping[str, str]) -> ChildProcess:
    """A real prefork worker; alone on its broker, so it need not look for others."""
    args = [
        *(sys.executable, "-m", "celery", "-A", "otel_taskmon.demo.shop", "worker"),
        *("--pool", "prefork", "--concurrency", str(POOL_PROCESSES), "--queues", "default,mails,slow"),
        *("--hostname", "shop@%h", "--loglevel", "INFO", "--without-mingle", "--without-gossip"),
    ]
    # A warm shutdown waits for the running tasks, and a slow report takes three seconds.
    return ChildProcess.start("worker", args, log=logs / "worker.log", env=env, stop_within_s=12.0)


def worker_ready(worker: ChildProcess) -> bool:
    """Celery prints ``shop@host ready.`` when it consumes."""
    return any(line.endswith(" ready.") for line in worker.output().splitlines())


def start_publisher(logs: Path, env: Mapping[str, str], *, once: bool) -> ChildProcess:
    args = [sys.executable, "-m", "otel_taskmon.demo.publisher", *(["--once"] if once else [])]
    return ChildProcess.start("publisher", args, log=logs / "publisher.log", env=env)


def start_viewer(
    viewer: ReaderSettings, store: StoreSettings, logs: Path, env: Mapping[str, str]
) -> ChildProcess:
    args = viewer_args(viewer, url(store.host, store.http_port))
    viewer_env = {
        **{name: value for name, value in env.items() if not name.startswith("TASKMON_BROKER_")},
        # The viewer deletes as the store's admin, whose password is in there.
        "TASKMON_DATA_DIR": str(store.data_dir),
        "TASKMON_BROKER_URL": env["SHOP_BROKER_URL"],
    }
    return ChildProcess.start("viewer", args, log=logs / "viewer.log", env=viewer_env)


def viewer_ready(viewer: ReaderSettings) -> bool:
    return port_open(viewer.viewer_host, viewer.viewer_port)
