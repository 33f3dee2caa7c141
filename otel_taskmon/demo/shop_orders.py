"""Orders, payments and accounts: tasks that publish tasks, fail, retry, and carry secrets in their arguments."""

from __future__ import annotations

import time
from typing import Any

from celery import Task
from celery.exceptions import Ignore

from otel_taskmon.demo.shop import app

APPROVED_CARD = "4242 4242 4242 4242"
SLOW_BANK_CARD = "4000 0000 0000 0119"
"""Its bank answers on the third try."""
LOST_BANK_CARD = "4000 0000 0000 0341"
"""Its bank never answers."""
EMPTY_CARD = "4000 0000 0000 9995"
"""Refused for good: no retry helps."""


class GatewayTimeout(Exception):
    """The payment gateway did not answer; worth another try."""


class CardDeclined(Exception):
    """The bank said no."""


class OrderNotFound(Exception):
    """Nobody's fault: the tasks that raise it name it in ``throws``."""


@app.task(name="orders.tasks.place_order")
def place_order(
    order_id: int, email: str, items: list[dict[str, Any]], *, card_number: str
) -> dict[str, Any]:
    """Take an order, then have it charged and the receipt sent: two child tasks."""
    time.sleep(0.01 + 0.003 * len(items))
    total = sum(item["quantity"] * item["cents"] for item in items)
    charge_card.delay(order_id, total, card_number=card_number)
    app.send_task("mails.tasks.send_receipt", (email, order_id), {"cents": total}, priority=3)
    return {"order_id": order_id, "cents": total, "items": len(items)}


@app.task(
    name="payments.tasks.charge_card",
    bind=True,
    priority=0,
    autoretry_for=(GatewayTimeout,),
    max_retries=3,
    default_retry_delay=1,
)
def charge_card(self: Task, order_id: int, cents: int, *, card_number: str) -> dict[str, Any]:
    """Charge a card; a bank that does not answer is asked again, up to three times."""
    time.sleep(0.02)
    if card_number == EMPTY_CARD:
        raise CardDeclined(f"order {order_id}: insufficient funds for {cents / 100:.2f} EUR on {card_number}")
    if card_number == LOST_BANK_CARD or (card_number == SLOW_BANK_CARD and self.request.retries < 2):
        try:
            _ask_bank(order_id)
        except ConnectionResetError as error:
            raise GatewayTimeout(f"order {order_id}: no answer on try {self.request.retries + 1}") from error
    return {"order_id": order_id, "paid": True, "tries": self.request.retries + 1}


def _ask_bank(order_id: int) -> None:
    raise ConnectionResetError(
        104,
        f"POST https://shop:s3cret-gateway-pw@bank.example.com/charge/{order_id}: connection reset by peer",
    )


@app.task(name="payments.tasks.refund", bind=True, max_retries=2)
def refund(self: Task, order_id: int, cents: int, reason: str) -> dict[str, Any]:
    """Refund by hand-written ``self.retry``; amounts over 500 EUR never pass."""
    time.sleep(0.01)
    if cents > 500_00:
        limit = PermissionError(f"refund of {cents / 100:.2f} EUR ({reason}) needs a second signature")
        raise self.retry(exc=limit, countdown=0.5)
    return {"order_id": order_id, "refunded": cents}


@app.task(name="orders.tasks.find_order", throws=(OrderNotFound,))
def find_order(order_id: int) -> dict[str, Any]:
    """Look an order up; "not found" is an expected failure."""
    if order_id % 3 == 0:
        raise OrderNotFound(f"there is no order {order_id}")
    return {"order_id": order_id, "shipped": order_id % 2 == 0}


@app.task(name="orders.tasks.cancel_order")
def cancel_order(order_id: int) -> bool:
    """Cancel an order; one that is on its way is left alone (``Ignore``)."""
    if order_id % 2 == 0:
        raise Ignore
    return True


@app.task(name="accounts.tasks.reset_password")
def reset_password(email: str, *, password: str, api_key: str) -> None:
    """Secrets in arguments: they must come out masked. The result is None."""
    if not (email and password and api_key):
        raise ValueError("e-mail, password and API key are all needed")
    time.sleep(0.005)
