"""A real prefork worker whose tasks are struck by their soft limit at one line of our code after the other.

Before the body, and while the body publishes. ``SOFT_LIMIT_POINTS`` says how many points there are of each (default
200, evenly over all there are; ``make test-soft-limits``: 1 000).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.faults import faulty_worker
from tests.support.otlp_sink import OtlpSink

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

POINTS = int(os.environ.get("SOFT_LIMIT_POINTS", "200"))
FIRST = 40
"""Where each point is tried: a limit that comes before we know whose it is; and the ends of a publish."""


MORE = {
    "order": {"items": [{"sku": "a-1", "n": 2}, {"sku": "b", "n": None}]},
    "password": "x",
    "when": "2026-01-01",
}


def plan(at: int, where: str = "limit", kind: str = "") -> dict[str, object]:
    return {"plan": {"where": where, "kind": kind, "at": at}, **MORE}


def test_a_soft_limit_at_any_point_of_ours_ends_the_task(broker: Broker, tmp_path: Path) -> None:
    with (
        OtlpSink() as sink,
        faulty_worker(
            tmp_path, own_database(broker), sink.url, TASKMON_TRUNCATE_NESTED_DATA="false"
        ) as faults,
    ):
        # the first of a process passes more points; and the very first line of its first hook is not ours to keep
        count = faults.run_all("limited", [plan(0)] * 5)[-1][1]
        assert count >= POINTS, "not so many lines of ours run before a task: give it larger arguments"
        first = range(1, FIRST + 1)
        rest = range(FIRST + 1, count + 1, max(1, (count - FIRST) // (POINTS - FIRST)))
        asked = [*first, *rest][:POINTS]
        ends = [
            # one that comes before the body's ``try`` is the task's end itself
            ("limit", "") if isinstance(end, SoftTimeLimitExceeded) else tuple(end)
            for end in faults.run_all("limited", [plan(at) for at in asked])
        ]
        struck = {point.rpartition(".")[2] for end, point in ends if end == "limit"}
        assert [(at, *end) for at, end in zip(asked, ends, strict=True) if end[0] == "no limit"] == []
        reached = [end for end, _ in ends if end == "limit"]
        assert len(reached) >= 0.95 * len(asked), "the others have no such point: caches are filled by then"
        assert struck >= {"prerun", "guarded"}
        # and it strikes no task that it was not for
        assert faults.run("work", 1) == [1]
        assert faults.worker.stop() == 0
    assert len({run.task_id for run in sink.runs()}) >= len(asked)


@pytest.mark.parametrize("kind", ["task", "name", "unserialisable"])
def test_a_soft_limit_while_the_task_publishes_ends_it(broker: Broker, tmp_path: Path, kind: str) -> None:
    """In our hooks of a publish and around it; the worker and its connections go on."""
    with (
        OtlpSink() as sink,
        faulty_worker(
            tmp_path, own_database(broker), sink.url, TASKMON_TRUNCATE_NESTED_DATA="false"
        ) as faults,
    ):
        count = faults.run_all("publishing", [plan(0, "publish", kind)] * 5)[-1][1]
        between = range(FIRST + 1, count - FIRST, max(1, (count - 2 * FIRST) // (POINTS - 2 * FIRST)))
        asked = [*range(1, FIRST + 1), *between, *range(count - FIRST, count + 1)]
        ends = [
            tuple(end) for end in faults.run_all("publishing", [plan(at, "publish", kind) for at in asked])
        ]
        assert [(at, *end) for at, end in zip(asked, ends, strict=True) if end[0] == "no limit"] == []
        reached = [point for end, point in ends if end == "limit"]
        assert len(reached) >= 0.95 * len(asked), "the others have no such point: caches are filled by then"
        assert faults.run("work", 1) == [1]
        assert faults.worker.stop() == 0
    found = {point.rpartition(" ")[2].rpartition(".")[2] for point in reached}
    assert found >= {"around_send", "before", "guarded"}, found
    assert len({run.task_id for run in sink.runs()}) >= len(asked)
