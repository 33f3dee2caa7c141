"""Queues on the broker: how long they are, what waits in them, and removing it. A leaf that both sides use.

``connect(url)`` gives a :class:`RedisBroker` or an :class:`AmqpBroker`; both have ``depths``, ``waiting``, ``counts``,
``plan``, ``purge`` and ``lease``. The libraries are imported when a broker is opened.
"""

from __future__ import annotations

from otel_taskmon.broker.connection import connect, connect_by
from otel_taskmon.broker.message import Reading
from otel_taskmon.broker.model import (
    BrokerUnavailable,
    NotOnThisBroker,
    PurgePlan,
    PurgeStopped,
    QueueCounts,
    QueueDepth,
    UnknownQueue,
    UnsupportedBroker,
    WaitingPage,
    WaitingTask,
    Wanted,
)

__all__ = [
    "BrokerUnavailable",
    "NotOnThisBroker",
    "PurgePlan",
    "PurgeStopped",
    "QueueCounts",
    "QueueDepth",
    "Reading",
    "UnknownQueue",
    "UnsupportedBroker",
    "WaitingPage",
    "WaitingTask",
    "Wanted",
    "connect",
    "connect_by",
]
