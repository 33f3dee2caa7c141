"""Lengths of queues on Redis: one round trip for all lists, whatever the number of messages."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from otel_taskmon import stamps
from otel_taskmon.broker.model import QueueDepth
from otel_taskmon.broker.redis_client import RedisClient

UNACKED_MOST: Final = 2_000
"""With more messages held by workers than this, how many belong to which queue is not looked up: it reads them all."""
UNACKED_MOST_BYTES: Final = 8 * 1024 * 1024
_UNACKED_AT_ONCE: Final = 100
_OLDEST_AT_ONCE: Final = 100
_BINDINGS_LOOKED_AT: Final = 100_000
_SET_NAME: Final = re.compile(r"_kombu\.binding\.(.*)")
_TAIL: Final = re.compile(rb', ("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")\]$')
"""kombu keeps ``[message, exchange, routing key]``."""


def depths(redis: RedisClient, queues: Sequence[str]) -> list[QueueDepth]:
    """Each queue that can be counted; one that is no list or may not be read is left out."""
    wanted = [(queue, redis.key(queue, step)) for queue in dict.fromkeys(queues) for step in redis.steps]
    with redis.client.pipeline(transaction=False) as pipe:
        for _, key in wanted:
            pipe.llen(key)
        pipe.hlen(redis.prefixed(redis.channel.unacked_key))
        *lengths, held = pipe.execute(raise_on_error=False)
    refused = {
        queue for (queue, _), length in zip(wanted, lengths, strict=True) if not isinstance(length, int)
    }
    total: Counter[str] = Counter()
    filled: list[tuple[str, str]] = []
    for (queue, key), length in zip(wanted, lengths, strict=True):
        if queue not in refused:
            total[queue] += length
            if length:
                filled.append((queue, key))
    oldest = _oldest(redis, filled)
    unacked = _unacked(redis, held) if isinstance(held, int) else None
    return [
        QueueDepth(queue, depth, None if unacked is None else unacked[queue], None, oldest.get(queue))
        for queue, depth in total.items()
    ]


def _oldest(redis: RedisClient, filled: Sequence[tuple[str, str]]) -> dict[str, int]:
    """When the longest waiting message of each queue was published; only queues whose messages say so."""
    found: dict[str, int] = {}
    now = time.time_ns()
    for start in range(0, len(filled), _OLDEST_AT_ONCE):
        part = filled[start : start + _OLDEST_AT_ONCE]
        answers: list[bytes] = []
        with redis.optional():
            answers = redis.script("oldest", [key for _, key in part])
        for (queue, _), text in zip(part, answers, strict=False):
            published = stamps.time_ns(int(text), now) if text and len(text) < 20 else None
            if published is not None:
                found[queue] = min(found.get(queue, published), published)
    return found


def _unacked(redis: RedisClient, held: int) -> Counter[str] | None:
    """Messages that workers hold, by queue; None where that would cost too much to know."""
    by_queue: Counter[str] = Counter()
    if not held:
        return by_queue
    if held > UNACKED_MOST:
        return None
    tails: dict[bytes, bytes] = {}
    cursor, read = b"0", 0
    while True:
        answer: list[Any] = []
        with redis.optional():
            answer = redis.script(
                "unacked", [redis.prefixed(redis.channel.unacked_key)], cursor.decode(), _UNACKED_AT_ONCE
            )
        if not answer:
            return None
        cursor, size, *pairs = answer
        tails.update(zip(pairs[::2], pairs[1::2], strict=True))
        read += size
        if cursor == b"0":
            break
        if read > UNACKED_MOST_BYTES or len(tails) > 2 * UNACKED_MOST:
            return None
    routes = Counter(_route(tail) for tail in tails.values())
    for route, count in routes.items():
        if route is None:
            return None
        for queue in [route[1]] if not route[0] else redis.bound_queues(*route):
            by_queue[queue] += count
    return by_queue


def _route(tail: bytes) -> tuple[str, str] | None:
    match = _TAIL.search(tail)
    if match is None:
        return None
    return json.loads(match[1]), json.loads(match[2])


def known_queues(redis: RedisClient, announced: Sequence[str]) -> list[str]:
    """Queues that workers told of, else those that kombu bound to an exchange, sorted."""
    if announced:
        return sorted(announced)
    names: set[str] = set()
    pattern = redis.prefixed("_kombu.binding.*")
    for number, key in enumerate(redis.client.scan_iter(match=_escaped(pattern), count=1000)):
        if number >= _BINDINGS_LOOKED_AT:
            break
        text = key.decode(errors="replace")
        exchange = _SET_NAME.search(text)
        if (
            exchange is None
            or exchange[1].endswith(".pidbox")
            or exchange[1].startswith(("celeryev", "reply."))
        ):
            continue
        names.update(row[2] for row in redis.channel.get_table(exchange[1]) if len(row) == 3 and row[2])
    return sorted(names)


def _escaped(pattern: str) -> str:
    """Only the last star of a pattern for keys means "anything"; a prefix may have one of its own."""
    return re.sub(r"([\[\]?*^\\])", r"\\\1", pattern[:-1]) + "*"
