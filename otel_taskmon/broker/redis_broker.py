"""Queues on Redis (and what speaks its protocol)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from otel_taskmon.broker import redis_depths, redis_purge, redis_waiting
from otel_taskmon.broker.message import Reading
from otel_taskmon.broker.model import Progress, PurgePlan, QueueCounts, QueueDepth, WaitingPage, Wanted
from otel_taskmon.broker.redis_client import RedisClient
from otel_taskmon.broker.redis_lease import RedisLease, announced

ANNOUNCED_S: Final = 3600.0
"""A queue of which no worker has told for so long is no longer listed."""


class RedisBroker:
    """Every method raises BrokerUnavailable when Redis does not answer or refuses."""

    system: Final = "redis"
    lists_messages: Final = True

    def __init__(self, connection: Any) -> None:
        self._redis = RedisClient(connection)

    @property
    def where(self) -> str:
        """The address, password masked."""
        return self._redis.where

    def clock_s(self) -> float:
        """Redis's own clock, in seconds since the epoch."""
        with self._redis.errors():
            seconds, microseconds = self._redis.client.time()
            return float(seconds) + float(microseconds) / 1e6

    def queue_names(self) -> list[str]:
        """Queues that workers with queue depth on have told of, else those that are bound to an exchange."""
        with self._redis.errors():
            told = announced(self._redis, since=time.time() - ANNOUNCED_S)
            return redis_depths.known_queues(self._redis, sorted(told))

    def depths(self, queues: Sequence[str]) -> list[QueueDepth]:
        """One entry for each queue that can be counted."""
        with self._redis.errors():
            return redis_depths.depths(self._redis, queues)

    def waiting(
        self, queue: str, wanted: Wanted, reading: Reading, *, start: int = 0, rows: int = 100, most: int
    ) -> WaitingPage:
        """Up to ``rows`` messages from position ``start`` on, next to be consumed first.

        With a filter no more than ``most`` messages are looked at.
        """
        with self._redis.errors():
            return redis_waiting.page(
                self._redis, queue, wanted, reading, start=start, rows=rows, most=max(most, rows)
            )

    def counts(self, queue: str, reading: Reading, *, most: int) -> QueueCounts:
        """What fills the queue; by sampling where more than ``most`` messages wait."""
        with self._redis.errors():
            return redis_waiting.counts(self._redis, queue, reading, most=most)

    def plan(self, queue: str, wanted: Wanted, app_of: Callable[[str], str]) -> PurgePlan:
        """Counts what :meth:`purge` would remove."""
        with self._redis.errors():
            return redis_purge.plan(self._redis, queue, wanted, app_of)

    def purge(self, planned: PurgePlan, progress: Progress = lambda *_: None) -> int:
        """Removes it and gives how many messages that were; raises PurgeStopped."""
        return redis_purge.purge(self._redis, planned, progress)

    def lease(self, name: str, lasts_s: float) -> RedisLease:
        """For electing one of several workers."""
        return RedisLease(self._redis, name, lasts_s)

    def close(self) -> None:
        self._redis.close()
