"""Real Celery workers and publishers of the apps in ``tests/apps``, as child processes."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.processes import Child

SHOP = "tests.apps.shop"


def worker_environment(broker_url: str, otlp_url: str, **more: str) -> dict[str, str]:
    """What the apps read, and standard variables that send to ``otlp_url``."""
    return {
        "SHOP_BROKER": broker_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_url,
        "TASKMON_EXPORT_INTERVAL_MS": "50",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        **more,
    }


def with_outbox(directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with the outbox in ``directory``, unless it names one."""
    return {"TASKMON_OUTBOX_DIR": str(directory / "outbox"), **environment}


def start_worker(
    directory: Path,
    environment: Mapping[str, str],
    *,
    pool: str = "prefork",
    concurrency: int = 2,
    app: str = SHOP,
    name: str = "shop",
    queues: str = "shop,mails",
    more: Sequence[str] = (),
) -> Child:
    """A worker with the node name ``<name>@tests`` and ``more`` flags; returns when it takes tasks."""
    child = Child(
        [
            *(sys.executable, "-m", "celery", "-A", app, "worker", "-P", pool, "-c", str(concurrency)),
            *("-n", f"{name}@tests", "-Q", queues, "-l", "INFO"),
            *more,
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        directory / f"worker-{pool}-{uuid.uuid4().hex[:6]}.log",
        env=with_outbox(directory, environment),
    )
    child.wait_for_output(f"{name}@tests ready")
    return child


def run_publisher(
    directory: Path, environment: Mapping[str, str], code: str, timeout: float = 60.0, app: str = SHOP
) -> Any:
    """Run ``code`` (which sees the names of ``app``'s module) in a process of its own; what it passed to ``answer``."""
    script = directory / f"publish-{uuid.uuid4().hex[:6]}.py"
    answer = script.with_suffix(".json")
    script.write_text(
        "import json, pathlib, sys\n"
        "def answer(value):\n"
        f"    pathlib.Path({str(answer)!r}).write_text(json.dumps(value))\n"
        f"from {app} import *\n"
        f"{code}\n"
    )
    child = Child(
        [sys.executable, "-c", f"import runpy; runpy.run_path({str(script)!r})"],
        script.with_suffix(".log"),
        env=with_outbox(directory, environment),
    )
    try:
        code_of_exit = child.process.wait(timeout)
    finally:
        child.stop()
    assert code_of_exit == 0, child.output()
    return json.loads(answer.read_text()) if answer.exists() else None
