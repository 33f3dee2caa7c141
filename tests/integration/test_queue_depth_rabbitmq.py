"""Sampling queues on a real RabbitMQ under load, held against passive declares by another connection."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from kombu.connection import Connection

from otel_taskmon import broker as brokers
from otel_taskmon import semconv
from otel_taskmon.queue_depth import QueueDepth
from tests.conftest import missing
from tests.support.rabbitmq import RabbitMQ, find_rabbitmq, running_rabbitmq
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SAMPLES = 100
SECOND_NS = 10**9


@pytest.fixture(scope="module")
def rabbit() -> Iterator[RabbitMQ]:
    if find_rabbitmq() is None:
        missing("rabbitmq-server")
    with running_rabbitmq() as server:
        yield server


class Traffic:
    """Publishes and takes; ``balance`` is what must be in the queue once the broker has all of it."""

    def __init__(self, channel: Any, queue: str) -> None:
        self._channel, self._queue = channel, queue
        self._producer = channel.connection.client.Producer(channel)
        self.balance = 0

    def publish(self, number: int) -> None:
        for _ in range(number):
            self._producer.publish([[], {}, {}], routing_key=self._queue, headers={"task": "a.b"})
        self.balance += number

    def take(self, number: int) -> None:
        for _ in range(number):
            self.balance -= self._channel.basic_get(self._queue, no_ack=True) is not None


def counter(url: str, queue: str, counts: list[tuple[int, int]], ended: threading.Event) -> None:
    """Messages and time of each count, until it is ended; knows nothing of the code under test."""
    kind: Any = Connection
    with kind(url) as connection:
        channel = connection.channel()
        while not ended.is_set():
            counted = channel.queue_declare(queue, passive=True).message_count
            counts.append((counted, time.time_ns()))


def traffic(
    url: str, queue: str, sampled: Callable[[], int], counts: list[tuple[int, int]], balance: list[int]
) -> None:
    """The queue grows for half of the samples, stands still until that was counted, and shrinks for the other half."""
    kind: Any = Connection
    with kind(url) as connection:
        going = Traffic(connection.channel(), queue)
        while sampled() < SAMPLES / 2:
            going.publish(3)
            going.take(1)
        seen = len(counts)
        wait_until(lambda: len(counts) > seen + 2, "counts of the longest queue", interval=0.01)
        while sampled() < SAMPLES:
            going.publish(3)
            going.take(4)
        balance.append(going.balance)


def test_samples_lie_between_independent_counts(rabbit: RabbitMQ) -> None:
    """Under load, within the least and the most that was counted in the second around each; exact when idle."""
    queue, idle = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("busy", "idle"))
    kind: Any = Connection
    with kind(rabbit.url) as connection:
        channel = connection.channel()
        for name in (queue, idle):
            channel.queue_declare(name, durable=False, auto_delete=False)
        Traffic(channel, idle).publish(7)
    kept: list[tuple[str, int, int]] = []

    def emit(metric: str, value: int, said: Mapping[str, str], time_ns: int) -> None:
        if metric == semconv.QUEUE_DEPTH:
            kept.append((said[semconv.MESSAGING_DESTINATION_NAME], value, time_ns))

    def samples(name: str) -> list[tuple[int, int]]:
        return [(value, at) for queue_name, value, at in list(kept) if queue_name == name]

    counts: list[tuple[int, int]] = []
    balance: list[int] = []
    ended = threading.Event()
    counting = threading.Thread(target=counter, args=(rabbit.url, queue, counts, ended))
    moving = threading.Thread(
        target=traffic, args=(rabbit.url, queue, lambda: len(samples(queue)), counts, balance)
    )
    sampling = QueueDepth(lambda: brokers.connect(rabbit.url), lambda: {queue, idle}, emit, 0.05)
    counting.start()
    try:
        wait_until(lambda: counts, "the first count")
        moving.start()
        sampling.start()
        wait_until(lambda: len(samples(queue)) >= SAMPLES, f"{SAMPLES} samples", timeout=90)
        moving.join(30)
        wait_until(lambda: balance and counts[-1][0] == balance[0], "the broker to have all of it")
        since = time.time_ns()
        wait_until(
            lambda: len([at for _, at in samples(queue) if at > since + SECOND_NS / 10]) > 3, "idle samples"
        )
    finally:
        sampling.stop()
        ended.set()
        counting.join(30)
        if moving.ident is not None:
            moving.join(30)
    under_load = samples(queue)[:SAMPLES]
    for value, at in under_load:
        near = [number for number, when in counts if abs(when - at) <= SECOND_NS]
        assert min(near) <= value <= max(near), (
            f"{value} at {at}: {len(near)} counts {min(near)} … {max(near)}"
        )
    values = [value for value, _ in under_load]
    assert max(values) - min(values) >= 50, "the load moved the queue"
    assert max(values) > values[-1] + 10, "and in both directions"
    assert {value for value, at in samples(queue) if at > since + SECOND_NS / 10} == {balance[0]}
    assert {value for value, _ in samples(idle)} == {7}
    print(
        f"{len(under_load)} samples between {min(values)} and {max(values)}, {len(counts)} counts; idle: {balance[0]}"
    )
