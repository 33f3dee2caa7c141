"""``make test-outage``: the store is killed for 60 s under 500 tasks/s through the real Collector."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.support.collector import BUILD_TIMEOUT, Collector
from tests.support.outages import RAW_EVENTS, RAW_ROWS, Lives, bodies, compute_hours, number, wait_for_all
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(BUILD_TIMEOUT + 600)]

TASKS_PER_SECOND = 500
TASKS_PER_REQUEST = 50
BEFORE_S, OUTAGE_S, AFTER_S = 15.0, 60.0, 15.0


class Load:
    """Sends at an even rate, whatever the store does; a request that is not taken is an error of the test."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.tasks = 0
        self.statuses: set[int] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stopping.is_set():
            for path, body in bodies(self.tasks, TASKS_PER_REQUEST):
                self.statuses.add(self.collector.send(path, body).status)
            self.tasks += TASKS_PER_REQUEST
            self._stopping.wait(max(0.0, began + self.tasks / TASKS_PER_SECOND - time.monotonic()))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)


def until(load: Load, seconds: float) -> None:
    """Until the load has run this long by its own count."""
    goal = int(seconds * TASKS_PER_SECOND)
    wait_until(
        lambda: load.tasks >= goal,
        f"{goal} tasks",
        timeout=4 * seconds + 60,
        context=load.collector.child.output,
    )


def test_the_store_is_away_for_sixty_seconds(tmp_path: Path) -> None:
    lives = Lives(tmp_path)
    collector = lives.collector(TASKMON_COLLECTOR_FLUSH="1s")
    load = Load(collector)
    try:
        with lives.store() as store:
            collector.start()
            load.start()
            until(load, BEFORE_S)
            before = load.tasks
            store.child.stop(SIGKILL)
        killed = time.monotonic()
        wait_until(
            lambda: time.monotonic() - killed >= OUTAGE_S, "the end of the outage", timeout=OUTAGE_S + 30
        )
        waiting, missed = collector.waiting(), load.tasks - before
        on_disk = sum(path.stat().st_blocks * 512 for path in collector.queue_dir.iterdir())
        with lives.store() as store:
            until(load, load.tasks / TASKS_PER_SECOND + AFTER_S)
            load.stop()
            counts = wait_for_all(store, collector, load.tasks, timeout=240)
            hourly = compute_hours(store)
            raw = (number(store, RAW_ROWS), number(store, RAW_EVENTS))
            print(
                f"\n{load.tasks} tasks sent, {missed} of them in {OUTAGE_S:g} s without a store\n"
                f"answers of the Collector: {load.statuses}\n"
                f"waiting at its end: {waiting:.0f} items, {on_disk / 1e6:.0f} MB on disk\n"
                f"in the tables: {counts}, hourly statistics {hourly}\n"
                f"raw rows: {raw[0]} spans (sent {2 * load.tasks}), {raw[1]} events (sent {load.tasks})"
            )
            assert load.statuses == {200}
            assert hourly == load.tasks
            assert raw == (2 * load.tasks, load.tasks)
    finally:
        load.stop()
        collector.stop()
