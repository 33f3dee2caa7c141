"""Passwords: from the settings; those of the users that write else made at the first start, in the data directory."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from otel_taskmon.store.access import Role
from otel_taskmon.store.http_errors import HttpError

_MODE: Final = 0o600
AUTHENTICATION_FAILED: Final = 516


@dataclass(frozen=True)
class Passwords:
    """``of`` maps each user with a password to it; the reading user needs none on this machine."""

    of: Mapping[Role, str] = field(repr=False)

    def authenticate(self, user: str, password: str) -> Role:
        """Raises HttpError 401 (code 516) for an unknown user or a wrong password, without saying which."""
        role = next((role for role in Role if role.value == user), None)
        if role is Role.READER and not password:
            return role
        expected = self.of.get(role, "") if role else ""
        # compared even where it cannot match, and as bytes: compare_digest refuses text beyond ASCII
        same = hmac.compare_digest(expected.encode(), password.encode(errors="surrogateescape"))
        if role is None or not expected or not same:
            raise HttpError(
                401,
                AUTHENTICATION_FAILED,
                f"{user}: Authentication failed: password is incorrect, or there is no user with such name. "
                "(AUTHENTICATION_FAILED)",
            )
        return role


def load_passwords(
    directory: Path, *, ingest: str | None, admin: str | None, reader: str | None = None
) -> Passwords:
    """The given passwords.

    For ``ingest`` and ``admin`` where None: that in ``directory/<user>.password``, made (mode 0600) if missing.
    """
    given = {Role.INGEST: ingest, Role.ADMIN: admin}
    of = {role: value or _kept(directory / f"{role.value}.password") for role, value in given.items()}
    return Passwords(of | {Role.READER: reader} if reader else of)


def _kept(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        path.chmod(_MODE)  # a copy or a backup may have opened it up
        if kept := path.read_text().strip():
            return kept
        descriptor = os.open(path, os.O_WRONLY)  # the process was ended between making and filling it
    password = secrets.token_urlsafe(24)
    with os.fdopen(descriptor, "w") as out:
        out.write(password + "\n")
    return password


def credentials(headers: Mapping[str, str], parameters: Mapping[str, str]) -> tuple[str, str]:
    """User and password of a request: HTTP Basic, X-ClickHouse-User and -Key, or the URL, in this order.

    Raises HttpError 401 for an Authorization header that is not Basic.
    """
    authorization = headers.get("authorization", "")
    if authorization:
        user, password = _basic(authorization)
    elif "x-clickhouse-user" in headers:
        user, password = headers["x-clickhouse-user"], headers.get("x-clickhouse-key", "")
    else:
        user, password = parameters.get("user", ""), parameters.get("password", "")
    return user or Role.READER.value, password


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        user = colon = password = ""
    if scheme.lower() != "basic" or not colon:
        raise HttpError(
            401,
            AUTHENTICATION_FAILED,
            "Only HTTP Basic is supported for Authorization. (AUTHENTICATION_FAILED)",
        )
    return user, password
