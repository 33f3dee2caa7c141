"""A worker whose tasks note in Redis, one after the other, which of them ran."""

from __future__ import annotations

import os

from celery import Celery
from redis import Redis

URL = os.environ["SHOP_BROKER"]
app = Celery("order", broker=URL, set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_default_queue="q",
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
)
notes = Redis.from_url(URL)


@app.task(name="order.tasks.note")
def note(number: int) -> None:
    notes.rpush("executed", number)


def taken_before(number: int) -> None:
    """Was taken before the purge got to it."""
    notes.rpush("executed", number)


for name in ("order.tasks.doomed", "order.tasks.other"):
    app.task(taken_before, name=name)
