"""Store and Collector killed at any moment: nothing lost, nothing twice in the typed tables and the statistics."""

from __future__ import annotations

from pathlib import Path
from signal import SIGKILL

import pytest

from tests.support.collector import BUILD_TIMEOUT, Collector
from tests.support.outages import RAW_EVENTS, RAW_ROWS, Lives, bodies, compute_hours, number, wait_for_all
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(BUILD_TIMEOUT + 240)]

ROWS = 100
"""Tasks per request."""


def send(collector: Collector, first: int, count: int) -> None:
    """``count`` requests of each signal, which must be taken."""
    for request in range(first, first + count):
        for path, body in bodies(request * ROWS, ROWS):
            assert collector.send(path, body).status == 200


def test_a_killed_store_comes_back_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    lives = Lives(tmp_path)
    collector = lives.collector()
    try:
        with lives.store() as store:
            collector.start()
            send(collector, 0, 10)
            wait_until(lambda: number(store, RAW_ROWS), "the first rows", interval=0.01)
            send(collector, 10, 10)
            store.child.stop(SIGKILL)  # some of the twenty are stored, some on their way
        send(collector, 20, 10)
        collector.child.wait_for_output("Will retry the request")
        with lives.store() as store:
            send(collector, 30, 2)
            wait_for_all(store, collector, 32 * ROWS)
            assert (number(store, RAW_ROWS), number(store, RAW_EVENTS)) == (64 * ROWS, 32 * ROWS)
            assert compute_hours(store) == 32 * ROWS
    finally:
        collector.stop()


def test_a_collector_killed_with_a_full_queue_loses_nothing(tmp_path: Path) -> None:
    """It comes back while the store is still away, so it cannot ask which columns there are."""
    lives = Lives(tmp_path)
    collector = lives.collector(TASKMON_COLLECTOR_QUEUE_ITEMS="5000")
    taken = 0
    refused: list[tuple[str, bytes]] = []
    try:
        with lives.store():
            collector.start()
        while not refused:
            for path, body in bodies(taken * ROWS, ROWS):
                answer = collector.send(path, body)
                assert answer.status in (200, 503)
                if answer.status == 503:
                    refused.append((path, body))
            taken += 1
            assert taken < 200, "the queue never fills"
        assert taken * ROWS >= 2500
        collector.kill()
        collector.start()
        assert collector.waiting() >= 7500, "both queues are on disk"
        with lives.store() as store:
            for path, body in refused:
                wait_until(lambda path=path, body=body: collector.send(path, body).status == 200, "room")  # type: ignore[misc]
            wait_for_all(store, collector, taken * ROWS)
            assert compute_hours(store) == taken * ROWS
    finally:
        collector.stop()


def test_a_collector_killed_while_it_inserts_doubles_nothing_typed(tmp_path: Path) -> None:
    lives = Lives(tmp_path)
    collector = lives.collector(TASKMON_COLLECTOR_FLUSH="50ms")
    try:
        with lives.store() as store:
            collector.start()
            for life in range(3):
                send(collector, life * 8, 8)
                wait_until(collector.waiting, "items on their way", interval=0.005)
                collector.kill()
                collector.start()
            wait_for_all(store, collector, 24 * ROWS)
            raw = number(store, RAW_ROWS)
            print(f"raw rows of {48 * ROWS} spans after three kills: {raw}")
            assert raw >= 48 * ROWS
            assert compute_hours(store) == 24 * ROWS
    finally:
        collector.stop()
