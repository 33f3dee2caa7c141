"""A worker's app whose tasks' handlers raise, and whose results cannot be stored: it goes wrong around the body."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from celery import Celery, Task
from celery.backends.redis import RedisBackend
from celery.exceptions import Reject

import otel_taskmon

URL = os.environ["SHOP_BROKER"]
app = Celery("handlers", broker=URL, backend=URL, set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    result_backend_transport_options={"retry_policy": {"max_retries": 1, "interval_start": 0}},
    task_acks_late=True,
    task_default_queue="handlers",
    worker_deduplicate_successful_tasks=True,
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
)
otel_taskmon.instrument(app)
NOBODY = RedisBackend(url="redis://127.0.0.1:1/0", app=app)
"""A result backend that does not listen."""


class Handlers(Task):  # type: ignore[misc]  # Celery ships no types
    """Each handler raises for the tasks that are named after it."""

    abstract = True

    def before_start(self, *_given: Any) -> None:
        self._perhaps("before_start", ValueError("before_start"))

    def on_success(self, *_given: Any) -> None:
        self._perhaps("on_success", ValueError("on_success"))
        self._perhaps("rejects_success", Reject("no room for it", requeue=False))

    def on_failure(self, *_given: Any) -> None:
        self._perhaps("on_failure", ValueError("on_failure"))

    def on_retry(self, *_given: Any) -> None:
        self._perhaps("on_retry", ValueError("on_retry"))

    def after_return(self, *_given: Any) -> None:
        self._perhaps("after_return", ValueError("after_return"))

    def _perhaps(self, name: str, error: Exception) -> None:
        if self.name == f"handlers.{name}":
            raise error


@app.task(base=Handlers, name="handlers.before_start")
def before_start() -> str:
    return "done"


@app.task(base=Handlers, name="handlers.on_success")
def on_success() -> str:
    return "done"


@app.task(base=Handlers, name="handlers.rejects_success")
def rejects_success() -> str:
    return "done"


@app.task(base=Handlers, name="handlers.after_return")
def after_return() -> str:
    return "done"


@app.task(base=Handlers, name="handlers.on_failure")
def on_failure() -> None:
    raise KeyError("card")


@app.task(base=Handlers, name="handlers.on_retry", bind=True)
def on_retry(self: Task) -> str:
    if self.request.retries < 1:
        raise self.retry(countdown=0.05, exc=OSError("no"))
    return "done"


@app.task(name="handlers.tracked", track_started=True, backend=NOBODY)
def tracked() -> str:
    """It cannot tell that it started."""
    return "done"


@app.task(name="handlers.cancelled")
def cancelled() -> None:
    raise asyncio.CancelledError


@app.task(name="handlers.echo")
def echo(value: Any = None) -> Any:
    return value
