"""Sending what is left when a process ends, for no longer than it may take.

``force_flush`` of the SDK (1.45) ignores its timeout and waits as long as a hung collector does, so it runs in
a daemon thread, and we wait for that. The thread is started ahead: from Python 3.12 on none may be started once
the interpreter is going down, which is when a publisher flushes.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence

from otel_taskmon._safely import record_failure

_log = logging.getLogger("otel_taskmon")


class BoundedFlush:
    """Runs ``flush_now`` (blocking) on request, for at most ``timeout_s`` seconds of the caller's time."""

    def __init__(self, flush_now: Callable[[], object], timeout_s: float) -> None:
        self._flush_now = flush_now
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process = 0
        self._wanted = threading.Event()
        self._done = threading.Event()
        self._gave_up = False

    def prepare(self) -> None:
        """Have the thread ready in this process; cheap when it is."""
        if self._process == os.getpid():
            return
        with self._lock:
            if self._process == os.getpid():
                return
            self._wanted, self._done, self._gave_up = threading.Event(), threading.Event(), False
            thread = threading.Thread(
                target=self._run, args=(self._wanted, self._done), name="taskmon-flush", daemon=True
            )
            thread.start()
            self._process = os.getpid()

    def renew_lock(self) -> None:
        """In a process that was just forked."""
        self._lock = threading.Lock()

    def flush(self) -> bool:
        """Send what is left; False when time ran out. After that, later calls do not wait again."""
        return flush_all([self])

    def begin(self) -> None:
        """Have it sent, and do not wait."""
        self.prepare()
        self._done.clear()
        self._wanted.set()

    def end(self, until: float) -> bool:
        """Wait for what :meth:`begin` began, until that time of ``time.monotonic()``."""
        done = self._done.wait(max(0.0, until - time.monotonic()))
        if not done:
            self._gave_up = True
            _log.warning(
                "not everything could be sent within %g s at exit; is the collector up?", self.timeout_s
            )
        return done

    @property
    def gave_up(self) -> bool:
        """Time ran out once in this process."""
        return self._gave_up and self._process == os.getpid()

    def _run(self, wanted: threading.Event, done: threading.Event) -> None:
        while True:
            wanted.wait()
            wanted.clear()
            try:
                self._flush_now()
            except Exception as error:  # noqa: BLE001 - the thread must live on, and the caller is at its end
                record_failure("flush", error)
            finally:
                done.set()


def flush_all(flushes: Sequence[BoundedFlush], meanwhile: Callable[[], object] | None = None) -> bool:
    """Flush all of them at once, within the longest of their times; False when one did not end.

    ``meanwhile`` runs here beside them; it has a bound of its own.
    """
    going = [flush for flush in flushes if not flush.gave_up]
    until = time.monotonic() + max((flush.timeout_s for flush in going), default=0.0)
    for flush in going:
        flush.begin()
    if meanwhile is not None:
        meanwhile()
    in_time = [flush.end(until) for flush in going]  # each is asked, also after one that was late
    return all(in_time) and len(going) == len(flushes)
