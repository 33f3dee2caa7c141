"""The demo's load: scenes of a shop's day, each a function that publishes one thing.

``fixed_load`` is the script of ``taskmon demo --once``: the same scenes in the same numbers each time. ``one_scene``
is what the endless demo draws from. How many tasks, retries and failures that makes is for the counters to say.
"""

from __future__ import annotations

import base64
import functools
import random
import time
from collections.abc import Callable
from typing import Any

from celery import chain, chord, group

from otel_taskmon.demo import shop_goods, shop_office, shop_orders

Ending = Any
"""An AsyncResult to wait for before the load counts as published: its canvas publishes tasks after tasks end."""

Scene = Callable[[random.Random], Ending | None]

CUSTOMERS = ("alice", "bob", "carla", "dmitri", "esra", "fatou", "giorgos", "hana")
GOODS = (
    ("Tea, green, 100 g", 490),
    ("Kettle", 3_990),
    ("Mug “Ωmega”", 1_250),
    ("Honey 🍯", 875),
    ("Tray", 1_999),
)
HOSTILE_TEXTS = (
    "<script>alert('reviews')</script><b onmouseover=alert(1)>Great tea</b>",
    "![a picture](https://tracker.example.com/pixel.png) **bold** [click](javascript:alert(1))",
    "=cmd|' /C calc'!A0",
    "+1 @SUM(A1:A9) -2",
    "\u202eenogevah uoy efil eht\u202c, read it backwards",
    "first line\nsecond line\r\n\tthird line; with, separators \"and quotes\" and 'more'",
    "null \x00 bell \x07 escape \x1b[31mred\x1b[0m",
    "{{ 7 * 7 }} ${7*7} $(id) %s %(x)s {0} \\' OR 1=1 --",
)
NEWS = (
    ("de", "Grüße: Tee für große Öfen"),
    ("ja", "新しいお茶が届きました"),
    ("ar", "شاي جديد"),
    ("el", "Νέο τσάι"),
)


def _email(dice: random.Random) -> str:
    return f"{dice.choice(CUSTOMERS)}{dice.randrange(100)}@example.com"


def _order_id(dice: random.Random) -> int:
    return dice.randrange(100_000, 999_999)


def _order(dice: random.Random, card: str) -> None:
    picked = dice.sample(GOODS, dice.randint(1, 4))
    items = [{"name": name, "cents": cents, "quantity": dice.randint(1, 3)} for name, cents in picked]
    shop_orders.place_order.delay(_order_id(dice), _email(dice), items, card_number=card)


def order(dice: random.Random) -> None:
    """An order whose card is good."""
    _order(dice, shop_orders.APPROVED_CARD)


def order_slow_bank(dice: random.Random) -> None:
    """Its payment is retried twice and then passes."""
    _order(dice, shop_orders.SLOW_BANK_CARD)


def order_lost_bank(dice: random.Random) -> None:
    """Its payment fails when the retries are used up."""
    _order(dice, shop_orders.LOST_BANK_CARD)


def order_declined(dice: random.Random) -> None:
    """Its payment fails at once."""
    _order(dice, shop_orders.EMPTY_CARD)


def refund(dice: random.Random) -> None:
    shop_orders.refund.delay(_order_id(dice), dice.choice((12_90, 39_99, 640_00)), "customer's request")


def find_order(dice: random.Random) -> None:
    shop_orders.find_order.delay(_order_id(dice))


def cancel_order(dice: random.Random) -> None:
    shop_orders.cancel_order.delay(_order_id(dice))


def reset_password(dice: random.Random) -> None:
    """Secrets by key; nothing of them may be seen anywhere."""
    shop_orders.reset_password.delay(
        _email(dice),
        password=f"correct-horse-{dice.randrange(10**6):06}",
        api_key=f"{dice.getrandbits(128):032x}",
    )


def newsletter(dice: random.Random) -> None:
    language, subject = dice.choice(NEWS)
    shop_office.send_newsletter.apply_async(
        (_email(dice),), {"language": language, "subject": subject}, priority=dice.choice((3, 6, 9))
    )


def bad_receipt(dice: random.Random) -> None:
    """A failing task that a search for its argument finds."""
    shop_office.send_receipt.delay(f"{dice.choice(CUSTOMERS)}.example.com", _order_id(dice), cents=490)


