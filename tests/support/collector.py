"""The real Collector, built from ``collector-config/builder.yaml``, with the configuration that users get."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from signal import SIGKILL

from tests.conftest import missing
from tests.support.otlp_requests import Answer, send
from tests.support.processes import ROOT, Child, free_port
from tests.support.waiting import wait_until

CONFIG = ROOT / "collector-config"
BASE = "otel-collector.yaml"
TOKEN = "token-of-the-tests"
NO_GO = 3
BUILD_TIMEOUT = 900
"""Seconds; give tests that may be the first to build this much (``pytest.mark.timeout``)."""

SIGNALS = ("spans", "log_records", "metric_points")
_SAMPLE = re.compile(r"^(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)


@cache
def collector_program() -> Path:
    """Path of the built Collector; built now when this manifest was not built before (minutes).

    Without Go the test is skipped, or fails under CI.
    """
    done = subprocess.run(
        [sys.executable, str(CONFIG / "build.py")], capture_output=True, text=True, timeout=BUILD_TIMEOUT
    )
    if done.returncode == NO_GO:
        missing("Go, which builds the Collector,")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


@dataclass
class Collector:
    """A Collector with the folder of its queue; ``start`` it, kill it, and ``start`` it again on the same queue."""

    directory: Path
    environment: dict[str, str]
    http_port: int
    grpc_port: int
    health_port: int
    metrics_port: int
    configs: Sequence[str] = (BASE,)
    lives: list[Child] = field(default_factory=list)

    @property
    def url(self) -> str:
        """For OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def queue_dir(self) -> Path:
        return self.directory / "queue"

    @property
    def child(self) -> Child:
        return self.lives[-1]

    def start(self, *, wait: bool = True) -> None:
        """One more life on the same queue; each has a log of its own. ``wait``: until it takes requests."""
        args = [str(collector_program()), *config_flags(self.configs)]
        log = self.directory / f"collector-{len(self.lives)}-{uuid.uuid4().hex[:4]}.log"
        self.lives.append(Child(args, log, env=self.environment))
        if wait:
            try:
                self.child.wait_for_output("Everything is ready")
            except BaseException:
                self.child.stop()
                raise

    def kill(self) -> None:
        """As the kernel does it: nothing is saved that is not on disk."""
        self.child.stop(SIGKILL)

    def stop(self) -> None:
        for life in self.lives:
            life.stop()

    def send(self, path: str, body: bytes, *, token: str = TOKEN) -> Answer:
        """One OTLP request in protobuf over HTTP."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return send(self.http_port, body, path=path, headers=headers)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the Collector's own metric over all its series that have these labels; 0 without any."""
        answer = send(self.metrics_port, b"", path="/metrics", method="GET")
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        return sum(
            float(found["value"])
            for found in _SAMPLE.finditer(answer.body.decode())
            if found["name"] == name and wanted <= set(found["labels"].split(","))
        )

    def waiting(self) -> float:
        """Items in the queues of the ClickHouse exporter."""
        return self.metric("otelcol_exporter_queue_size", exporter="clickhouse")

    def sent(self, signal: str) -> float:
        """Items stored by the ClickHouse exporter in this life; ``signal`` is one of SIGNALS."""
        return self.metric(f"otelcol_exporter_sent_{signal}", exporter="clickhouse")

    def wait_for_sent(self, signal: str, count: int, timeout: float = 30.0) -> None:
        wait_until(
            lambda: self.sent(signal) >= count,
            f"{count} {signal} sent to the store",
            timeout=timeout,
            context=self.child.output,
        )


def new_collector(
    directory: Path,
    store_url: str,
    password: str,
    *,
    overlays: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Collector:
    """A Collector that is not started yet, on free ports, with its queue and logs in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    http, grpc, health, metrics = (free_port() for _ in range(4))
    environment = {
        "TASKMON_OTLP_TOKEN": TOKEN,
        "CLICKHOUSE_ENDPOINT": store_url,
        "CLICKHOUSE_PASSWORD": password,
        "TASKMON_COLLECTOR_HTTP_PORT": str(http),
        "TASKMON_COLLECTOR_GRPC_PORT": str(grpc),
        "TASKMON_COLLECTOR_HEALTH_PORT": str(health),
        "TASKMON_COLLECTOR_METRICS_PORT": str(metrics),
        "TASKMON_COLLECTOR_QUEUE_DIR": str(directory / "queue"),
        "TASKMON_COLLECTOR_FLUSH": "200ms",
        **(env or {}),
    }
    return Collector(directory, environment, http, grpc, health, metrics, (BASE, *overlays))


def validate(*configs: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """``otelcol validate`` of these files of ``collector-config``, in a bare environment."""
    return subprocess.run(
        [str(collector_program()), "validate", *config_flags(configs)],
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=60,
    )


def config_flags(configs: Sequence[str]) -> list[str]:
    """``--config`` for each: a file of ``collector-config``, or a path of its own."""
    return [flag for config in configs for flag in ("--config", str(CONFIG / config))]
