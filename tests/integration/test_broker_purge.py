"""Purging a real Redis queue while publishers and workers go on: exactly what was meant goes, nothing else moves."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest
from redis import Redis

from otel_taskmon.app_names import AppNames
from otel_taskmon.broker import PurgePlan, PurgeStopped, Wanted, connect, connection, redis_purge
from otel_taskmon.broker.redis_broker import RedisBroker
from otel_taskmon.demo.broker import Broker
from tests.support import purge_under_load
from tests.support.queued_messages import ids, message, push

pytestmark = [pytest.mark.integration, pytest.mark.slow]

APP_OF = AppNames().of
MESSAGES = 20_000


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 000 messages take ten steps, so that things can happen between them."""
    monkeypatch.setattr(redis_purge, "AT_ONCE", 2_000)


@pytest.fixture
def redis(broker: Broker) -> Iterator[Redis]:
    client = Redis.from_url(broker.url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def opened(broker: Broker) -> RedisBroker:
    found = connect(broker.url)
    assert isinstance(found, RedisBroker)
    return found


def fill(redis: Redis, count: int, key: str = "q", each: int = 4) -> list[str]:
    """One in ``each`` is doomed; the ids of the others, next to be consumed first."""
    push(
        redis,
        key,
        (
            message("mails.tasks.doomed" if n % each == 0 else "shop.tasks.stay", f"{n}", [n])
            for n in range(count)
        ),
    )
    return [f"{n}" for n in range(count) if n % each]


def own_keys(redis: Redis) -> list[Any]:
    found: Any = redis.keys("taskmon.purge.*")
    return list(found)


@pytest.mark.parametrize(
    ("wanted", "few"),
    [
        (Wanted(task="mails.tasks.doomed"), 0),
        (Wanted(app="mails"), 0),
        (Wanted(app="mails"), 100_000),
        (Wanted(task="mails.tasks.doomed", app="mails"), 100_000),
    ],
)
def test_exactly_the_selected_ones_go(
    broker: Broker, redis: Redis, wanted: Wanted, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_purge, "FEW", few)
    staying = fill(redis, 5_000)
    push(redis, "q", ["no json", '{"headers": {}}'])
    urgent = fill(redis, 500, "q\x06\x169")
    redis.pexpire("q", 500_000)
    ours = opened(broker)
    plan = ours.plan("q", wanted, APP_OF)
    assert (plan.depth, plan.matching, plan.by_task) == (5_502, 1_375, {"mails.tasks.doomed": 1_375})
    assert redis.llen("q") == 5_002, "counting removes nothing"
    assert ours.purge(plan) == 1_375
    assert redis.lrange("q", 0, 1) == [b'{"headers": {}}', b"no json"]
    redis.ltrim("q", 2, -1)
    assert ids(redis, "q") == staying
    assert ids(redis, "q\x06\x169") == urgent
    assert 400_000 < redis.pttl("q") <= 500_000
    assert own_keys(redis) == []


def test_one_by_its_id_and_one_that_is_not_there(broker: Broker, redis: Redis) -> None:
    fill(redis, 3_000)
    ours = opened(broker)
    assert ours.purge(ours.plan("q", Wanted(task_id="1234"), APP_OF)) == 1
    assert "1234" not in ids(redis, "q")
    plan = ours.plan("q", Wanted(task_id="1234"), APP_OF)
    assert (plan.matching, ours.purge(plan), redis.llen("q")) == (0, 0, 2_999)


def test_all_of_it(broker: Broker, redis: Redis) -> None:
    fill(redis, 1_000)
    fill(redis, 50, "q\x06\x163")
    fill(redis, 10, "other")
    ours = opened(broker)
    assert ours.purge(ours.plan("q", Wanted(), APP_OF)) == 1_050
    assert (redis.exists("q", "q\x06\x163"), redis.llen("other")) == (0, 10)


def test_all_that_there_is_may_be_selected(broker: Broker, redis: Redis) -> None:
    fill(redis, 3_000, each=1)
    ours = opened(broker)
    assert ours.purge(ours.plan("q", Wanted(app="mails"), APP_OF)) == 3_000
    assert redis.exists("q") == 0
    assert own_keys(redis) == []


def test_while_a_publisher_and_a_worker_go_on(
    broker: Broker, redis: Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of 20 000 messages; ``make test-purge-million`` is the same with a million."""
    monkeypatch.setattr(redis_purge, "AT_ONCE", 50)
    ledger = purge_under_load.run(broker.url, tmp_path, MESSAGES, publish_every_s=0.002, timeout_s=60)
    print(f"\n{ledger}")
    ledger.check()


class Interrupt:
    """Raises at the n-th report of progress."""

    def __init__(self, at: int, act: Any) -> None:
        self.left, self.act = at, act

    def __call__(self, *_: int) -> None:
        self.left -= 1
        if self.left == 0:
            self.act()


def interrupted() -> None:
    raise KeyboardInterrupt


def test_interrupted_in_the_middle_of_a_step(broker: Broker, redis: Redis) -> None:
    staying, everything = fill(redis, 20_000), ids(redis, "q")
    ours = opened(broker)
    plan = ours.plan("q", Wanted(app="mails"), APP_OF)
    with pytest.raises(PurgeStopped, match="0 messages were removed") as stopped:
        ours.purge(plan, Interrupt(4, interrupted))
    assert (stopped.value.removed, ids(redis, "q"), own_keys(redis)) == (0, everything, [])
    assert ours.purge(plan) == 5_000
    assert ids(redis, "q") == staying


def test_interrupted_between_steps_says_what_is_gone(broker: Broker, redis: Redis) -> None:
    fill(redis, 1_000)
    fill(redis, 1_000, "q\x06\x169")
    ours = opened(broker)
    plan = ours.plan("q", Wanted(app="mails"), APP_OF)
    with pytest.raises(PurgeStopped) as stopped:
        ours.purge(plan, Interrupt(1, interrupted))
    assert stopped.value.removed == 250
    assert (redis.llen("q"), redis.llen("q\x06\x169")) == (750, 1_000)


@pytest.mark.slow
def test_connection_lost_in_the_middle(broker: Broker, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker does not answer any more; it comes back after we have given up."""
    monkeypatch.setattr(connection, "ANSWER_S", 1.0)
    staying = fill(redis, 20_000)
    everything = ids(redis, "q")
    ours = opened(broker)
    plan = ours.plan("q", Wanted(app="mails"), APP_OF)
    try:
        with pytest.raises(PurgeStopped, match="at least 0 messages were removed") as stopped:
            ours.purge(plan, Interrupt(4, lambda: broker.process.send_signal(SIGSTOP)))
    finally:
        broker.process.send_signal(SIGCONT)
    assert not stopped.value.certain
    assert ids(redis, "q") == everything
    for left in own_keys(redis):
        assert 0 < redis.pttl(left) <= redis_purge.COPY_LIVES_MS, "a copy that is left expires by itself"
    again = opened(broker)
    assert again.purge(again.plan("q", Wanted(app="mails"), APP_OF)) == 5_000
    assert ids(redis, "q") == staying


def test_a_connection_that_was_cut_is_opened_again(broker: Broker, redis: Redis) -> None:
    staying = fill(redis, 10_000)
    ours = opened(broker)
    plan = ours.plan("q", Wanted(app="mails"), APP_OF)
    cut = Interrupt(2, lambda: redis.client_kill_filter(_type="normal", skipme=True))
    assert ours.purge(plan, cut) == 2_500
    assert ids(redis, "q") == staying


def test_a_copy_that_was_lost_is_made_again(broker: Broker, redis: Redis) -> None:
    staying = fill(redis, 20_000)
    ours = opened(broker)
    plan = ours.plan("q", Wanted(app="mails"), APP_OF)
    assert ours.purge(plan, Interrupt(5, lambda: redis.delete(*own_keys(redis)))) == 5_000
    assert ids(redis, "q") == staying


def test_a_queue_that_workers_emptied_meanwhile(broker: Broker, redis: Redis) -> None:
    fill(redis, 20_000)
    ours = opened(broker)
    plan = ours.plan("q", Wanted(app="mails"), APP_OF)

    def emptied() -> None:
        redis.delete("q")
        redis.lpush("q", message("shop.tasks.stay", "new"))

    assert ours.purge(plan, Interrupt(3, emptied)) == 0
    assert ids(redis, "q") == ["new"]


def test_messages_that_workers_put_back_meanwhile(broker: Broker, redis: Redis) -> None:
    """At the consumers' end, as kombu does: those are looked at as well."""
    staying = fill(redis, 20_000)
    ours = opened(broker)
    plan = ours.plan("q", Wanted(app="mails"), APP_OF)

    def put_back() -> None:
        for n in range(300):
            redis.rpush("q", message("mails.tasks.doomed" if n % 2 else "shop.tasks.stay", f"back-{n}"))

    assert ours.purge(plan, Interrupt(4, put_back)) == 5_150
    assert ids(redis, "q")[150:] == staying


def test_two_purges_at_once(broker: Broker, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_purge, "AT_ONCE", 500)
    names = itertools.cycle(["one.tasks.a", "two.tasks.b", "shop.tasks.stay"])
    push(redis, "q", (message(next(names), f"{n}") for n in range(15_000)))
    removed: dict[str, int] = {}

    def purge(app: str, plan: PurgePlan) -> None:
        removed[app] = opened(broker).purge(plan)

    plans = {app: opened(broker).plan("q", Wanted(app=app), APP_OF) for app in ("one", "two")}
    threads = [threading.Thread(target=purge, args=given) for given in plans.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert removed == {"one": 5_000, "two": 5_000}
    assert ids(redis, "q") == [f"{n}" for n in range(15_000) if n % 3 == 2]


def test_no_memory_for_a_copy_is_said_before_anything_happens(broker: Broker, redis: Redis) -> None:
    fill(redis, 5_000)
    ours = opened(broker)
    plan = ours.plan("q", Wanted(app="mails"), APP_OF)
    used: Any = redis.info("memory")
    redis.config_set("maxmemory", used["used_memory"] + 1_000_000)
    try:
        with pytest.raises(PurgeStopped, match="maxmemory"):
            ours.purge(plan)
    finally:
        redis.config_set("maxmemory", 0)
    assert redis.llen("q") == 5_000
