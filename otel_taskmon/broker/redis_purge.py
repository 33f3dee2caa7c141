"""Removing waiting messages from Redis while publishers and workers go on.

Each priority step is a list. All of it: unlinked in one step. A few messages: taken out where they stand. Many: what
stays is copied beside the list, newest first, and put in its place by the same script that copies the last part
(``lua/purge_copy.lua``), so nothing is removed before, and an end in the middle leaves a copy that expires by itself.
Each message is read a fixed number of times, so the time grows with the length of the queue and no faster; the copy
needs the memory of what stays, which is checked before.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from otel_taskmon.broker.model import BrokerUnavailable, Progress, PurgePlan, PurgeStopped, Wanted
from otel_taskmon.broker.redis_client import RedisClient
from otel_taskmon.broker.redis_waiting import stretch
from otel_taskmon.errors import TaskmonError

FEW: Final = 50
"""Up to so many matches of one step are taken out one by one; each costs a walk through the list."""
AT_ONCE: Final = 4_000
"""For so many the broker is held up about 20 ms at a time; with fewer, way and waiting between two steps cost more."""
BYTES_AT_ONCE: Final = 8 * 1024 * 1024
COPY_LIVES_MS: Final = 60_000
TRIES: Final = 10


def plan(redis: RedisClient, queue: str, wanted: Wanted, app_of: Callable[[str], str]) -> PurgePlan:
    """Counts what a purge would take; removes nothing. Raises ValueError for a priority: several share a list."""
    if wanted.priority is not None:
        raise ValueError("a purge does not select by priority")
    lengths = redis.lengths(queue)
    depth = sum(lengths.values())
    if wanted.everything:
        return PurgePlan(queue, wanted, depth, depth, {}, frozenset(), lengths)
    by_task: Counter[str] = Counter()
    found: dict[int, Counter[str]] = {}
    given = (wanted.task,) if wanted.task else ()
    selection = (wanted.task_id, "named" if given else "any", *given)
    for step in lengths:
        found[step] = Counter()
        place = lengths[step] - 1
        while place >= 0:
            part = stretch(redis, redis.key(queue, step), place, selection)
            if not part.looked:
                break
            place = part.next_place
            found[step].update(part.by_task)
    if wanted.app is not None:
        found = {step: _of_app(names, wanted.app, app_of) for step, names in found.items()}
    for names in found.values():
        by_task.update(names)
    narrowed = frozenset(by_task) if wanted.app is not None else frozenset(given)
    return PurgePlan(
        queue,
        wanted,
        depth,
        by_task.total(),
        dict(by_task.most_common()),
        narrowed,
        {step: names.total() for step, names in found.items()},
    )


def _of_app(names: Counter[str], app: str, app_of: Callable[[str], str]) -> Counter[str]:
    return Counter({name: count for name, count in names.items() if name and app_of(name) == app})


def purge(redis: RedisClient, planned: PurgePlan, progress: Progress) -> int:
    """Removes what ``planned`` counted and gives how many that were.

    Messages published after the count may be among them. Raises PurgeStopped, which says how many are gone, when the
    connection is lost, the broker refuses or the user interrupts.
    """
    going = _Purge(redis, planned, progress)
    with going.told():
        for step, matching in planned.by_step.items():
            if matching:
                going.step(step, matching)
    return going.removed


class _Purge:
    def __init__(self, redis: RedisClient, planned: PurgePlan, progress: Progress) -> None:
        self._redis, self._planned, self._progress = redis, planned, progress
        self.removed = 0
        self._looked = 0
        self._answered = True
        """Nothing that removes is under way."""
        wanted = planned.wanted
        self._selection = (wanted.task_id, "named" if planned.names else "any", *sorted(planned.names))

    @contextmanager
    def told(self) -> Iterator[None]:
        try:
            with self._redis.errors():
                yield
        except KeyboardInterrupt:
            raise PurgeStopped(self.removed, "interrupted", certain=self._answered) from None
        except TaskmonError as error:
            raise PurgeStopped(self.removed, str(error), certain=self._answered) from error

    def step(self, step: int, matching: int) -> None:
        key = self._redis.key(self._planned.queue, step)
        if not self._planned.names and not self._planned.wanted.task_id:
            self._all(key)
        elif matching <= FEW:
            self._few(key)
        else:
            self._many(key)

    def _ask(self, question: Callable[[], list[Any]]) -> list[Any]:
        self._answered = False
        answer = question()
        self._answered = True
        return answer

    def _all(self, key: str) -> None:
        with self._redis.client.pipeline(transaction=True) as pipe:
            length, _ = self._ask(pipe.llen(key).unlink(key).execute)
        self._tell(length, length)

    def _few(self, key: str) -> None:
        place, length = self._redis.client.llen(key) - 1, -1
        while place >= 0:
            given = (place, length, AT_ONCE, BYTES_AT_ONCE, *self._selection)
            length, following, removed = self._ask(partial(self._redis.script, "purge_few", [key], *given))
            self._tell(removed, max(place - following, 0))
            place = following

    def _many(self, key: str) -> None:
        self._check_memory(key)
        copy, old = (self._redis.own(f"purge.{secrets.token_hex(8)}.{what}") for what in ("copy", "old"))
        try:
            for _ in range(TRIES):
                if self._copied(key, copy, old):
                    return
        except BaseException:
            self._drop(copy)
            raise
        raise BrokerUnavailable(
            "workers take from this queue, or somebody else removes from it, faster than it can be looked at; try again"
        )

    def _copied(self, key: str, copy: str, old: str) -> bool:
        """False: the list was changed under it, nothing was removed."""
        state: list[Any] = [0, 0, "", ""]
        while True:
            given = (*state, AT_ONCE, BYTES_AT_ONCE, COPY_LIVES_MS, *self._selection)
            status, *state, _ = self._ask(partial(self._redis.script, "purge_copy", [key, copy, old], *given))
            considered, removed = state[:2]
            if status == b"moved":
                return False
            if status == b"done":
                self._tell(removed, considered)
                return True
            self._progress(self.removed, self._looked + considered, self._planned.depth)

    def _check_memory(self, key: str) -> None:
        """The copy must fit: a broker that is out of memory refuses publishes too. Raises TaskmonError."""
        needed = 0
        info: dict[str, int] = {}
        with self._redis.optional():
            needed = self._redis.client.memory_usage(key) or 0
            info = self._redis.client.info("memory")
        limit, used = info.get("maxmemory", 0), info.get("used_memory", 0)
        if limit and used + needed > limit:
            raise TaskmonError(
                f"removing this many messages needs up to {needed} bytes for a while, and the broker at "
                f"{self._redis.where} has {max(limit - used, 0)} bytes left of its maxmemory"
            )

    def _drop(self, copy: str) -> None:
        """Best effort: the copy also expires by itself."""
        with self._redis.optional():
            try:
                self._redis.client.unlink(copy)
            except (OSError, *self._redis.connection.connection_errors):
                return

    def _tell(self, removed: int, looked: int) -> None:
        self.removed += removed
        self._looked += looked
        self._progress(self.removed, min(self._looked, self._planned.depth), self._planned.depth)
