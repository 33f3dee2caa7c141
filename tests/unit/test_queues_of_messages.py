"""Which queue a message goes into, as its publisher and its worker tell it."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery, signals
from kombu import entity

from otel_taskmon import _celery, publishing

Exchange: Any = entity.Exchange
Queue: Any = entity.Queue
MEDIA, TOPICS, ALL = Exchange("media"), Exchange("topics", type="topic"), Exchange("all", type="fanout")
QUEUES = (
    Queue("plain"),
    Queue("video", MEDIA, routing_key="media.video"),
    Queue("image", MEDIA, routing_key="media.image"),
    Queue("eu", TOPICS, routing_key="eu.#"),
    Queue("stars", TOPICS, routing_key="*.*.stars"),
    Queue("everybody", ALL),
)


@pytest.fixture
def app() -> Celery:
    made = Celery("queues", broker="memory://", set_as_current=False)
    made.conf.update(task_queues=QUEUES, task_default_queue="plain", task_ignore_result=True)
    made.task(name="queues.task", shared=False)(_task)
    return made


def _task() -> None: ...


@pytest.mark.parametrize(
    ("options", "queue"),
    [
        ({}, "plain"),
        ({"queue": "plain"}, "plain"),
        ({"queue": "made up"}, "made up"),
        ({"queue": "video"}, "video"),
        ({"queue": QUEUES[2]}, "image"),
        ({"queue": "eu", "routing_key": "eu.de.berlin"}, "eu"),
        # the default queue is declared with these, and they go past it
        ({"exchange": "media", "routing_key": "media.video"}, ""),
        ({"exchange": "topics", "routing_key": "eu.fr", "exchange_type": "topic"}, ""),
        ({"exchange": ALL, "routing_key": "any"}, ""),
    ],
)
def test_the_publisher_names_the_queue_it_sends_to(app: Celery, options: dict[str, Any], queue: str) -> None:
    said: list[str] = []

    def publishes(**signal: Any) -> None:
        said.append(publishing._queue(signal))

    signals.before_task_publish.connect(publishes, weak=False, dispatch_uid="test")
    try:
        app.tasks["queues.task"].apply_async((), **options)
    finally:
        signals.before_task_publish.disconnect(dispatch_uid="test")
    assert said == [queue]


@pytest.mark.parametrize(
    ("exchange", "key", "queue"),
    [
        ("", "plain", "plain"),
        ("media", "media.video", "video"),
        ("media", "media.sound", ""),
        ("topics", "eu.de.berlin", "eu"),
        ("topics", "eu", "eu"),
        ("topics", "europe", ""),
        ("topics", "us.ca.stars", "stars"),
        ("topics", "us.stars", ""),
        ("topics", "eu.de.stars", ""),  # in both
        ("all", "whatever", "everybody"),
        ("nobody's", "x", ""),
    ],
)
def test_the_worker_finds_the_one_queue_that_takes_the_message(
    app: Celery, exchange: str, key: str, queue: str
) -> None:
    assert _celery.queue_of(app, {"exchange": exchange, "routing_key": key}) == queue
