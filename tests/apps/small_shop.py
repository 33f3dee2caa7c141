"""The Celery app of the storage bench: the tasks of a small shop, with the failures, retries and child tasks it has.

Whatever differs from task to task is written in five digits or more; ``bench.storage_load`` draws those anew for each
copy that it makes of a recorded task.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task

import otel_taskmon

app = Celery("shop", broker=os.environ["SHOP_BROKER"], set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_default_queue="celery",
    task_routes={"mail.*": {"queue": "mails"}, "images.*": {"queue": "slow"}},
    worker_hijack_root_logger=False,
)
otel_taskmon.instrument(app)

QUEUES = "celery,mails,slow"


class PaymentDeclined(Exception):
    """A business failure."""


@app.task(name="shop.tasks.charge")
def charge(order: int, customer: str, *, amount: int, currency: str = "EUR") -> dict[str, Any]:
    """Charges a card and tells the customer; every tenth card is declined, five calls deep."""
    if order % 10 == 3:
        _gateway(order, customer, depth=5)
    send.delay(customer, template="receipt", order=order)
    return {"ok": True, "receipt": f"R-{amount}{order}"}


def _gateway(order: int, customer: str, depth: int) -> None:
    if depth:
        return _gateway(order, customer, depth - 1)
    raise PaymentDeclined(f"the card of {customer} was declined for order {order}")


@app.task(name="mail.tasks.send")
def send(to: str, *, template: str, order: int) -> str:
    return "sent"


@app.task(name="images.tasks.thumbnail")
def thumbnail(path: str, *, width: int = 320, height: int = 240) -> str:
    return path.replace(".jpg", "-320.jpg")


@app.task(name="sync.tasks.update_structure", bind=True, max_retries=3, default_retry_delay=0)
def update_structure(self: Task[Any, Any], structure: int, token: int) -> None:
    """Every sixth needs a second execution, as a service that answers too late makes it."""
    if structure % 6 == 0 and self.request.retries == 0:
        try:
            _ask(structure)
        except TimeoutError as error:
            raise self.retry(exc=error) from error


def _ask(structure: int) -> None:
    raise TimeoutError(f"no answer for structure {structure} within 30 s")


@app.task(name="sync.tasks.update_all")
def update_all() -> None:
    """What a beat sends: nothing in, nothing out."""


@app.task(name="search.tasks.index")
def index(documents: list[int]) -> dict[str, int]:
    return {"indexed": len(documents)}


@app.task(name="reports.tasks.refresh")
def refresh(report: int, *, since: str, force: bool = False) -> dict[str, Any]:
    return {"report": report, "rows": 10_000 + report}


def publish(rounds: int) -> int:
    """``rounds`` times the same mix; how many tasks there will be, the children too."""
    for n in range(rounds):
        order = 481_516 + n
        customer = f"customer-{10_000 + n}@example.org"
        charge.delay(order, customer, amount=19_900 + n)
        for k in range(2):
            thumbnail.delay(f"/srv/shop/images/{600_000 + 10 * n + k}.jpg")
            index.delay([700_000 + 10 * n + k + i for i in range(3)])
        for k in range(3):
            update_structure.delay(1_000_000_000 + 3 * n + k, 55_000_000 + n)
        update_all.delay()
        refresh.delay(20_000 + n, since="2026-11-01T00:00:00Z", force=n % 2 == 0)
    children = sum((481_516 + n) % 10 != 3 for n in range(rounds))
    return rounds * 10 + children
