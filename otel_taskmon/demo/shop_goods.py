"""Catalogue, stock, reviews and images: a chain, a group, a chord, hostile text and large arguments."""

from __future__ import annotations

import time
from typing import Any

from otel_taskmon.demo.shop import app


@app.task(name="catalogue.tasks.fetch_feed")
def fetch_feed(url: str) -> list[dict[str, Any]]:
    """First link of the chain; its URL carries credentials."""
    time.sleep(0.03)
    page = int(url.rpartition("=")[2])
    return [
        {"sku": f"SKU-{page}{n:03}", "price": f"{n * 1.25:.2f}", "tags": [], "note": None}
        for n in range(1, 9)
    ]


@app.task(name="catalogue.tasks.convert_prices")
def convert_prices(rows: list[dict[str, Any]], currency: str) -> list[dict[str, Any]]:
    """Second link: takes what the first returned."""
    time.sleep(0.02)
    return [{**row, "currency": currency} for row in rows]


@app.task(name="catalogue.tasks.publish_prices")
def publish_prices(rows: list[dict[str, Any]]) -> int:
    """Last link of the chain."""
    time.sleep(0.01)
    return len(rows)


@app.task(name="stock.tasks.count_shelf")
def count_shelf(aisle: str, shelf: int) -> int:
    """A member of the group, and of the chord's header."""
    time.sleep(0.01 + 0.004 * (shelf % 5))
    return shelf * 12 + len(aisle)


@app.task(name="stock.tasks.sum_up")
def sum_up(counts: list[int], *, warehouse: str) -> dict[str, Any]:
    """The chord's body."""
    return {"warehouse": warehouse, "pieces": sum(counts)}


@app.task(name="reviews.tasks.moderate")
def moderate(text: str, stars: int = 5) -> bool:
    """Text as strangers write it; some of it cannot be read at all."""
    if stars == 0:
        raise ValueError(f"a review without stars: {text}")
    return "buy now" not in text.lower()


@app.task(name="images.tasks.resize")
def resize(picture: str, widths: list[int]) -> dict[str, int]:
    """A large argument: a picture in base64."""
    time.sleep(0.015)
    return {str(width): len(picture) * width // 1000 for width in widths}
