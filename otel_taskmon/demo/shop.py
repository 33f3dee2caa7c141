"""The demo's Celery app: a small shop. ``otel_taskmon.instrument(app)`` is all that makes it watched.

Run it by hand with ``SHOP_BROKER_URL=redis://… celery -A otel_taskmon.demo.shop worker -Q default,mails,slow``.
"""

from __future__ import annotations

import os

from kombu.entity import Queue

import otel_taskmon
from otel_taskmon.demo.counters import CountedCelery

BROKER_URL = os.environ.get("SHOP_BROKER_URL", "redis://127.0.0.1:6379/0")
QUEUES = ("default", "mails", "slow")

app = CountedCelery(
    "shop",
    broker=BROKER_URL,
    backend=BROKER_URL,
    include=[
        "otel_taskmon.demo.shop_orders",
        "otel_taskmon.demo.shop_goods",
        "otel_taskmon.demo.shop_office",
    ],
)
app.conf.update(
    task_queues=[Queue(name) for name in QUEUES],
    task_default_queue="default",
    task_routes={"mails.*": {"queue": "mails"}, "reports.*": {"queue": "slow"}},
    # Redis has no priorities; kombu keeps a list for each step. Here 0 is the most urgent.
    broker_transport_options={"queue_order_strategy": "priority", "priority_steps": [0, 3, 6, 9]},
    task_default_priority=6,
    worker_prefetch_multiplier=1,
    result_expires=600,
    broker_connection_retry_on_startup=True,
)

otel_taskmon.instrument(app)
