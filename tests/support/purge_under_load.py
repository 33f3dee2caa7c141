"""Two purges by name of a long Redis queue while a publisher and a real worker go on, with a ledger of every message.

Of each fifty messages five are ``doomed`` and go in the first purge, when most messages stay; 44 are ``other`` and go
in the second, when few stay; the one that is left is a ``note``, which the worker executes, as it does those that are
published meanwhile. The worker notes in Redis what it executes, one after the other.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, Final

from redis import Redis

from otel_taskmon.app_names import AppNames
from otel_taskmon.broker import Wanted, connect
from tests.support.processes import Child
from tests.support.queued_messages import message, push
from tests.support.waiting import wait_until
from tests.support.workers import start_worker

NOTE, DOOMED, OTHER = "order.tasks.note", "order.tasks.doomed", "order.tasks.other"
QUEUE: Final = "q"
APP: Final = "tests.apps.order_keeper"
_READ_AT_ONCE = 5_000


@dataclass
class Ledger:
    """Numbers of messages; the first ``messages`` were there before."""

    messages: int
    removed: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    executed_meanwhile: dict[str, int] = field(default_factory=dict)
    """How many the worker executed while the purge of this name went on."""
    published: list[int] = field(default_factory=list)
    """While the purges went on."""
    published_between: int = 0
    """How many of them before the second purge."""
    waiting_between: list[int] = field(default_factory=list)
    """All that waited after the first purge, next to be consumed first; the worker stood still."""
    executed: list[int] = field(default_factory=list)

    def name_of(self, number: int) -> str:
        if number >= self.messages or number % 50 == 0:
            return NOTE
        return DOOMED if number % 10 == 5 else OTHER

    def named(self, name: str, numbers: Iterable[int]) -> list[int]:
        return [number for number in numbers if self.name_of(number) == name]

    def check(self) -> None:
        """Exactly those gone, the rest in order, all executed once."""
        for name in (DOOMED, OTHER):
            of_name, executed = self.named(name, range(self.messages)), self.named(name, self.executed)
            assert executed == of_name[: len(executed)], f"{name}: those that the worker had before the purge"
            assert self.removed[name] == len(of_name) - len(executed), f"{name}: all others are gone"
        notes = [*self.named(NOTE, range(self.messages)), *self.published]
        assert self.named(NOTE, self.executed) == notes, "what stays is executed in order, each once"
        published = self.published[: self.published_between]
        staying = [n for n in (*range(self.messages), *published) if self.name_of(n) != DOOMED]
        first = staying.index(self.waiting_between[0])
        assert self.waiting_between == staying[first:], "what the first purge leaves is in order, each once"
        before = itertools.islice((n for n in self.executed if self.name_of(n) != DOOMED), first)
        assert list(before) == staying[:first], "the worker had the others"
        assert all(self.executed_meanwhile.values()), "the worker went on meanwhile"
        assert 10 < self.published_between < len(self.published) - 10, "the publisher went on meanwhile"

    def __str__(self) -> str:
        lines = [f"{self.messages:,} messages waiting; {len(self.published):,} published during the purges"]
        for name, removed in self.removed.items():
            lines.append(
                f"purge of {name}: {removed:,} removed in {self.seconds[name]:.1f} s, counting included; "
                f"{len(self.named(name, self.executed)):,} executed before it got there; "
                f"{self.executed_meanwhile[name]:,} messages executed meanwhile"
            )
        notes = self.named(NOTE, self.executed)
        lines.append(
            f"{len(self.waiting_between):,} in order between the purges; all {len(notes):,} that stay were executed, "
            f"in order, once"
        )
        return "\n".join(lines)


class Publisher:
    """Publishes notes, one every ``every_s``, while it is not paused; it begins paused."""

    def __init__(self, url: str, ledger: Ledger, every_s: float) -> None:
        self._url, self._ledger, self._every_s = url, ledger, every_s
        self._at_it, self._ended = threading.Lock(), threading.Event()
        self._at_it.acquire()
        self._paused = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def pause(self) -> None:
        """All that was published is in the queue and in the ledger when this returns."""
        if not self._paused:
            self._at_it.acquire()
            self._paused = True

    def go_on(self) -> None:
        self._paused = False
        self._at_it.release()

    def end(self) -> None:
        self._ended.set()
        if self._paused:
            self.go_on()
        self._thread.join()

    def _run(self) -> None:
        client = Redis.from_url(self._url)
        number = self._ledger.messages
        while not self._ended.wait(self._every_s):
            with self._at_it:
                if not self._ended.is_set():
                    client.lpush(QUEUE, message(NOTE, f"{number}", [number], queue=QUEUE))
                    self._ledger.published.append(number)
                    number += 1
        client.close()


def run(url: str, directory: Path, messages: int, *, publish_every_s: float, timeout_s: float) -> Ledger:
    """Fill the queue, purge twice, let the worker execute what is left; give what became of each message."""
    redis, ledger = Redis.from_url(url), Ledger(messages)
    push(redis, QUEUE, (message(ledger.name_of(n), f"{n}", [n], queue=QUEUE) for n in range(messages)))
    publisher = Publisher(url, ledger, publish_every_s)
    environment = {"SHOP_BROKER": url, "OTEL_SDK_DISABLED": "true"}
    try:
        with start_worker(directory, environment, pool="solo", app=APP, queues=QUEUE) as worker:
            _purge(url, redis, ledger, DOOMED, publisher, worker)
            with _standing_still(worker):
                ledger.published_between = len(ledger.published)
                ledger.waiting_between = _waiting(redis)
            _purge(url, redis, ledger, OTHER, publisher, worker)
            wait_until(
                lambda: not redis.exists(QUEUE),
                "an empty queue",
                timeout=timeout_s,
                context=worker.output,
            )
            assert worker.stop(timeout=30) == 0, worker.output()
    finally:
        publisher.end()
    executed: Any = redis.lrange("executed", 0, -1)
    ledger.executed = [int(number) for number in executed]
    redis.close()
    return ledger


def _purge(url: str, redis: Redis, ledger: Ledger, name: str, publisher: Publisher, worker: Child) -> None:
    """With a client of its own, as the command line and the viewer have; the publisher goes on as long as it takes."""
    idle, published = _length(redis, "executed"), len(ledger.published)
    publisher.go_on()
    wait_until(lambda: _length(redis, "executed") > idle, "the worker to execute", context=worker.output)
    wait_until(lambda: len(ledger.published) > published, "the publisher to publish")
    broker = connect(url)
    before, began = _length(redis, "executed"), time.monotonic()
    ledger.removed[name] = broker.purge(broker.plan(QUEUE, Wanted(task=name), AppNames().of))
    ledger.seconds[name] = time.monotonic() - began
    ledger.executed_meanwhile[name] = _length(redis, "executed") - before
    wait_until(lambda: len(ledger.published) > published + 20, "the publisher to publish")
    publisher.pause()
    broker.close()


@contextmanager
def _standing_still(worker: Child) -> Iterator[None]:
    worker.signal(SIGSTOP)
    try:
        yield
    finally:
        worker.signal(SIGCONT)


def _waiting(redis: Redis) -> list[int]:
    """All of the queue, read part by part: it must not change meanwhile."""
    length, found = _length(redis, QUEUE), list[int]()
    for last in range(length - 1, -1, -_READ_AT_ONCE):
        raw: Any = redis.lrange(QUEUE, max(last - _READ_AT_ONCE + 1, 0), last)
        found += [int(json.loads(text)["headers"]["id"]) for text in reversed(raw)]
    assert len(found) == length == _length(redis, QUEUE)
    return found


def _length(redis: Redis, key: str) -> int:
    length: Any = redis.llen(key)
    return int(length)
