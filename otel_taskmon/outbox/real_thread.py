"""Threads and locks of the operating system, also where gevent or eventlet replaced Python's.

A green thread would ship only when the tasks let it, which a task that computes for a minute does not.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, Protocol


class Lock(Protocol):
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...

    def release(self) -> None: ...

    def __enter__(self) -> bool: ...

    def __exit__(self, *_: object) -> None: ...


def _original(name: str) -> Any:
    """``_thread.<name>`` as it was before any patching."""
    if (gevent := sys.modules.get("gevent.monkey")) is not None:
        return gevent.get_original("_thread", name)
    if (eventlet := sys.modules.get("eventlet.patcher")) is not None:
        return getattr(eventlet.original("_thread"), name)
    return getattr(importlib.import_module("_thread"), name)


def lock() -> Lock:
    made: Lock = _original("allocate_lock")()
    return made


def reentrant_lock() -> Lock:
    """A finaliser or a signal handler may end a span while its own thread holds the lock."""
    made: Lock = _original("RLock")()
    return made


def start(target: Callable[[], None]) -> None:
    """Run ``target`` in a daemon thread of the operating system. It must not raise.

    Raises RuntimeError when no thread can be made (the interpreter is shutting down).
    """
    _original("start_new_thread")(target, ())


class Flag:
    """A ``threading.Event`` on a real lock, for one waiter."""

    def __init__(self) -> None:
        self._lock = lock()
        self._lock.acquire()
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        try:
            self._lock.release()
        except RuntimeError:
            return  # released by an earlier set() that nobody has waited for yet

    def wait(self, timeout: float) -> bool:
        """Whether it was set within ``timeout`` seconds; stays set."""
        if not self._set and self._lock.acquire(timeout=max(0.0, timeout)):
            self._lock.release()
        return self._set
