"""The app under test: one task per way a task can go. Where things are comes from the environment."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery, Task, chain, chord, group, signals
from celery.backends.redis import RedisBackend
from celery.exceptions import Ignore, Reject

import otel_taskmon
from tests.apps import providers

URL = os.environ["SHOP_BROKER"]
SECRET = os.environ.get("SHOP_SECRET", "")
"""The canary: the tasks below raise and return it."""

app = Celery("shop", broker=URL, backend=os.environ.get("SHOP_BACKEND", URL), set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    task_default_queue="shop",
    task_routes={"shop.tasks.mail": {"queue": "mails"}},
    task_create_missing_queues=True,
    worker_hijack_root_logger=False,
    result_backend_transport_options={"retry_policy": {"max_retries": 1, "interval_start": 0}},
)
providers.instrument(app, os.environ.get("SHOP_SETUP", "ours"))


class Declined(Exception):
    """A business failure."""


class Expected(Exception):
    """Declared in ``throws``."""


@app.task(name="shop.tasks.echo")
def echo(value: Any = None, **_more: Any) -> Any:
    return value


@app.task(name="shop.tasks.mail")
def mail(*args: Any, **kwargs: Any) -> str:
    return "sent"


@app.task(name="shop.tasks.pause")
def pause(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@app.task(name="shop.tasks.add")
def add(a: int, b: int) -> int:
    return a + b


@app.task(name="shop.tasks.total")
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task(name="shop.tasks.fail")
def fail(order: int) -> None:
    try:
        raise KeyError("card")
    except KeyError as error:
        raise Declined(f"order {order} declined") from error


@app.task(name="shop.tasks.expected", throws=(Expected,))
def expected() -> None:
    raise Expected("as agreed")


@app.task(name="shop.tasks.flaky", bind=True, max_retries=5)
def flaky(self: Task, times: int) -> str:
    """Fails ``times`` times, then works."""
    if self.request.retries < times:
        try:
            raise ConnectionError(f"gateway down, try {self.request.retries}")
        except ConnectionError as error:
            raise self.retry(exc=error, countdown=0.01) from error
    return "paid"


@app.task(
    name="shop.tasks.hopeless",
    autoretry_for=(Declined,),
    retry_backoff=False,
    retry_kwargs={"max_retries": 1, "countdown": 0.01},
)
def hopeless() -> None:
    raise Declined("no")


@app.task(name="shop.tasks.again", bind=True, max_retries=1)
def again(self: Task) -> str:
    """Retries without any exception behind it."""
    if self.request.retries == 0:
        raise self.retry(countdown=0.01)
    return "done"


@app.task(name="shop.tasks.ignore")
def ignore() -> None:
    raise Ignore("not needed")


@app.task(name="shop.tasks.reject", acks_late=True)
def reject() -> None:
    raise Reject("broken order", requeue=False)


@app.task(name="shop.tasks.parent", bind=True)
def parent(self: Task) -> str:
    return str(echo.delay("child").id)


@app.task(name="shop.tasks.pass_on", bind=True)
def pass_on(self: Task) -> str:
    """Gives another task all the headers that it got."""
    return str(echo.apply_async(("passed on",), headers=dict(self.request.headers)).id)


@app.task(name="shop.tasks.interrupted")
def interrupted() -> None:
    raise KeyboardInterrupt


@app.task(name="shop.tasks.eager_inside")
def eager_inside() -> Any:
    return echo.apply(("eager",)).get(disable_sync_subtasks=False)


@app.task(name="shop.tasks.unserialisable")
def unserialisable() -> object:
    return object()


@app.task(name="shop.tasks.not_stored", backend=RedisBackend(url="redis://127.0.0.1:1/0", app=app))
def not_stored() -> str:
    """Nobody listens where its result is to be kept."""
    return "done"


@app.task(name="shop.tasks.leak")
def leak(password: str, note: str) -> dict[str, str]:
    return {"api_key": SECRET, "said": f"token={SECRET}"}


@app.task(name="shop.tasks.leak_in_error")
def leak_in_error(**_given: Any) -> None:
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError as error:
        raise Declined(f"could not reach https://bob:{SECRET}@example.com/x") from error


@app.task(name="shop.tasks.leak_in_retry", bind=True, max_retries=1)
def leak_in_retry(self: Task) -> str:
    if self.request.retries == 0:
        raise self.retry(exc=ConnectionError(f"secret={SECRET}"), countdown=0.01)
    return "ok"


@app.task(name="shop.tasks.leak_in_reject", acks_late=True)
def leak_in_reject() -> None:
    raise Reject(f"password: {SECRET}", requeue=False)


def canvases() -> dict[str, Any]:
    """A chain, a group and a chord, not published yet."""
    return {
        "chain": chain(add.s(1, 2), add.s(10)),
        "group": group(add.s(1, 1), add.s(2, 2)),
        "chord": chord([add.s(1, 1), add.s(2, 2), add.s(3, 3)], total.s()),
    }


@signals.worker_process_init.connect(weak=False)
def _late_provider(**_signal: Any) -> None:
    if os.environ.get("SHOP_SETUP") == "in worker_process_init":
        otel_taskmon.instrument(app)
