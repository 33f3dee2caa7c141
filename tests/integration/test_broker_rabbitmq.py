"""Queues on a real RabbitMQ: lengths, emptying, a selection, and electing one worker."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kombu.connection import Connection

from otel_taskmon.app_names import AppNames
from otel_taskmon.broker import (
    BrokerUnavailable,
    NotOnThisBroker,
    PurgeStopped,
    Reading,
    UnknownQueue,
    Wanted,
    connect,
)
from otel_taskmon.broker.amqp import AmqpBroker
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.queue_depth import QueueDepth
from otel_taskmon.settings import Settings
from tests.conftest import missing
from tests.support.rabbitmq import RabbitMQ, find_rabbitmq, running_rabbitmq
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

APP_OF = AppNames().of


@pytest.fixture(scope="module")
def rabbit() -> Iterator[RabbitMQ]:
    if find_rabbitmq() is None:
        missing("rabbitmq-server")
    with running_rabbitmq() as server:
        yield server


@pytest.fixture
def queue() -> str:
    return f"q-{uuid.uuid4().hex[:8]}"


def opened(server: RabbitMQ) -> AmqpBroker:
    found = connect(server.url)
    assert isinstance(found, AmqpBroker)
    return found


def fill(server: RabbitMQ, queue: str, count: int) -> list[str]:
    """Two in three are of the app ``mails``; the ids of the others, in order."""
    kind: Any = Connection
    with kind(server.url) as connection:
        producer = connection.Producer(serializer="json")
        declared = connection.SimpleQueue(queue).queue
        for n in range(count):
            task = "shop.tasks.stay" if n % 3 == 2 else "mails.tasks.doomed"
            headers = {"task": task, "id": f"{n}"}
            producer.publish([[n], {}, {}], exchange=declared.exchange, routing_key=queue, headers=headers)
    broker = opened(server)
    wait_until(lambda: broker.depths([queue])[0].depth == count, "all messages in the queue")
    broker.close()
    return [f"{n}" for n in range(count) if n % 3 == 2]


def drained(server: RabbitMQ, queue: str) -> list[str]:
    kind: Any = Connection
    found = []
    with kind(server.url) as connection:
        channel = connection.channel()
        while (got := channel.basic_get(queue, no_ack=True)) is not None:
            found.append(got.headers["id"])
    return found


def test_lengths_and_consumers(rabbit: RabbitMQ, queue: str) -> None:
    fill(rabbit, queue, 30)
    kind: Any = Connection
    with kind(rabbit.url) as connection:
        consumer = connection.channel()
        consumer.basic_qos(0, 10, a_global=False)
        consumer.basic_consume(queue, callback=lambda _: None)
        broker = opened(rabbit)
        wait_until(lambda: broker.depths([queue])[0].depth == 20, "ten that are held")
        (depth,) = broker.depths(["no such queue", queue, "neither"])
    assert (depth.queue, depth.depth, depth.consumers, depth.unacked, depth.oldest_at_ns) == (
        queue,
        20,
        1,
        None,
        None,
    )


def test_it_says_where_what_waits_is_read_from(rabbit: RabbitMQ, queue: str) -> None:
    broker, reading = opened(rabbit), Reading(PayloadEncoder(Settings()), APP_OF)
    assert not broker.lists_messages
    assert broker.queue_names() == []
    with pytest.raises(NotOnThisBroker, match="published and not started"):
        broker.waiting(queue, Wanted(), reading, most=1)
    with pytest.raises(NotOnThisBroker):
        broker.counts(queue, reading, most=1)


def test_emptying_a_queue(rabbit: RabbitMQ, queue: str) -> None:
    fill(rabbit, queue, 50)
    broker = opened(rabbit)
    plan = broker.plan(queue, Wanted(), APP_OF)
    assert (plan.depth, plan.matching) == (50, 50)
    broker.close()  # as while a person is asked
    assert broker.purge(plan) == 50
    assert broker.depths([queue])[0].depth == 0


@pytest.mark.parametrize(
    ("wanted", "removed"),
    [
        (Wanted(task="mails.tasks.doomed"), 200),
        (Wanted(app="mails"), 200),
        (Wanted(task_id="7"), 1),
        (Wanted(task_id="none"), 0),
    ],
)
def test_a_selection_is_removed_and_the_rest_keeps_its_order(
    rabbit: RabbitMQ, queue: str, wanted: Wanted, removed: int
) -> None:
    staying = fill(rabbit, queue, 300)
    broker = opened(rabbit)
    plan = broker.plan(queue, wanted, APP_OF)
    assert plan.matching is None, "it cannot be counted without taking the messages out"
    assert broker.purge(plan) == removed
    wait_until(lambda: broker.depths([queue])[0].depth == 300 - removed, "the others to be back")
    left = drained(rabbit, queue)
    if removed == 200:
        assert left == staying
    else:
        assert left == [f"{n}" for n in range(300) if not (removed and n == 7)]


def test_interrupted_selection_gives_everything_else_back(rabbit: RabbitMQ, queue: str) -> None:
    fill(rabbit, queue, 1_200)
    broker = opened(rabbit)

    def interrupt(removed: int, looked: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(PurgeStopped) as stopped:
        broker.purge(broker.plan(queue, Wanted(app="mails"), APP_OF), interrupt)
    assert 0 < stopped.value.removed < 800
    left = 1_200 - stopped.value.removed
    wait_until(lambda: opened(rabbit).depths([queue])[0].depth == left, "the others to be back")


def test_unknown_queue_and_wrong_credentials(rabbit: RabbitMQ) -> None:
    with pytest.raises(UnknownQueue, match="'nowhere'"):
        opened(rabbit).plan("nowhere", Wanted(), APP_OF)
    wrong = connect(rabbit.url.replace("guest:guest", "guest:geheim"))
    for ask in (lambda: wrong.depths(["q"]), lambda: wrong.plan("q", Wanted(), APP_OF)):
        with pytest.raises(BrokerUnavailable, match="refuses user or password") as caught:
            ask()
        assert "geheim" not in str(caught.value)


def test_one_of_two_holds_the_lease(rabbit: RabbitMQ) -> None:
    name = uuid.uuid4().hex
    first, second = opened(rabbit).lease(name, 5), opened(rabbit).lease(name, 5)
    assert (first.hold(), second.hold(), first.hold(), second.hold()) == (True, False, True, False)
    second.tell(["of the second"])
    first.tell(["of the first"])
    wait_until(
        lambda: first.told(60) == {"of the first", "of the second"}, "what both have told", interval=0.2
    )
    first.keep_alive()
    second.keep_alive()
    first.release()
    wait_until(second.hold, "the second to have it")


def test_the_lease_goes_with_its_connection(rabbit: RabbitMQ) -> None:
    name = uuid.uuid4().hex
    broker = opened(rabbit)
    first, second = broker.lease(name, 5), opened(rabbit).lease(name, 5)
    assert (first.hold(), second.hold()) == (True, False)
    # the end of a process, as the broker sees it
    broker._amqp.connection._connection.transport.sock.close()
    wait_until(second.hold, "the second to have it", timeout=20)


def test_one_of_two_workers_samples_and_then_the_other(rabbit: RabbitMQ, queue: str) -> None:
    fill(rabbit, queue, 9)
    seen: dict[str, list[tuple[str, str, int]]] = {"first": [], "second": []}

    def sampler(name: str, queues: set[str]) -> QueueDepth:
        def emit(metric: str, value: int, said: Mapping[str, str], _: int) -> None:
            assert said["messaging.system"] == "rabbitmq"
            seen[name].append((metric, said["messaging.destination.name"], value))

        return QueueDepth(lambda: opened(rabbit), lambda: queues, emit, 0.3)

    first, second = sampler("first", {"no such queue"}), sampler("second", {queue})
    first.start()
    second.start()
    try:
        counted = [("taskmon.queue.depth", queue, 9), ("taskmon.queue.consumers", queue, 0)]
        wait_until(
            lambda: set(counted) <= {*seen["first"], *seen["second"]}, "the queue that one of them knows"
        )
        sampling = "first" if seen["first"] else "second"
        (first if sampling == "first" else second).stop()
        other = "second" if sampling == "first" else "first"
        assert not seen[other]
        if other == "second":
            wait_until(lambda: seen["second"], "the other to take over")
    finally:
        first.stop()
        second.stop()


def test_anything_may_be_in_what_the_holder_is_told(rabbit: RabbitMQ) -> None:
    name = uuid.uuid4().hex
    lease = opened(rabbit).lease(name, 5)
    assert lease.hold()
    kind: Any = Connection
    with kind(rabbit.url) as connection:
        for body in (b"\x80\x04N.", b"[" * 10_000, b'{"a": 1}', b'["good", 7, null, ""]'):
            connection.Producer().publish(
                body,
                routing_key=f"taskmon.lease.{name}",
                content_type="text/plain",
                content_encoding="binary",
            )
    wait_until(lambda: "good" in lease.told(60), "the good name")
    assert lease.told(60) == {"good", "7"}