def cart_reminder(dice: random.Random) -> None:
    """An ETA of one to three seconds."""
    cart = f"cart-{dice.getrandbits(32):08x}"
    shop_office.remind_cart.apply_async((_email(dice),), {"cart_id": cart}, countdown=dice.uniform(1, 3))


def _day(dice: random.Random) -> str:
    return f"2026-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"


def slow_report(dice: random.Random, longest_s: float = 3.0) -> None:
    shop_office.nightly_sales.delay(_day(dice), seconds=round(dice.uniform(1.0, longest_s), 1))


def failing_export(dice: random.Random) -> None:
    shop_office.export_sales.delay(_day(dice), target="sftp://reports:Sup3r-s3cret@files.example.com/sales")


def housekeeping(dice: random.Random) -> None:
    shop_office.housekeeping.apply_async(priority=dice.choice((6, 9)))


def review(dice: random.Random) -> None:
    """Text that would harm a page which did not treat it as text."""
    shop_goods.moderate.delay(dice.choice(HOSTILE_TEXTS), stars=dice.choice((0, 1, 4, 5, 5)))


def picture(dice: random.Random) -> None:
    """An argument of about 130 kB."""
    shop_goods.resize.delay(base64.b64encode(dice.randbytes(100_000)).decode(), [320, 640, 1280])


def price_chain(dice: random.Random) -> Ending:
    feed = f"https://shop:feed-pa55word@supplier{dice.randrange(9)}.example.com/feed.json?page=1"
    return chain(
        shop_goods.fetch_feed.s(feed), shop_goods.convert_prices.s("EUR"), shop_goods.publish_prices.s()
    ).apply_async()


def shelf_group(dice: random.Random) -> None:
    aisle = dice.choice("ABCDEF")
    group(shop_goods.count_shelf.s(aisle, shelf) for shelf in range(1, 6)).apply_async()


def stock_chord(dice: random.Random) -> Ending:
    header = [shop_goods.count_shelf.s(dice.choice("ABCDEF"), shelf) for shelf in range(1, 7)]
    return chord(header)(shop_goods.sum_up.s(warehouse=dice.choice(("Hamburg", "Łódź"))))


SCENES: tuple[tuple[Scene, int, int], ...] = (
    # scene, times in the fixed load, weight in the endless one
    (order, 40, 30),
    (order_slow_bank, 4, 3),
    (order_lost_bank, 2, 1),
    (order_declined, 3, 2),
    (refund, 6, 2),
    (find_order, 21, 8),
    (cancel_order, 8, 3),
    (reset_password, 6, 3),
    (newsletter, 24, 14),
    (bad_receipt, 3, 1),
    (cart_reminder, 6, 3),
    (functools.partial(slow_report, longest_s=1.5), 3, 0),
    (slow_report, 0, 2),
    (failing_export, 3, 1),
    (housekeeping, 6, 2),
    (review, 16, 4),
    (picture, 2, 1),
    (price_chain, 3, 2),
    (shelf_group, 2, 1),
    (stock_chord, 2, 1),
)


def fixed_load(seed: int = 2026) -> list[Ending]:
    """Publish the script of ``--once``; returns what to wait for before the load is fully published."""
    dice = random.Random(seed)
    scenes = [scene for scene, times, _ in SCENES for _ in range(times)]
    dice.shuffle(scenes)
    endings = [scene(dice) for scene in scenes]
    return [ending for ending in endings if ending is not None]


def one_scene(dice: random.Random) -> None:
    """Publish one scene of the endless demo."""
    (scene,) = dice.choices([scene for scene, _, _ in SCENES], [weight for _, _, weight in SCENES])
    scene(dice)


def scenes_per_second(now: float | None = None, *, mean: float = 2.0, day_s: float = 600.0) -> float:
    """Rate at ``now`` (seconds since the epoch): a "day" of ten minutes, from quiet to busy and back.

    A scene is 2.3 tasks on average, so the mean of 2 scenes is about 5 tasks per second.
    """
    phase = ((time.time() if now is None else now) % day_s) / day_s
    noon = 1.0 - abs(2.0 * phase - 1.0)  # 0 at midnight, 1 at noon
    return mean * (0.4 + 1.2 * noon)
