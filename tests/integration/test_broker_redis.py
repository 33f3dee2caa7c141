"""Looking at queues on a real Redis: lengths, what waits, what fills them; and what may be wrong there."""

from __future__ import annotations

import itertools
import random
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu.connection import Connection
from redis import Redis

from otel_taskmon.app_names import AppNames
from otel_taskmon.broker import BrokerUnavailable, Reading, Wanted, connect
from otel_taskmon.broker.redis_broker import RedisBroker
from otel_taskmon.demo.broker import Broker
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings
from tests.support.processes import free_port
from tests.support.queued_messages import message, push

pytestmark = pytest.mark.integration

READING = Reading(PayloadEncoder(Settings()), AppNames().of)
OPTIONS: dict[str, Any] = {"priority_steps": list(range(10)), "sep": ":", "global_keyprefix": "app*[1]:"}


@pytest.fixture
def redis(broker: Broker) -> Iterator[Redis]:
    client = Redis.from_url(broker.url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def opened(broker: Broker, options: dict[str, Any] | None = None) -> RedisBroker:
    found = connect(broker.url, options)
    assert isinstance(found, RedisBroker)
    return found


def publisher(broker: Broker, options: dict[str, Any] | None = None) -> Any:
    kind: Any = Connection
    return kind(broker.url, transport_options=options or {})


def publish(connection: Any, queue: str, priorities: list[int]) -> list[str]:
    """By kombu itself, so that nothing of its layout is assumed here; ids in the order of publishing."""
    producer = connection.Producer(serializer="json")
    made = []
    for priority in priorities:
        made.append(uuid.uuid4().hex)
        headers = {"task": "shop.tasks.pay", "id": made[-1]}
        producer.publish([[], {}, {}], routing_key=queue, headers=headers, priority=priority, declare=[])
    return made


def consumed(connection: Any, queue: str) -> list[str]:
    """By kombu itself, one after the other."""
    simple = connection.SimpleQueue(queue, no_ack=True)
    found = []
    while (raw := simple.consumer.channel._size(queue)) and raw:
        got = simple.get(timeout=5)
        found.append(got.headers["id"])
    simple.close()
    return found


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["defaults", "own keys"])
def test_order_and_length_are_those_of_kombu(broker: Broker, redis: Redis, options: dict[str, Any]) -> None:
    dice = random.Random(3)
    with publisher(broker, options) as connection:
        publish(connection, "q", [dice.randrange(10) for _ in range(250)])
        publish(connection, "other", [5])
        ours = opened(broker, options)
        assert {d.queue: d.depth for d in ours.depths(["q", "other", "none"])} == {
            "q": 250,
            "other": 1,
            "none": 0,
        }
        listed: list[str] = []
        position: int | None = 0
        while position is not None:
            page = ours.waiting("q", Wanted(), READING, start=position, rows=70, most=1000)
            assert [row.position for row in page.rows] == list(range(position, position + len(page.rows)))
            listed += [row.task_id for row in page.rows]
            position = page.next_position
        assert len(listed) == 250
        assert listed == consumed(connection, "q")


def test_names_of_queues_come_from_bindings_or_from_workers(broker: Broker, redis: Redis) -> None:
    ours = opened(broker, OPTIONS)
    assert ours.queue_names() == []
    with publisher(broker, OPTIONS) as connection:
        connection.SimpleQueue("bound").close()
    redis.sadd("_kombu.binding.foreign", "x")
    assert ours.queue_names() == ["bound"]
    ours.lease("queue_depth", 5).tell(["told", "also told"])
    assert ours.queue_names() == ["also told", "told"]


def test_what_workers_hold_is_counted_by_queue(broker: Broker, redis: Redis) -> None:
    with publisher(broker, OPTIONS) as connection:
        held: list[Any] = []
        for queue, count in (("bound", 3), ("plain", 2)):
            simple = connection.SimpleQueue(queue)
            for _ in range(count):
                simple.put({}, headers={"task": "a.b", "id": "x"})
            held += [simple.get(timeout=5) for _ in range(count)]
        found = {d.queue: d.unacked for d in opened(broker, OPTIONS).depths(["bound", "plain", "none"])}
        assert found == {"bound": 3, "plain": 2, "none": 0}
        held[0].ack()
        assert opened(broker, OPTIONS).depths(["bound"])[0].unacked == 2
        for other in held[1:]:
            other.ack()


def test_too_many_held_messages_are_not_read(broker: Broker, redis: Redis) -> None:
    redis.hset("unacked", mapping={str(n): "[{}]" for n in range(2_001)})
    redis.lpush("q", message("a.b", "x"))
    (depth,) = opened(broker).depths(["q"])
    assert (depth.depth, depth.unacked) == (1, None)


def test_the_oldest_of_all_priorities(broker: Broker, redis: Redis) -> None:
    now = time.time_ns()
    for key, age_s in (("q", 5), ("q\x06\x163", 60), ("q\x06\x169", 1)):
        redis.lpush(key, message("a.b", "x", taskmon_published_at=now - age_s * 10**9))
        redis.lpush(key, message("a.b", "y"))
    redis.lpush("forged", message("a.b", "x", taskmon_published_at=1))
    redis.lpush("unstamped", '{"headers": {}}')
    found = {d.queue: d.oldest_at_ns for d in opened(broker).depths(["q", "forged", "unstamped", "empty"])}
    assert found == {"q": now - 60 * 10**9, "forged": None, "unstamped": None, "empty": None}


