"""Which broker and which of its queues a command is about."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from otel_taskmon import app_names
from otel_taskmon.errors import StoreUnavailable, TaskmonError
from otel_taskmon.settings import BrokerSettings, Settings

if TYPE_CHECKING:
    from otel_taskmon.broker.amqp import AmqpBroker
    from otel_taskmon.broker.message import Reading
    from otel_taskmon.broker.redis_broker import RedisBroker

CELERY_VARIABLE = "CELERY_BROKER_URL"


def open_broker(settings: BrokerSettings) -> RedisBroker | AmqpBroker:
    """The broker of TASKMON_BROKER_URL (or …_FILE), else of CELERY_BROKER_URL; its address is never an argument."""
    url = settings.broker_url or os.environ.get(CELERY_VARIABLE, "").strip()
    if not url:
        raise click.UsageError(
            "which broker? Set TASKMON_BROKER_URL (or TASKMON_BROKER_URL_FILE, or CELERY_BROKER_URL) to its address, "
            "for example redis://127.0.0.1:6379/0"
        )
    from otel_taskmon.broker import connect

    return connect(url, settings.broker_transport_options)


def reading() -> Reading:
    """Apps and masking as this process's settings say; set the same variables as for the workers."""
    from otel_taskmon.broker import Reading
    from otel_taskmon.payload import PayloadEncoder

    settings = Settings.from_environment()
    return Reading(PayloadEncoder(settings), app_names.AppNames(settings.app_name_mapping_config).of)


def queue_names(broker: RedisBroker | AmqpBroker, clickhouse_url: str | None) -> list[str]:
    """Those that the broker tells of, else those in the tables; [] where neither knows any."""
    found = broker.queue_names()
    if found or broker.lists_messages:
        return found
    from otel_taskmon.cli.reading import open_reader

    try:
        with open_reader(clickhouse_url) as client:
            from otel_taskmon.queries.waiting import known_queues

            return known_queues(client)
    except StoreUnavailable as error:
        raise TaskmonError(f"RabbitMQ does not tell its queues, and {error}; name the queue") from error


def the_queue(broker: RedisBroker | AmqpBroker, given: str | None, clickhouse_url: str | None) -> str:
    """The queue that was named, else the only one there is. Raises UsageError."""
    if given:
        return given
    names = queue_names(broker, clickhouse_url)
    if len(names) == 1:
        return names[0]
    known = f"known are: {', '.join(map(repr, names))}" if names else "none is known"
    raise click.UsageError(f"say which queue with --queue; {known}")


def given_app(app: str | None) -> str | None:
    """``(none)`` is the app of tasks whose name gives none."""
    from otel_taskmon.cli.reading import NO_APP

    return "" if app == NO_APP else app
