"""Electing one worker on Redis: a key that its holder keeps from expiring, and a list of queues to tell it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import Final

from otel_taskmon.broker.redis_client import RedisClient

_QUEUES: Final = "queues"
_MOST_QUEUES: Final = 1_000
_KEPT_S: Final = 7 * 86_400


class RedisLease:
    """One of several with the same ``name`` holds it; a holder that is silent for ``lasts_s`` seconds has lost it."""

    keep_alive_every_s: float | None = None

    def __init__(self, redis: RedisClient, name: str, lasts_s: float) -> None:
        self._redis = redis
        self._name = name
        self._lasts_ms = round(lasts_s * 1000)
        self._token = secrets.token_hex(16)

    def hold(self) -> bool:
        """Take it if it is free, keep it if it is ours; whether it is ours now. Raises BrokerUnavailable."""
        with self._redis.errors():
            return bool(self._redis.script("lease", [self._key()], self._token, self._lasts_ms) == 1)

    def release(self) -> None:
        """Let the next one have it at once. Raises BrokerUnavailable."""
        with self._redis.errors():
            self._redis.script("release", [self._key()], self._token)

    def keep_alive(self) -> None:
        """Nothing to do between two calls of :meth:`hold`."""

    def tell(self, queues: Iterable[str]) -> None:
        """Tell whoever holds the lease of these queues. Raises BrokerUnavailable."""
        now, names = time.time(), sorted(queues)
        if not names:
            return
        with self._redis.errors():
            key = _queues_key(self._redis)
            with self._redis.client.pipeline(transaction=False) as pipe:
                pipe.zadd(key, dict.fromkeys(names, now))
                pipe.zremrangebyscore(key, "-inf", now - _KEPT_S)
                pipe.execute()

    def told(self, within_s: float) -> set[str]:
        """What everybody has told of, this one included. Raises BrokerUnavailable."""
        with self._redis.errors():
            return announced(self._redis, since=time.time() - within_s)

    def _key(self) -> str:
        return self._redis.own(f"lease.{self._name}")


def announced(redis: RedisClient, since: float) -> set[str]:
    """Queues that some worker has told of since that time (seconds since 1970)."""
    names = redis.client.zrange(
        _queues_key(redis), "+inf", since, desc=True, byscore=True, offset=0, num=_MOST_QUEUES
    )
    return {name.decode(errors="replace") for name in names}


def _queues_key(redis: RedisClient) -> str:
    return redis.own(_QUEUES)