def fill(redis: Redis, count: int) -> None:
    names = itertools.cycle(["shop.tasks.a", "shop.tasks.b", "shop.tasks.a", "office.tasks.c", "bare"])
    push(redis, "q", (message(next(names), f"id-{n}", [n]) for n in range(count)))


def test_counts_and_filters(broker: Broker, redis: Redis) -> None:
    fill(redis, 1000)
    push(redis, "q\x06\x166", (message("shop.tasks.b", f"late-{n}", priority=6 + n % 2) for n in range(100)))
    push(redis, "q", ["no json", '{"headers": {}}'])
    ours = opened(broker)
    counts = ours.counts("q", READING, most=10_000)
    assert (counts.depth, counts.looked_at, counts.sampled) == (1102, 1102, False)
    assert counts.by_task == {
        "shop.tasks.a": 400, "shop.tasks.b": 300, "office.tasks.c": 200, "bare": 200, "": 2,
    }  # fmt: skip
    assert counts.by_app == {"shop": 700, "": 202, "office": 200}
    assert counts.by_priority == {0: 1002, 6: 100}
    page = ours.waiting("q", Wanted(app="office"), READING, rows=50, most=10_000)
    assert [row.task_id for row in page.rows] == [f"id-{n}" for n in range(3, 250, 5)]
    rest = ours.waiting(
        "q", Wanted(app="office"), READING, start=page.next_position or 0, rows=500, most=10_000
    )
    assert (len(rest.rows), rest.next_position) == (150, None)
    seven = ours.waiting("q", Wanted(priority=7), READING, rows=10, most=10_000)
    assert [row.task_id for row in seven.rows] == [f"late-{n}" for n in range(1, 20, 2)]
    assert seven.rows[0].position == 1003


def test_above_the_limit_counts_are_estimated_and_say_so(broker: Broker, redis: Redis) -> None:
    fill(redis, 30_000)
    ours = opened(broker)
    counts = ours.counts("q", READING, most=10_000)
    assert counts.sampled
    assert counts.looked_at <= 10_000
    assert abs(counts.by_task["shop.tasks.a"] - 12_000) < 600
    assert abs(sum(counts.by_task.values()) - 30_000) < 30
    stopped = ours.waiting("q", Wanted(task="nobody"), READING, rows=10, most=1_000)
    assert (stopped.rows, stopped.looked_at, stopped.limited, stopped.next_position) == (
        [],
        1_000,
        True,
        1_000,
    )


def test_long_messages_are_neither_sent_nor_decoded(broker: Broker, redis: Redis) -> None:
    long = "x" * 10_000_000
    redis.lpush("q", message("a.tasks.long", "in body", [long], argsrepr="('xxx...',)"))
    redis.lpush("q", message("a.tasks.long", "in headers", [], note=long))
    redis.lpush("q", message("a.tasks.short", "short", [1]))
    ours = opened(broker)
    rows = ours.waiting("q", Wanted(), READING, rows=10, most=10).rows
    assert [(row.task_id, row.args, row.problem) for row in rows] == [
        ("in body", "('xxx...',)", ""),
        ("", None, "the message is too long to be read"),
        ("short", "[1]", ""),
    ]
    assert rows[0].size > 10_000_000
    assert ours.counts("q", READING, most=10).by_task == {"a.tasks.long": 2, "a.tasks.short": 1}


def test_a_key_that_is_no_queue_hides_no_other(broker: Broker, redis: Redis) -> None:
    redis.set("text", "x")
    redis.lpush("q", message("a.b", "x"))
    assert [d.queue for d in opened(broker).depths(["text", "q"])] == ["q"]
    with pytest.raises(BrokerUnavailable, match="WRONGTYPE"):
        opened(broker).counts("text", READING, most=10)


def test_without_the_right_to_scripts_there_are_lengths(broker: Broker, redis: Redis) -> None:
    redis.lpush("q", message("a.b", "x"))
    redis.acl_setuser(
        "narrow", enabled=True, passwords=["+geheim"], keys=["*"], commands=["+llen", "+hlen", "+ping"]
    )
    try:
        narrow = connect(broker.url.replace("//", "//narrow:geheim@"))
        (depth,) = narrow.depths(["q"])
        assert (depth.depth, depth.oldest_at_ns) == (1, None)
        with pytest.raises(BrokerUnavailable) as caught:
            connect(broker.url.replace("//", "//narrow:falsch@")).depths(["q"])
        assert "refuses user or password" in str(caught.value)
        assert "falsch" not in str(caught.value)
    finally:
        redis.acl_deluser("narrow")


def test_a_broker_that_is_away_is_no_empty_queue() -> None:
    url = f"redis://:geheim@127.0.0.1:{free_port()}/0"
    asks: tuple[Callable[[Any], object], ...] = (
        lambda away: away.depths(["q"]),
        lambda away: away.queue_names(),
        lambda away: away.counts("q", READING, most=10),
        lambda away: away.plan("q", Wanted(), str),
    )
    for ask in asks:
        with pytest.raises(BrokerUnavailable, match="does not answer") as caught:
            ask(connect(url))
        assert "geheim" not in str(caught.value)
