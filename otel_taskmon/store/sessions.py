"""HTTP sessions: a connection kept between requests, with its temporary tables, its settings and its database.

Only the admin has them. A reader can make nothing that would last, so each of its requests stands alone.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from otel_taskmon.store.engine import Engine
from otel_taskmon.store.engine_connection import Connection
from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.http_errors import HttpError
from otel_taskmon.store.native_rows import native_rows
from otel_taskmon.store.statements import statement

DEFAULT_TIMEOUT_S: Final = 60.0
MAX_TIMEOUT_S: Final = 3600.0
MAX_SESSIONS: Final = 100
LOCK_WAIT_S: Final = 2.0
"""A client that went away has its statement stopped first; the next one of the session waits this long for it."""

SESSION_NOT_FOUND: Final = 372
SESSION_IS_LOCKED: Final = 373
INVALID_SESSION_TIMEOUT: Final = 374


@dataclass
class Session:
    """One session; ``comment`` finds its statements again (Engine.kill)."""

    connection: Connection
    comment: str
    timeout_s: float
    last_used: float
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """All sessions of a store. Thread-safe."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._of: dict[str, Session] = {}

    @contextlib.contextmanager
    def use(self, name: str, comment: str, *, timeout: str | None, must_exist: bool) -> Iterator[Session]:
        """The session ``name``, made when it is missing, for this thread alone.

        Raises HttpError 404 (372) where it must exist and does not, EngineError 373 while another request uses it,
        374 for a wrong timeout.
        """
        timeout_s = _timeout(timeout)
        self.expire()
        with self._lock:
            session = self._of.get(name)
            if session is None:
                if must_exist:
                    raise HttpError(404, SESSION_NOT_FOUND, "Session not found. (SESSION_NOT_FOUND)")
                session = self._make(name, comment)
            session.last_used, session.timeout_s = self._clock(), timeout_s
        if not session.lock.acquire(timeout=LOCK_WAIT_S):
            raise EngineError(
                SESSION_IS_LOCKED, "Session is locked by a concurrent client. (SESSION_IS_LOCKED)"
            )
        try:
            yield session
        finally:
            session.last_used = self._clock()
            session.lock.release()

    def drop(self, name: str) -> None:
        """End a session that nobody uses."""
        with self._lock:
            self._close_idle(name)

    def expire(self) -> None:
        """End the sessions whose time is over."""
        now = self._clock()
        with self._lock:
            for name in [name for name, one in self._of.items() if now - one.last_used > one.timeout_s]:
                self._close_idle(name)

    def close(self) -> None:
        with self._lock:
            for name in list(self._of):
                self._close_idle(name)

    def __len__(self) -> int:
        return len(self._of)

    def _make(self, name: str, comment: str) -> Session:
        if len(self._of) >= MAX_SESSIONS:
            for oldest in sorted(self._of, key=lambda other: self._of[other].last_used):
                if self._close_idle(oldest):
                    break
            else:
                raise EngineError(
                    202, f"Too many sessions: {MAX_SESSIONS} are in use. (TOO_MANY_SIMULTANEOUS_QUERIES)"
                )
        connection = self._engine.open({"log_comment": comment})
        session = Session(connection, comment, DEFAULT_TIMEOUT_S, self._clock())
        self._of[name] = session
        return session

    def _close_idle(self, name: str) -> bool:
        session = self._of.get(name)
        if session is None or not session.lock.acquire(blocking=False):
            return False
        self._of.pop(name).connection.close()
        return True


@contextlib.contextmanager
def settings_for_one_request(
    engine: Engine, connection: Connection, settings: Mapping[str, str]
) -> Iterator[None]:
    """The settings of one request on a kept connection, put back afterwards. Raises EngineError 115 or for a value."""
    engine.check_settings(settings)
    if not settings:
        yield
        return
    names = {"names": str(list(settings))}
    before: dict[str, str | None] = {
        name: value if changed else None
        for name, value, changed in native_rows(
            connection.query(statement("setting_values"), "Native", names).data
        )
    }
    connection.set(settings)
    try:
        yield
    finally:
        connection.set(before)


def _timeout(text: str | None) -> float:
    if text is None:
        return DEFAULT_TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise HttpError(
            400,
            INVALID_SESSION_TIMEOUT,
            f"session_timeout={text!r} is not valid: allowed is 1 to {MAX_TIMEOUT_S:g} seconds. "
            "(INVALID_SESSION_TIMEOUT)",
        )
    return seconds
