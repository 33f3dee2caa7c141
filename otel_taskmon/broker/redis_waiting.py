"""What waits in a queue on Redis, in the order in which workers will take it; nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from otel_taskmon.broker.message import Message, Reading, waiting_task
from otel_taskmon.broker.model import QueueCounts, WaitingPage, WaitingTask, Wanted
from otel_taskmon.broker.redis_client import RedisClient

READ_AT_ONCE: Final = 200
READ_BYTES: Final = 8 * 1024 * 1024
"""Most that the broker reads for one answer; of each message it sends at most 64 KiB."""
COUNT_AT_ONCE: Final = 4_000
COUNT_BYTES: Final = 16 * 1024 * 1024
SAMPLES: Final = 50
SAMPLE: Final = 200
_ANY: Final = ("", "any")


def page(
    redis: RedisClient, queue: str, wanted: Wanted, reading: Reading, *, start: int, rows: int, most: int
) -> WaitingPage:
    """Up to ``rows`` messages from position ``start`` on, after looking at no more than ``most``."""
    taken_at = datetime.now(UTC)
    lengths = redis.lengths(queue)
    found: list[WaitingTask] = []
    looked, position = 0, start
    for position, message in _messages(
        redis, queue, lengths, wanted, start, rows if wanted.everything else most
    ):
        looked += 1
        if message.fits(wanted, reading.app_of):
            found.append(waiting_task(message, position, queue, reading))
        if len(found) == rows or looked == most:
            break
    depth = sum(lengths.values())
    at_end = position + 1 >= depth or not looked
    full = len(found) == rows
    limited = not full and looked >= most and not at_end
    following = position + 1 if (full or limited) and not at_end else None
    return WaitingPage(queue, taken_at, depth, found, following, looked, limited)


def _messages(
    redis: RedisClient, queue: str, lengths: Mapping[int, int], wanted: Wanted, start: int, most: int
) -> Iterator[tuple[int, Message]]:
    """Position and message, from ``start`` on; only the priority step that a filter leaves."""
    only = None if wanted.priority is None else redis.step_of(wanted.priority)
    before = 0
    for step, length in lengths.items():
        place = max(start - before, 0)
        while place < length and only in (None, step):
            want = min(READ_AT_ONCE, most, length - place)
            answer: list[Any] = redis.script("read", [redis.key(queue, step)], place, want, READ_BYTES)
            if not answer:
                break  # workers have taken them meanwhile
            for size, text in zip(answer[::2], answer[1::2], strict=True):
                yield before + place, Message.of(text, size)
                place += 1
        before += length


@dataclass(frozen=True)
class Stretch:
    """Some messages of one list, counted in the broker."""

    next_place: int
    looked: int
    matching: int
    by_task: Counter[str]


def stretch(
    redis: RedisClient, key: str, place: int, selection: tuple[str, ...], most: int = COUNT_AT_ONCE
) -> Stretch:
    """Counts ``most`` messages or 16 MiB of them, from ``place`` towards the consumers' end (place 0)."""
    answer: list[Any] = redis.script("count", [key], place, most, COUNT_BYTES, *selection)
    next_place, looked, matching, *pairs = answer
    names = Counter(
        {name.decode(errors="replace"): n for name, n in zip(pairs[::2], pairs[1::2], strict=True)}
    )
    return Stretch(next_place, looked, matching, names)


def counts(redis: RedisClient, queue: str, reading: Reading, *, most: int) -> QueueCounts:
    """By task name and app: exact up to ``most`` messages, estimated from 10 000 spread evenly where there are more."""
    taken_at = datetime.now(UTC)
    lengths = redis.lengths(queue)
    depth = sum(lengths.values())
    by_task: Counter[str] = Counter()
    looked = 0
    for step, length in lengths.items():
        key = redis.key(queue, step)
        if depth <= most:
            part, names = _whole(redis, key, length)
        else:
            part, names = _sample(redis, key, length, max(1, round(SAMPLES * length / depth)))
        looked += part
        scale = length / part if part else 0.0
        for name, count in names.items():
            by_task[name] += count if depth <= most else max(1, round(count * scale))
    by_app: Counter[str] = Counter()
    for name, count in by_task.items():
        by_app[reading.app_of(name) if name else ""] += count
    return QueueCounts(
        queue,
        taken_at,
        depth,
        min(looked, depth),
        dict(by_task.most_common()),
        dict(by_app.most_common()),
        {step: length for step, length in lengths.items() if length},
    )


def _whole(redis: RedisClient, key: str, length: int) -> tuple[int, Counter[str]]:
    looked, names, place = 0, Counter[str](), length - 1
    while place >= 0:
        part = stretch(redis, key, place, _ANY)
        if not part.looked:
            break
        looked, place = looked + part.looked, part.next_place
        names.update(part.by_task)
    return looked, names


def _sample(redis: RedisClient, key: str, length: int, samples: int) -> tuple[int, Counter[str]]:
    looked, names = 0, Counter[str]()
    for number in range(min(samples, -(-length // SAMPLE)) if length else 0):
        place = length - 1 - number * length // samples
        part = stretch(redis, key, place, _ANY, SAMPLE)
        looked += part.looked
        names.update(part.by_task)
    return looked, names
