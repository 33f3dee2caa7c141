from __future__ import annotations

import pytest

from otel_taskmon.store.idempotency import KnownKeys
from otel_taskmon.store.otlp_errors import TryLater
from otel_taskmon.store.otlp_limits import OtlpLimits, Room


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_key_is_known_for_an_hour_in_its_own_table() -> None:
    clock = Clock()
    known = KnownKeys(clock=clock)
    known.add("otel_traces", ["a"])
    assert ("otel_traces", "a") in known
    assert ("otel_logs", "a") not in known
    clock.now += 3599
    assert ("otel_traces", "a") in known
    clock.now += 1
    assert ("otel_traces", "a") not in known
    known.add("otel_traces", ["b"])
    assert len(known) == 1


def test_the_oldest_go_first_when_there_are_too_many() -> None:
    known = KnownKeys(most=3)
    known.add("t", ["a", "b", "c"])
    known.add("t", ["a"])
    known.add("t", ["d"])
    assert [key for key in "abcd" if ("t", key) in known] == ["a", "c", "d"]


def test_room_for_bytes_and_requests_comes_back() -> None:
    room = Room(OtlpLimits(waiting_bytes=100, waiting_requests=2, retry_after=7))
    with room.place() as first, room.place():
        with pytest.raises(TryLater, match="2 requests are waiting"), room.place():
            pass
        first.grow(90)
        with pytest.raises(TryLater, match="90 bytes are waiting") as refused:
            first.grow(11)
        assert refused.value.retry_after == 7
    with room.place() as place:
        place.grow(100)
