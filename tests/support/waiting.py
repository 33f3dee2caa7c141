"""Waiting on a condition instead of sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T],
    what: str,
    *,
    timeout: float = 30.0,
    interval: float = 0.05,
    context: Callable[[], str] = lambda: "",
) -> T:
    """The first truthy value of ``condition()``.

    Raises AssertionError after ``timeout`` seconds, naming ``what`` was awaited, the last value seen and
    ``context()`` (usually what a child process printed).
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(
                f"gave up after {timeout:g} s waiting for {what}; last: {value!r}\n{context()}"
            )
        pause.wait(interval)
