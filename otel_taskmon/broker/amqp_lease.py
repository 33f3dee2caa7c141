"""Electing one worker on RabbitMQ: an exclusive queue, which the broker deletes when its holder's connection ends.

Others may not consume from it but may publish to it: that is how they tell the holder of queues that it does not know.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from otel_taskmon import stamps
from otel_taskmon.broker.amqp_channel import AmqpChannel

HEARTBEAT_S: Final = 6
"""The broker ends a connection that was silent for two of them, so a machine that is gone holds nothing for long."""
_MOST_QUEUES: Final = 1_000
_MOST_MESSAGES: Final = 500


class AmqpLease:
    """One of several with the same ``name`` holds it, as long as its connection lives."""

    keep_alive_every_s: float | None = HEARTBEAT_S / 2

    def __init__(self, amqp: AmqpChannel, name: str, lasts_s: float) -> None:
        self._amqp = amqp
        self._queue = f"taskmon.lease.{name}"
        self._told: dict[str, float] = {}
        self._expiration_ms = str(round(lasts_s * 2000))
        amqp.connection.heartbeat = HEARTBEAT_S

    def hold(self) -> bool:
        """Take it if it is free, keep it if it is ours; whether it is ours now. Raises BrokerUnavailable."""
        from amqp.exceptions import ResourceLocked

        with self._amqp.errors():
            try:
                self._amqp.call(lambda channel: channel.queue_declare(self._queue, exclusive=True))
            except ResourceLocked:
                return False
        return True

    def release(self) -> None:
        """Let the next one have it at once; ends the connection. Raises BrokerUnavailable."""
        self._amqp.close()

    def keep_alive(self) -> None:
        """To be called every ``keep_alive_every_s`` seconds. Raises BrokerUnavailable."""
        connection = self._amqp.connection
        with self._amqp.errors():
            if not connection.connected:
                return
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.01)  # what the broker sent counts as its sign of life
            connection.heartbeat_check()

    def tell(self, queues: Iterable[str]) -> None:
        """Tell whoever holds the lease of these queues. Raises BrokerUnavailable."""
        from amqp.basic_message import Message

        message = Message(
            json.dumps(sorted(queues)), content_type="application/json", expiration=self._expiration_ms
        )
        with self._amqp.errors():
            self._amqp.call(
                lambda channel: channel.basic_publish(message, exchange="", routing_key=self._queue)
            )

    def told(self, within_s: float) -> set[str]:
        """What everybody has told the holder of. Raises BrokerUnavailable."""
        now = time.monotonic()
        with self._amqp.errors():
            for _ in range(_MOST_MESSAGES):
                message: Any = self._amqp.call(lambda channel: channel.basic_get(self._queue, no_ack=True))
                if message is None:
                    break
                self._told.update(dict.fromkeys(_names(message.body), now))
        self._told = {name: at for name, at in self._told.items() if now - at < within_s}
        return set(sorted(self._told)[:_MOST_QUEUES])


def _names(body: object) -> list[str]:
    """Anybody may publish to any queue."""
    try:
        found = json.loads(body) if isinstance(body, str | bytes) else None
    except (ValueError, RecursionError):
        return []
    return [name for item in found if (name := stamps.name(item))] if isinstance(found, list) else []
