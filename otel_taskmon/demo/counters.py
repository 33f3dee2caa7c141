"""What the demo's own code counts in its broker: the truth that ``taskmon demo --once`` holds the tables against.

Nothing here looks at spans or at Celery's signals: outcomes are counted by the task class around ``run()``,
publishes by the app around ``send_task()``. So a signal that we miss, or a span that is lost, shows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore, Retry
from redis import Redis

KEY_PUBLISHES = "shop:counters:publishes"
"""Hash task name -> messages published, retries and the links of a canvas included."""
KEY_EXECUTIONS = "shop:counters:executions"
"""Hash ``task name|state`` -> executions that ended so."""
KEY_TASKS = "shop:counters:tasks"
"""Hash ``task name|state`` -> tasks whose last execution ended so (never RETRY)."""
KEY_ERRORS = "shop:counters:errors"
"""Hash task name -> executions that failed and that the task does not name in ``throws``."""

Cell = tuple[str, str]
"""Task name, state."""


@dataclass(frozen=True)
class Counts:
    """How many of each; ``publishes`` and ``errors`` by task name, the others by (task name, state)."""

    publishes: Counter[str]
    executions: Counter[Cell]
    tasks: Counter[Cell]
    errors: Counter[str]

    @property
    def all_ended(self) -> bool:
        """Every message published has been executed; a publish is counted before it is sent."""
        return self.publishes.total() == self.executions.total()


def read_counts(client: Redis) -> Counts:
    """The counters as they stand; one transaction, so that they belong together."""
    with client.pipeline(transaction=True) as pipe:
        for key in (KEY_PUBLISHES, KEY_EXECUTIONS, KEY_TASKS, KEY_ERRORS):
            pipe.hgetall(key)
        publishes, executions, tasks, errors = pipe.execute()
    return Counts(_by_name(publishes), _by_cell(executions), _by_cell(tasks), _by_name(errors))


def _by_name(stored: dict[bytes, bytes]) -> Counter[str]:
    # A failed publish takes its count back, so a name may stand at 0.
    return +Counter({name.decode(): int(value) for name, value in stored.items()})


def _by_cell(stored: dict[bytes, bytes]) -> Counter[Cell]:
    counts: Counter[Cell] = Counter()
    for field, value in stored.items():
        name, _, state = field.decode().rpartition("|")
        counts[name, state] = int(value)
    return counts


class CountedTask(Task):  # type: ignore[misc]  # celery ships no types
    """A task that counts how each of its executions ends, at the moment it ends."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # self.run is what Celery would call: with autoretry_for it already turns an exception into Retry.
        try:
            result = self.run(*args, **kwargs)
        except Retry:
            self._count("RETRY")
            raise
        except Ignore:
            self._count("IGNORED")
            raise
        except Exception as error:
            self._count("FAILURE", error=not isinstance(error, tuple(self.throws)))
            raise
        self._count("SUCCESS")
        return result

    def _count(self, state: str, *, error: bool = False) -> None:
        with self.app.counter_client.pipeline(transaction=True) as pipe:
            pipe.hincrby(KEY_EXECUTIONS, f"{self.name}|{state}", 1)
            if state != "RETRY":
                pipe.hincrby(KEY_TASKS, f"{self.name}|{state}", 1)
            if error:
                pipe.hincrby(KEY_ERRORS, self.name, 1)
            pipe.execute()


class CountedCelery(Celery):  # type: ignore[misc]  # celery ships no types
    """An app that counts what it publishes, wherever that happens: publisher, task, retry, chain, chord."""

    task_cls = CountedTask

    def __init__(self, *args: Any, broker: str, **kwargs: Any) -> None:
        super().__init__(*args, broker=broker, **kwargs)
        self.counter_client = Redis.from_url(broker)

    def send_task(self, name: str, *args: Any, **kwargs: Any) -> Any:
        # Counted first: a worker may run the task before this process goes on, and the load would look ended.
        self.counter_client.hincrby(KEY_PUBLISHES, name, 1)
        try:
            return super().send_task(name, *args, **kwargs)
        except Exception:
            self.counter_client.hincrby(KEY_PUBLISHES, name, -1)
            raise
