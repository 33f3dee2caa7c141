"""A database of the run's broker for one test alone: messages that another test left reach no worker of it."""

from __future__ import annotations

from itertools import count

from otel_taskmon.demo.broker import Broker

MANY = 4096
"""Databases a broker for tests is started with; a number beyond is refused by it."""

_numbers = count(1)


def own_database(broker: Broker) -> str:
    """URL of a database that nobody has used since ``broker`` was started."""
    return f"{broker.url.removesuffix('/0')}/{next(_numbers)}"
