"""A worker's app that both record, in aa-taskmonitor's environment."""

# mypy: ignore-errors

from __future__ import annotations

import os
import time

import django
from celery import Celery

import otel_taskmon

app = Celery("shop", set_as_current=True)
app.config_from_object("django.conf:settings")
app.conf.update(
    broker_url=os.environ["AA_BROKER"],
    result_backend=os.environ["AA_BROKER"],
    broker_connection_retry_on_startup=True,
    broker_transport_options={"priority_steps": list(range(10)), "queue_order_strategy": "priority"},
    task_default_priority=5,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
)
otel_taskmon.instrument(app, truncate_nested_data=True)
django.setup()


class Declined(Exception):
    """A business failure."""


@app.task(name="shop.tasks.pause")
def pause(seconds, **more):
    time.sleep(seconds)
    return seconds


@app.task(name="shop.tasks.echo")
def echo(value=None, *_args, **_kwargs):
    return value


@app.task(name="mails.tasks.fails")
def fails(text):
    raise Declined(text)


@app.task(name="mails.tasks.retried", bind=True, max_retries=2)
def retried(self, ends_well):
    if self.request.retries < 2 or not ends_well:
        raise self.retry(exc=Declined("again"), countdown=0)
    return "at last"


@app.task(name="standings_requests.update")
def parent():
    return echo.delay("from another").id


def publish():
    """Some of each; returns when all have ended."""
    sent = [pause.delay(0.3), pause.delay(0.1, note="x"), fails.delay("no"), fails.delay("not again")]
    values = [1, "alpha", [1, [1, 2], 3], {"a": 1, "b": {"ba": 1}, "c": [1, 2]}, True, None]
    sent += [echo.delay(value, [1, [2]], key={"a": {"b": 1}}) for value in values]
    sent += [retried.delay(ends_well=True), retried.delay(ends_well=False), parent.delay()]
    sent += [echo.apply_async(["soon"], priority=1), echo.apply_async(["later"], priority=9)]
    for result in sent:
        result.get(timeout=60, propagate=False)
