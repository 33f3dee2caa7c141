"""The broker behind the Queues page: opened for one question, and closed after it. No Streamlit here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_taskmon import app_names
from otel_taskmon.broker import (
    PurgePlan,
    QueueCounts,
    QueueDepth,
    Reading,
    WaitingPage,
    Wanted,
    connect,
)
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import BrokerSettings, Settings

if TYPE_CHECKING:
    from otel_taskmon.broker.amqp import AmqpBroker
    from otel_taskmon.broker.redis_broker import RedisBroker

    Broker = RedisBroker | AmqpBroker

CELERY_VARIABLE: Final = "CELERY_BROKER_URL"
PAGE_ROWS: Final = 100
"""Messages of a page; of each at most 64 KiB are read."""


@dataclass(frozen=True)
class Address:
    """Which broker, and how much of it is read; tells the answers of one from those of another."""

    url: str = field(repr=False)
    """As Celery's ``broker_url``; "": none is set."""
    limit: int
    """Messages that are read one by one at most, to count or to filter them."""


def address() -> Address:
    """TASKMON_BROKER_URL (or …_FILE), else CELERY_BROKER_URL. Raises SettingError."""
    settings = BrokerSettings.from_environment()
    url = settings.broker_url or os.environ.get(CELERY_VARIABLE, "").strip()
    return Address(url, settings.queued_tasks_admin_limit)


def reading() -> Reading:
    """Apps and masking as the environment of this process says: the same variables as for the workers."""
    settings = Settings.from_environment()
    return Reading(PayloadEncoder(settings), app_names.AppNames(settings.app_name_mapping_config).of)


@contextmanager
def opened(at: Address) -> Iterator[Broker]:
    """The broker there. Raises BrokerUnavailable, and TaskmonError for what is no address of one."""
    broker = connect(at.url, BrokerSettings.from_environment().broker_transport_options)
    try:
        yield broker
    finally:
        broker.close()


@dataclass(frozen=True)
class Depths:
    """All queues that are known, at one moment."""

    system: str
    where: str
    """The broker's address, password masked."""
    lists_messages: bool
    depths: tuple[QueueDepth, ...]


def ask_depths(at: Address, names: tuple[str, ...]) -> Depths:
    """The queues that the broker tells of, and ``names`` as far as they exist."""
    with opened(at) as broker:
        known = dict.fromkeys((*broker.queue_names(), *names))
        return Depths(
            broker.system,
            broker.where,
            broker.lists_messages,
            tuple(broker.depths([*known]) if known else ()),
        )


def ask_waiting(at: Address, queue: str, wanted: Wanted, start: int) -> WaitingPage:
    with opened(at) as broker:
        return broker.waiting(queue, wanted, reading(), start=start, rows=PAGE_ROWS, most=at.limit)


def ask_counts(at: Address, queue: str) -> QueueCounts:
    with opened(at) as broker:
        return broker.counts(queue, reading(), most=at.limit)


def ask_plan(at: Address, queue: str, wanted: Wanted) -> PurgePlan:
    """What a purge would take. Raises UnknownQueue."""
    with opened(at) as broker:
        return broker.plan(queue, wanted, reading().app_of)
