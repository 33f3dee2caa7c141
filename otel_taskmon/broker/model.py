"""What is said of queues and of the messages that wait in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from otel_taskmon.errors import TaskmonError


class BrokerUnavailable(TaskmonError):
    """The broker does not answer, or refuses us; never to be shown as "the queue is empty"."""


class UnsupportedBroker(TaskmonError):
    """Neither Redis nor RabbitMQ."""


class UnknownQueue(TaskmonError):
    """The broker has no queue of this name (RabbitMQ; on Redis an unknown queue is an empty one)."""


class NotOnThisBroker(TaskmonError):
    """This kind of broker cannot answer that; the text says what can."""


@dataclass(frozen=True)
class QueueDepth:
    """One queue at one moment; None: this broker does not tell."""

    queue: str
    depth: int
    """Messages that wait, of all priorities; what workers hold is not among them."""
    unacked: int | None = None
    """Messages that workers hold and have not acknowledged."""
    consumers: int | None = None
    oldest_at_ns: int | None = None
    """When the message that has waited longest was published, ns since 1970; None also when nobody stamped it."""


@dataclass(frozen=True)
class WaitingTask:
    """A message that waits in a queue; None and "" mean that the message does not say."""

    position: int
    """0 is the next one that a worker gets."""
    queue: str
    priority: int | None
    task: str
    app: str
    task_id: str
    published_at: datetime | None
    eta: datetime | None
    expires: datetime | None
    retries: int | None
    args: str | None
    """JSON text where the body is JSON, else Celery's own short text; None: not readable."""
    kwargs: str | None
    payload_notes: tuple[str, ...]
    size: int
    """Bytes of the whole message on the broker."""
    problem: str = ""
    """Why the message says less than others: it is not JSON, has no headers, or is too long to be read."""


@dataclass(frozen=True)
class Wanted:
    """Which messages; all given parts must fit. Nothing given: all of them."""

    task: str = ""
    app: str | None = None
    """None: any; "": those whose task name gives no app."""
    task_id: str = ""
    priority: int | None = None

    @property
    def everything(self) -> bool:
        return not self.task and self.app is None and not self.task_id and self.priority is None

    def text(self) -> str:
        """In words, for people: ``app shop, task shop.tasks.pay``."""
        parts = (
            None if self.app is None else f"app {self.app or '(none)'}",
            f"task {self.task}" if self.task else None,
            f"id {self.task_id}" if self.task_id else None,
            None if self.priority is None else f"priority {self.priority}",
        )
        return ", ".join(part for part in parts if part) or "all messages"


@dataclass(frozen=True)
class WaitingPage:
    """Some of the messages of a queue, next to be consumed first."""

    queue: str
    taken_at: datetime
    depth: int
    rows: list[WaitingTask]
    next_position: int | None
    """Where the next page begins; None: this was the last one."""
    looked_at: int
    """Messages that were read for this page, those that did not fit the filter included."""
    limited: bool = False
    """The look ended at the limit, not at the end of the queue."""


@dataclass(frozen=True)
class QueueCounts:
    """What fills a queue."""

    queue: str
    taken_at: datetime
    depth: int
    looked_at: int
    """Messages that were read; fewer than ``depth`` where the counts are estimated from a sample."""
    by_task: Mapping[str, int]
    """Task name -> messages, most first; "" stands for messages that tell no task name."""
    by_app: Mapping[str, int]
    by_priority: Mapping[int, int]
    """Exact; by kombu's priority step, on Redis only."""

    @property
    def sampled(self) -> bool:
        return self.looked_at < self.depth


@dataclass(frozen=True)
class PurgePlan:
    """What a purge would take, counted before anything is removed."""

    queue: str
    wanted: Wanted
    depth: int
    matching: int | None
    """None: cannot be counted here without touching the messages (a selection on RabbitMQ)."""
    by_task: Mapping[str, int]
    names: frozenset[str] = field(default=frozenset(), repr=False)
    """The task names that the selection means; empty: any."""
    by_step: Mapping[int, int] = field(default_factory=dict, repr=False)
    """Matching messages by kombu's priority step (Redis)."""
    app_of: Callable[[str], str] = field(default=str, repr=False, compare=False)
    """The app of a task name, where the selection can only be made while removing (RabbitMQ)."""


Progress = Callable[[int, int, int], object]
"""Told during a purge: messages removed, messages looked at, messages to look at."""


class PurgeStopped(TaskmonError):
    """A purge ended before its end; what was removed before stays removed, nothing else is missing."""

    def __init__(self, removed: int, reason: str, *, certain: bool) -> None:
        """``certain``: no answer of the broker was outstanding, so ``removed`` is all that was removed."""
        least = "" if certain else "at least "
        super().__init__(
            f"the purge was stopped ({reason}); {least}{removed} messages were removed, no other was touched"
        )
        self.removed = removed
        self.reason = reason
        self.certain = certain
