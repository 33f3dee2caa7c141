"""The demo's counters are its truth, so they are held against outcomes worked out by hand."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from redis import Redis

from otel_taskmon.demo.broker import Broker
from otel_taskmon.demo.counters import Counts, read_counts
from tests.support.databases import own_database
from tests.support.processes import Child
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PUBLISH = """
from celery import chain, chord
from otel_taskmon.demo import shop_goods, shop_orders
shop_orders.charge_card.delay(1, 100, card_number=shop_orders.SLOW_BANK_CARD)
shop_orders.charge_card.delay(2, 100, card_number=shop_orders.EMPTY_CARD)
shop_orders.refund.delay(3, 999_00, "too much")
shop_orders.find_order.delay(9)
shop_orders.find_order.delay(8)
shop_orders.cancel_order.delay(2)
ends = [
    chain(shop_goods.fetch_feed.s("https://x/?page=1"), shop_goods.convert_prices.s("EUR")).apply_async(),
    chord([shop_goods.count_shelf.s("A", n) for n in (1, 2)])(shop_goods.sum_up.s(warehouse="W")),
]
for end in ends:
    end.get(timeout=30)
"""


def test_counters_hold_what_happened(broker: Broker, tmp_path: Path) -> None:
    url = own_database(broker)
    env = {"SHOP_BROKER_URL": url, "TASKMON_ENABLED": "false"}
    worker = [sys.executable, "-m", "celery", "-A", "otel_taskmon.demo.shop", "worker", "-c", "2"]
    with (
        Redis.from_url(url) as client,
        Child(
            [*worker, "-Q", "default,mails,slow", "--without-mingle"], tmp_path / "worker.log", env=env
        ) as running,
        Child(
            [sys.executable, "-c", PUBLISH], tmp_path / "publisher.log", env={**os.environ, **env}
        ) as publisher,
    ):
        assert publisher.process.wait(60) == 0, publisher.output() + running.output()
        wait_until(lambda: read_counts(client).all_ended, "the load's end", context=running.output)
        counts = read_counts(client)
    charge, refund, find = "payments.tasks.charge_card", "payments.tasks.refund", "orders.tasks.find_order"
    tasks = Counter(
        {
            (charge, "SUCCESS"): 1,
            (charge, "FAILURE"): 1,
            (refund, "FAILURE"): 1,
            (find, "FAILURE"): 1,
            (find, "SUCCESS"): 1,
            ("orders.tasks.cancel_order", "IGNORED"): 1,
            ("catalogue.tasks.fetch_feed", "SUCCESS"): 1,
            ("catalogue.tasks.convert_prices", "SUCCESS"): 1,
            ("stock.tasks.count_shelf", "SUCCESS"): 2,
            ("stock.tasks.sum_up", "SUCCESS"): 1,
        }
    )
    executions = tasks + Counter({(charge, "RETRY"): 2, (refund, "RETRY"): 2})
    publishes: Counter[str] = Counter()
    for (name, _), number in executions.items():
        publishes[name] += number
    # the order that is not found is an expected failure
    assert counts == Counts(publishes, executions, tasks, Counter({charge: 1, refund: 1}))
