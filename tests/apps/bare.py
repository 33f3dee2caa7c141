"""An app with nothing of ours in it, for zero-code starts."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task, chain, group

URL = os.environ["SHOP_BROKER"]

app = Celery("bare", broker=URL, backend=URL, set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    task_default_queue="bare",
    worker_hijack_root_logger=False,
    worker_lost_wait=0.5,
)


class Expected(Exception):
    """Declared in ``throws``."""


@app.task(name="bare.tasks.echo")
def echo(value: Any = None, **_more: Any) -> Any:
    return value


@app.task(name="bare.tasks.fail")
def fail(order: int) -> None:
    raise KeyError(f"card of order {order}")


@app.task(name="bare.tasks.expected", throws=(Expected,))
def expected() -> None:
    raise Expected("as agreed")


@app.task(name="bare.tasks.flaky", bind=True)
def flaky(self: Task) -> str:
    """Fails once."""
    if self.request.retries == 0:
        raise self.retry(exc=ConnectionError("gateway down"), countdown=0.01)
    return "paid"


@app.task(name="bare.tasks.killed")
def killed() -> None:
    os.kill(os.getpid(), 9)


def publish_one_of_each() -> dict[str, str]:
    """Label -> task id."""
    steps = chain(echo.s("first"), echo.s(last=True)).apply_async()
    both = group(echo.s(1), echo.s(2)).apply_async()
    return {
        "secret": echo.delay([1, "two"], password="hunter2").id,
        "fail": fail.delay(7).id,
        "expected": expected.delay().id,
        "flaky": flaky.delay().id,
        "killed": killed.delay().id,
        "expires": echo.apply_async(("late",), expires=-1).id,
        "unknown": app.send_task("bare.tasks.unknown", queue="bare").id,
        "step 1": steps.parent.id,
        "step 2": steps.id,
        "left": both.results[0].id,
        "right": both.results[1].id,
    }
