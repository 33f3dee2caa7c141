"""Tasks of an installed app."""

from typing import Any

from celery import shared_task


@shared_task(name="shop.tasks.order")
def order(lines: list[list[int]], fail: bool = False) -> Any:
    if fail:
        raise LookupError("no such line")
    return {"lines": lines}
