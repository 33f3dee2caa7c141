"""The three ways in: this machine alone, users with passwords, or a proxy that has checked them."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from starlette.requests import HTTPConnection
from starlette.types import Scope

from otel_taskmon.errors import SettingError
from otel_taskmon.settings import ViewerSettings
from taskmon_viewer.access.attempts import Attempts
from taskmon_viewer.access.password_file import Entry, password_fits, read_users
from taskmon_viewer.access.requests import Networks, foreign_page, is_loopback, not_this_machine
from taskmon_viewer.access.sessions import COOKIE, Session, Sessions
from taskmon_viewer.access.users import LOCAL, ROLES, Role, User

log = logging.getLogger(__name__)
_MAX_NAME: Final = 200


@dataclass(frozen=True)
class Identity:
    """Who a request or an open page belongs to."""

    user: User
    session: Session | None = None
    """Where there is something to log out of."""


class Access(Protocol):
    """One way in."""

    logs_in: bool
    """Whether there is a login page."""

    def refusal(self, scope: Scope) -> str | None:
        """Why nobody may make this request, whoever it is; None when it depends on the user."""

    def identify(self, scope: Scope) -> Identity | None:
        """Who makes this request; None when nobody has logged in."""

    def current(self, identity: Identity) -> User | None:
        """The user of a page that is already open, with the role of this moment; None when the session has ended."""


class LocalAccess:
    """No access setting: whoever can reach loopback of this machine may use the viewer."""

    logs_in = False

    def __init__(self, user: User = LOCAL) -> None:
        self.identity = Identity(user)

    def refusal(self, scope: Scope) -> str | None:
        return not_this_machine(scope) or foreign_page(scope)

    def identify(self, scope: Scope) -> Identity | None:  # noqa: ARG002 - the same for all
        return self.identity

    def current(self, identity: Identity) -> User | None:
        return identity.user


class ProxyAccess:
    """A proxy in front has checked the user and says in a header who it is."""

    logs_in = False

    def __init__(self, settings: ViewerSettings) -> None:
        self._proxies = Networks(settings.viewer_proxies)
        self._user_header = settings.viewer_user_header or ""
        self._role_header = settings.viewer_role_header
        self._default: Role = next(role for role in ROLES if role == settings.viewer_proxy_role)

    def refusal(self, scope: Scope) -> str | None:
        client = scope.get("client")
        if client is None or str(client[0]) not in self._proxies:
            return "only the proxies of TASKMON_VIEWER_PROXIES may use the viewer"
        return foreign_page(scope)

    def identify(self, scope: Scope) -> Identity | None:
        headers = HTTPConnection(scope).headers
        names = headers.getlist(self._user_header)
        # Two headers of that name: one of them may be the browser's own, passed on by a careless proxy.
        if len(names) != 1 or not 0 < len(names[0].strip()) <= _MAX_NAME:
            return None
        return Identity(User(names[0].strip(), self._role(headers.getlist(self._role_header or "-"))))

    def _role(self, given: list[str]) -> Role:
        words = {word.strip().lower() for line in given for word in line.split(",")}
        known = [role for role in ROLES if role in words]
        return known[-1] if known else self._default

    def current(self, identity: Identity) -> User | None:
        return identity.user


class PasswordAccess:
    """Users of a file log in. The file is read again when it has changed; while it is wrong, nobody gets in."""

    logs_in = True

    def __init__(self, settings: ViewerSettings, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._users = read_users(path)
        self._seen = self._stamp()
        self._attempts = Attempts()
        self.sessions = Sessions(settings, path.with_name(f"{path.name}.ended"))
        self.proxies = Networks(settings.viewer_proxies)
        if not self._users:
            raise SettingError(
                "TASKMON_VIEWER_USERS",
                str(path),
                "a file with a user: `taskmon viewer add-user NAME` adds one",
            )

    def refusal(self, scope: Scope) -> str | None:
        return foreign_page(scope)

    def identify(self, scope: Scope) -> Identity | None:
        cookie = HTTPConnection(scope).cookies.get(COOKIE)
        session = self.sessions.read(cookie) if cookie else None
        user = self._user(session) if session else None
        return Identity(user, session) if user else None

    def current(self, identity: Identity) -> User | None:
        # Read again rather than believed, since it may have been logged out or be too old by now.
        session = identity.session
        if session is None or self.sessions.ended(session):
            return None
        return self._user(session)

    def log_in(self, name: str, password: str, address: str) -> str | int | None:
        """The cookie of a new session; seconds to wait after too many wrong passwords; None for a wrong one.

        Takes some 0.2 s of a core, so not to be called on an event loop.
        """
        wait = self._attempts.begin(name[:_MAX_NAME], address)
        if wait:
            log.warning("login of %r from %s refused: too many wrong passwords", name[:_MAX_NAME], address)
            return wait
        entry = self._entry(name)
        if not password_fits(password, entry.hashed if entry else None) or entry is None:
            log.warning("wrong user or password from %s", address)
            return None
        self._attempts.succeeded(name, address)
        log.info("%s (%s) logged in from %s", entry.name, entry.role, address)
        return self.sessions.open(entry)

    def _user(self, session: Session) -> User | None:
        entry = self._entry(session.user)
        fits = entry is not None and entry.fingerprint == session.fingerprint
        return User(entry.name, entry.role) if entry and fits else None

    def _entry(self, name: str) -> Entry | None:
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                try:
                    self._users = read_users(self._path)
                except SettingError as error:
                    self._users = {}
                    log.error("nobody is let in until the file of users is right again: %s", error)  # noqa: TRY400
            return self._users.get(name)

    def _stamp(self) -> tuple[int, int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)


def access_for(settings: ViewerSettings, host: str) -> Access:
    """The way in that the settings describe, for a viewer that listens on ``host``.

    Raises SettingError for settings that contradict each other, and where others could reach pages that ask nobody
    who they are.
    """
    if settings.viewer_users is not None and settings.viewer_user_header is not None:
        raise SettingError(
            "TASKMON_VIEWER_USER_HEADER",
            settings.viewer_user_header,
            "nothing where TASKMON_VIEWER_USERS is set: users come from the file or from the proxy, not from both",
        )
    if settings.viewer_role_header is not None and settings.viewer_user_header is None:
        raise SettingError(
            "TASKMON_VIEWER_ROLE_HEADER",
            settings.viewer_role_header,
            "nothing without TASKMON_VIEWER_USER_HEADER",
        )
    if settings.viewer_users is not None:
        return PasswordAccess(settings, settings.viewer_users)
    if settings.viewer_user_header is not None:
        if not settings.viewer_proxies:
            raise SettingError(
                "TASKMON_VIEWER_PROXIES",
                "",
                "the addresses of the proxies that may say who the user is, since TASKMON_VIEWER_USER_HEADER is set",
            )
        return ProxyAccess(settings)
    if not is_loopback(host):
        raise SettingError(
            "TASKMON_VIEWER_HOST",
            host,
            "a loopback address (127.0.0.1, ::1 or localhost) unless users have to log in: `taskmon viewer add-user "
            "NAME` and TASKMON_VIEWER_USERS, or TASKMON_VIEWER_USER_HEADER behind a proxy that checks them",
        )
    return LocalAccess()
