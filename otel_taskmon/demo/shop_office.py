"""Mails, reports and house-keeping: another queue, slow tasks, an ETA, chained exceptions, a task of no app."""

from __future__ import annotations

import time

from otel_taskmon.demo.shop import app


@app.task(name="mails.tasks.send_receipt")
def send_receipt(email: str, order_id: int, *, cents: int) -> str:
    """A child task of every order."""
    time.sleep(0.008)
    if "@" not in email:
        raise ValueError(f"not an e-mail address: {email!r}")
    return f"<receipt-{order_id}-{cents}@shop.example.com>"


@app.task(name="mails.tasks.send_newsletter")
def send_newsletter(email: str, *, language: str, subject: str) -> str:
    """Subjects in many scripts."""
    time.sleep(0.004)
    return f"{language} to {email}: {subject}"


@app.task(name="mails.tasks.remind_cart")
def remind_cart(email: str, *, cart_id: str) -> str:
    """Published with an ETA."""
    time.sleep(0.004)
    return f"{email} was told of {cart_id}"


@app.task(name="reports.tasks.nightly_sales")
def nightly_sales(day: str, *, seconds: float) -> dict[str, float]:
    """Slow: keeps one pool process busy for ``seconds``."""
    time.sleep(seconds)
    orders = 1000 + int(day.replace("-", "")) % 700
    return {"orders": orders, "revenue": orders * 39.96, "seconds": seconds}


@app.task(name="reports.tasks.export_sales")
def export_sales(day: str, *, target: str) -> None:
    """Fails with a chain of three exceptions."""
    try:
        _upload(day, target)
    except OSError as error:
        raise RuntimeError(f"sales of {day} not exported to {target}") from error


def _upload(day: str, target: str) -> None:
    columns: dict[str, str] = {}
    try:
        columns["revenue"]
    except KeyError as error:
        raise OSError(28, f"no space left on {target} for sales-{day}.csv") from error


@app.task(name="housekeeping", priority=9)
def housekeeping() -> None:
    """Its name gives no app."""
