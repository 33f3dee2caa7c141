"""A connection to RabbitMQ and its channels, which an error closes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from otel_taskmon.broker.connection import broker_errors, channel_of, shown

T = TypeVar("T")


class AmqpChannel:
    """One kombu connection, with a channel that is opened again after an error; made at the first use."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._channel: Any = None

    @property
    def where(self) -> str:
        """The address, password masked."""
        return shown(self.connection)

    def errors(self) -> AbstractContextManager[None]:
        """Inside, what the libraries raise becomes BrokerUnavailable."""
        return broker_errors(self.connection)

    def call(self, ask: Callable[[Any], T]) -> T:
        """What ``ask`` gives for the channel; whatever it raises, the next call has a channel that works."""
        if self._channel is None:
            self._channel = channel_of(self.connection)
        try:
            return ask(self._channel)
        except BaseException as error:
            self._channel = None
            if isinstance(error, self.connection.connection_errors):
                self.connection.collapse()  # the next call connects anew
            raise

    def close(self) -> None:
        """Ends the connection; the next use opens a new one."""
        self._channel = None
        try:
            self.connection.release()
        except (OSError, *self.connection.connection_errors, *self.connection.channel_errors):
            self.connection.collapse()
