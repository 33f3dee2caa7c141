"""Which queues a worker knows of: declared, consumed, routed to."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from kombu.common import Broadcast as KombuBroadcast
from kombu.entity import Exchange as KombuExchange
from kombu.entity import Queue as KombuQueue

from otel_taskmon.broker import UnsupportedBroker, connect
from otel_taskmon.errors import TaskmonError
from otel_taskmon.queue_depth import QueueDepth, queue_names
from tests.support.waiting import wait_until

# their types are incomplete
Exchange: Any = KombuExchange
Queue: Any = KombuQueue
Broadcast: Any = KombuBroadcast


def app(**conf: object) -> Celery:
    made = Celery("names", broker="redis://127.0.0.1:1/0", set_as_current=False)
    made.conf.update(task_default_queue="main", **conf)
    return made


def test_the_default_queue() -> None:
    assert queue_names(app()) == {"main"}


def test_declared_queues_but_no_broadcasts() -> None:
    queues = (Queue("one", Exchange("x"), "k"), Queue("two"), Broadcast("news"))
    assert queue_names(app(task_queues=queues)) == {"one", "two"}


def test_consumed_queues() -> None:
    made = app()
    made.amqp.queues.select(["mails", "slow"])
    assert queue_names(made) == {"main", "mails", "slow"}


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        ({"a.*": {"queue": "a"}, "b": "b", "c": {"exchange": "x"}}, {"a", "b"}),
        ([("a.*", {"queue": "a"}), {"b": {"queue": Queue("b")}}], {"a", "b"}),
        ([lambda *_: None, "some.module:function"], set()),
        (None, set()),
        ({"a": None, "b": {"queue": None}, "c": {"queue": ""}}, set()),
    ],
)
def test_routed_queues(routes: object, found: set[str]) -> None:
    assert queue_names(app(task_routes=routes)) == found | {"main"}


@pytest.mark.parametrize("url", ["bogus://x", "redis://host:port/0", "nonsense"])
def test_what_is_no_address_is_said_without_its_password(url: str) -> None:
    with pytest.raises(TaskmonError) as caught:
        connect(url.replace("//", "//:geheim@")).depths(["x"])
    assert "geheim" not in str(caught.value)


def test_other_brokers_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedBroker, match="memory"):
        connect("memory://")


def test_with_another_broker_sampling_ends_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="otel_taskmon")
    sampling = QueueDepth(lambda: connect("memory://"), set, lambda *_: None, 60)
    sampling.start()
    wait_until(lambda: "queue depth is not recorded" in caplog.text, "the reason")
    assert sampling._stopped is not None
    assert sampling._stopped.wait(5)
