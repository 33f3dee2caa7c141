"""A connection to Redis and the names of the lists there, as kombu's own channel makes them.

kombu's channel knows the address (TLS, sockets and Sentinel included), ``global_keyprefix``, ``sep`` and
``priority_steps``. A queue is one list per priority step: publishers push on the left, workers pop on the right, from
the first step that has any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from otel_taskmon.broker.connection import broker_errors, channel_of, shown
from otel_taskmon.broker.model import BrokerUnavailable
from otel_taskmon.broker.scripts import run

OWN_PREFIX: Final = "taskmon."
"""Our own keys begin with it, after the ``global_keyprefix``."""


class RedisClient:
    """One connection pool of one kombu connection; made at the first use."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._channel: Any = None
        self._client: Any = None

    @property
    def where(self) -> str:
        """The address, password masked."""
        return shown(self.connection)

    def errors(self) -> AbstractContextManager[None]:
        """Inside, what the libraries raise becomes BrokerUnavailable."""
        return broker_errors(self.connection)

    @property
    def client(self) -> Any:
        """A redis-py client that adds no prefix."""
        if self._client is None:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            pool = self.channel.pool
            # A script whose answer got lost may have run: nothing is sent twice behind our back.
            pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)
            self._client = Redis(connection_pool=pool)
        return self._client

    @property
    def channel(self) -> Any:
        if self._channel is None:
            self._channel = channel_of(self.connection)
        return self._channel

    @property
    def steps(self) -> tuple[int, ...]:
        """Priority steps in the order in which workers take from them."""
        return tuple(self.channel.priority_steps)

    def step_of(self, priority: int) -> int:
        """The step that messages of this priority go to."""
        step: int = self.channel.priority(priority)
        return step

    def key(self, queue: str, step: int) -> str:
        """The whole name of a list."""
        name: str = self.channel._q_for_pri(queue, step)
        return self.prefixed(name)

    def prefixed(self, name: str) -> str:
        prefix: str = self.channel.global_keyprefix
        return prefix + name

    def own(self, name: str) -> str:
        """The whole name of a key of ours."""
        return self.prefixed(OWN_PREFIX + name)

    def lengths(self, queue: str) -> dict[int, int]:
        """Messages per step, at one moment. Raises BrokerUnavailable where a list is no list."""
        steps = self.steps
        with self.client.pipeline(transaction=True) as pipe:
            for step in steps:
                pipe.llen(self.key(queue, step))
            return dict(zip(steps, pipe.execute(), strict=True))

    def script(self, name: str, keys: list[str], *arguments: str | int) -> Any:
        return run(self.client, name, keys, *arguments)

    def bound_queues(self, exchange: str, routing_key: str) -> list[str]:
        """Queues that a direct exchange sends this routing key to."""
        table = self.channel.get_table(exchange)
        return [row[2] for row in table if len(row) == 3 and row[0] == routing_key]

    def close(self) -> None:
        """Gives the connections back; the next use opens new ones."""
        self._channel = self._client = None
        try:
            self.connection.release()
        except (OSError, *self.connection.connection_errors):
            return  # what is broken needs no farewell

    @contextmanager
    def optional(self) -> Iterator[None]:
        """Inside, a right that is missing or a command that is not known ends the block quietly."""
        from redis.exceptions import NoPermissionError, ResponseError

        try:
            yield
        except NoPermissionError:
            return
        except ResponseError as error:
            # the second is what a script says of a command in it
            if not any(
                word in str(error) for word in ("unknown command", "can't run this command", "WRONGTYPE")
            ):
                raise BrokerUnavailable(
                    f"the broker at {self.where} answered with an error: {error}"
                ) from None
