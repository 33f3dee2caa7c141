"""A real prefork worker: a soft time limit that strikes in a hook of ours ends the task, as it would without us."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery

from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.processes import Child

pytestmark = pytest.mark.integration


def test_a_soft_limit_that_strikes_in_a_hook_ends_the_task(broker: Broker, tmp_path: Path) -> None:
    url = own_database(broker)
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tests.apps.slow_hook",
        "worker",
        "-P",
        "prefork",
        "-c",
        "1",
    ]
    with Child(command, tmp_path / "worker", env={"SLOW_HOOK_BROKER": url}) as worker:
        app = Celery(broker=url, backend=url)
        results = [app.send_task(name) for name in ("slow_hook.limited", "slow_hook.unlimited")]
        ends = [result.get(timeout=60, propagate=False) for result in results]
        # one that comes before the body's ``try`` is the task's end itself
        limited = "limit" if isinstance(ends[0], SoftTimeLimitExceeded) else ends[0]
        assert [limited, ends[1]] == ["limit", "no limit"], worker.output()
