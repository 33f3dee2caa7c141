"""Histories of one task each: what was told about it, by whom and when, in words; ``histories_told`` has them all.

Times are seconds after the task was first published, by the clock of whoever tells it. A worker's life has a short
name: its letter is the node, a number tells one life of that node from another (``a`` and ``a2`` share a node name).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

LIVE_BEAT_S = 3600.0
"""Interval of the workers that go on: each is alive for three of them after what we write."""
GONE_BEAT_S = 0.1
"""Interval of the workers that are gone: they are silent as soon as we have written what they said last."""


@dataclass(frozen=True)
class Publish:
    """By a publisher that knows us; ``at`` is by its own clock."""

    at: float
    retries: int = 0
    eta: float | None = None
    expires: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Execution:
    """What all records of an execution say alike."""

    name: str = "1"
    received: float = 1
    retries: int = 0
    worker: str = "a"
    redelivered: bool = False
    eta: float | None = None
    expires: float | None = None


@dataclass(frozen=True)
class TaskEvent:
    what: Literal["received", "started"]
    at: float
    of: Execution


@dataclass(frozen=True)
class End:
    """A run span; ``started`` None: nothing ran. ``torn``: the pool process was stopped in the middle of it."""

    state: str
    started: float | None
    ended: float
    of: Execution
    main: bool = False
    torn: bool = False
    reason: str = ""
    exception: str = ""
    expected: bool = False


@dataclass(frozen=True)
class WorkerEvent:
    """``running``: names of executions; ``count``: how many it says they are, where that differs."""

    what: Literal["online", "heartbeat", "offline"]
    at: float
    worker: str = "a"
    running: Sequence[str] = ()
    count: int | None = None


Told = Publish | TaskEvent | End | WorkerEvent


@dataclass(frozen=True)
class History:
    """What was told, in the order it happened, and what the log must say of it."""

    state: str
    told: Sequence[Told]
    executions: int = 0
    retries: int = 0
    reason: str = ""
    is_error: bool | None = None
    """None: as the state says."""
    gone: str = ""
    """Lives (separated by blanks) that fell silent."""
    clocks: Mapping[str, float] = field(default_factory=dict)
    """Seconds by which a node's clock is ahead, by letter."""
    shared_boot: bool = False
    """All lives were told under one boot id."""
    stamped: bool = True
    """False: the publisher does not know us, so it neither tells nor stamps anything."""

    @property
    def failed(self) -> bool:
        return self.state in ("FAILURE", "LOST") if self.is_error is None else self.is_error


def published(at: float = 0, **more: object) -> Publish:
    return Publish(at, **more)  # type: ignore[arg-type]  # the fields of Publish


def received(of: Execution) -> TaskEvent:
    return TaskEvent("received", of.received, of)


def started(at: float, of: Execution) -> TaskEvent:
    return TaskEvent("started", at, of)


def ended(state: str, began: float | None, at: float, of: Execution, **more: object) -> End:
    return End(state, began, at, of, **more)  # type: ignore[arg-type]  # the fields of End


def beat(at: float, *running: str, worker: str = "a", count: int | None = None) -> WorkerEvent:
    return WorkerEvent("heartbeat", at, worker, running, count)


def online(at: float, worker: str = "a") -> WorkerEvent:
    return WorkerEvent("online", at, worker)


def offline(at: float, worker: str = "a") -> WorkerEvent:
    return WorkerEvent("offline", at, worker)


def ran(state: str, began: float, at: float, of: Execution, **more: object) -> list[Told]:
    """Received, started, ended."""
    return [received(of), started(began, of), ended(state, began, at, of, **more)]
