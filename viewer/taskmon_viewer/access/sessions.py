"""Signed session cookies: who logged in, until when, and which of them were logged out."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer

from otel_taskmon.errors import SettingError
from otel_taskmon.settings import ViewerSettings
from taskmon_viewer.access.ended_sessions import EndedSessions
from taskmon_viewer.access.password_file import Entry

COOKIE: Final = "taskmon_session"
_MIN_SECRET: Final = 32


@dataclass(frozen=True)
class Session:
    """What a cookie says, once its signature and age are found right."""

    user: str
    id: str
    fingerprint: str
    """Of the password that it was opened with."""
    opened: float
    """Seconds since the epoch."""


class Sessions:
    """Opens, reads and ends sessions; safe for threads.

    Raises SettingError for a secret that is too short.
    """

    def __init__(self, settings: ViewerSettings, shared: Path | None = None) -> None:
        """``shared``: the file of ended sessions, for viewers that know each other's sessions by the same secret."""
        secret = settings.viewer_session_secret
        if secret is not None and len(secret) < _MIN_SECRET:
            raise SettingError("TASKMON_VIEWER_SESSION_SECRET", "***", f"at least {_MIN_SECRET} characters")
        self.max_age: Final = settings.viewer_session_hours * 3600
        self._serializer = URLSafeTimedSerializer(
            secret or secrets.token_urlsafe(32), salt="taskmon viewer session"
        )
        # Without a secret of its own no other process can read these cookies, nor this one after a start.
        self._ended = EndedSessions(shared if secret else None)

    def open(self, entry: Entry) -> str:
        """The cookie of a new session."""
        cookie = self._serializer.dumps([entry.name, secrets.token_urlsafe(12), entry.fingerprint])
        return cookie if isinstance(cookie, str) else cookie.decode()

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; None when it is none of ours, too old, or logged out."""
        try:
            values, opened = self._serializer.loads(cookie, max_age=self.max_age, return_timestamp=True)
            user, session_id, fingerprint = values
            session = Session(user, session_id, fingerprint, opened.timestamp())
        except (BadData, ValueError, TypeError):
            return None
        return None if self.ended(session) else session

    def ended(self, session: Session) -> bool:
        """Whether it is too old by now, or logged out."""
        return time.time() > session.opened + self.max_age or session.id in self._ended

    def end(self, session: Session) -> None:
        """Log out: the cookie is worth nothing from now on, also where somebody kept a copy."""
        self._ended.add(session.id, session.opened + self.max_age + 60)
