"""Gates that a fork waits for: what must not be copied half done.

A forked process has one thread. What another thread was in the middle of stays so for ever: a descriptor not yet known,
a module half imported, whose lock nobody will release.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Final

from otel_taskmon.outbox import real_thread


class ForkGate:
    """A lock; while it is held no fork happens, for ``at_most_s`` seconds: to fork late is better than never.

    Re-entrant: a signal handler that ends the worker may run in the middle of what the gate guards.
    """

    def __init__(self, at_most_s: float) -> None:
        self._at_most_s = at_most_s
        self._lock = real_thread.reentrant_lock()
        self._held_by_fork = False

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def before_fork(self) -> None:
        self._held_by_fork = self._lock.acquire(timeout=self._at_most_s)

    def after_in_parent(self) -> None:
        if self._held_by_fork:
            self._held_by_fork = False
            self._lock.release()

    def after_in_child(self) -> None:
        self._held_by_fork = False
        self._lock = real_thread.reentrant_lock()


OPENING: Final = ForkGate(1.0)
"""A file is being opened, locked and remembered."""
IMPORTING: Final = ForkGate(5.0)
"""The thread that ships imports the library that sends: some 0.2 s, once."""
_GATES: Final = (IMPORTING, OPENING)


def _before() -> None:
    for gate in _GATES:
        gate.before_fork()


def _after_in_parent() -> None:
    for gate in _GATES:
        gate.after_in_parent()


def _after_in_child() -> None:
    for gate in _GATES:
        gate.after_in_child()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
