"""The file of users: a line ``name:role:scrypt$n$r$p$salt$hash`` each; ``#`` begins a comment.

Of the costs that OWASP's Password Storage Cheat Sheet gives for scrypt as equally strong, those with the least memory:
N = 2^15, r = 8, p = 3 take 32 MB and some 0.2 s a try. They stand in each line, so that they can be raised later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_taskmon.errors import SettingError, TaskmonError
from taskmon_viewer.access.users import ROLES, Role

_COST, _BLOCK, _LANES = 2**15, 8, 3
_SALT_BYTES, _HASH_BYTES = 16, 32
MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 1_000
_NAME = re.compile(r"[A-Za-z0-9._@+\-]{1,80}")
_VARIABLE: Final = "TASKMON_VIEWER_USERS"


@dataclass(frozen=True)
class Entry:
    """One line of the file."""

    name: str
    role: Role
    hashed: str

    @property
    def fingerprint(self) -> str:
        """Changes with the password, so that a session of the old one ends; tells nothing of it."""
        return hashlib.blake2b(self.hashed.encode(), digest_size=9).hexdigest()


def hash_password(password: str) -> str:
    """``scrypt$n$r$p$salt$hash``, with a salt of its own."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, _COST, _BLOCK, _LANES)
    return "$".join(("scrypt", str(_COST), str(_BLOCK), str(_LANES), _text(salt), _text(digest)))


_NOBODY: Final = f"scrypt${_COST}${_BLOCK}${_LANES}${'A' * 24}${'A' * 43}="
"""Checked where the user does not exist, so that the time tells nothing."""


def password_fits(password: str, hashed: str | None) -> bool:
    """Whether it is the password; takes the same time whatever differs, also for None (there is no such user)."""
    _, cost, block, lanes, salt, digest = (hashed or _NOBODY).split("$")
    made = _scrypt(password, base64.b64decode(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(made, base64.b64decode(digest)) and hashed is not None


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=cost,
        r=block,
        p=lanes,
        maxmem=256 * cost * block,
        dklen=_HASH_BYTES,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read_users(path: Path) -> dict[str, Entry]:
    """The users of the file by name.

    Raises SettingError when it cannot be read, has a wrong line or is open to other users of this machine.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno())
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            _VARIABLE, str(path), f"a readable file; `taskmon viewer add-user NAME` writes it ({error})"
        ) from None
    if mode.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingError(
            _VARIABLE,
            str(path),
            f"a file of mode 0600: it is {stat.S_IMODE(mode.st_mode):04o}, so others can read or change it",
        )
    users: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            entry = _entry(path, number, line.strip())
            if entry.name in users:
                raise _wrong(path, number, f"the user {entry.name} is there twice")
            users[entry.name] = entry
    return users


def _entry(path: Path, number: int, line: str) -> Entry:
    name, _, rest = line.partition(":")
    role, _, hashed = rest.partition(":")
    if not _NAME.fullmatch(name):
        raise _wrong(path, number, "it must begin with a name of letters, digits and . _ @ + -")
    if role not in ROLES:
        raise _wrong(path, number, f"after the name comes the role: {', '.join(ROLES)}")
    try:
        kind, cost, block, lanes, salt, digest = hashed.split("$")
        sane = (
            kind == "scrypt"
            and 2**14 <= int(cost) <= 2**20
            and int(cost).bit_count() == 1
            and 1 <= int(block) <= 32
            and 1 <= int(lanes) <= 16
            and len(base64.b64decode(salt, validate=True)) >= 8
            and len(base64.b64decode(digest, validate=True)) == _HASH_BYTES
        )
    except (ValueError, binascii.Error):
        sane = False
    if not sane:
        raise _wrong(path, number, "after the role comes scrypt$n$r$p$salt$hash as `add-user` writes it")
    return Entry(name, role, hashed)


def _wrong(path: Path, number: int, why: str) -> SettingError:
    return SettingError(_VARIABLE, f"{path}, line {number}", why)


def write_user(path: Path, name: str, role: Role, password: str) -> bool:
    """Add the user, or change role and password of one who is there: True when new.

    Raises TaskmonError for a name or password that cannot be used, SettingError for a file that is wrong already.
    """
    if not _NAME.fullmatch(name):
        raise TaskmonError(f"{name[:80]!r} is no name: allowed are 1 to 80 letters, digits and . _ @ + -")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise TaskmonError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD:,} characters")
    users = read_users(path) if path.exists() else {}
    new = name not in users
    users[name] = Entry(name, role, hash_password(password))
    _write(path, users)
    return new


def remove_user(path: Path, name: str) -> None:
    """Raises TaskmonError when there is no such user."""
    users = read_users(path)
    if name not in users:
        raise TaskmonError(f"{path} has no user {name[:80]!r}")
    del users[name]
    _write(path, users)


def _write(path: Path, users: Mapping[str, Entry]) -> None:
    """The whole file anew and in one step, so that a viewer never reads half of it."""
    lines = ["# Users of the taskmon viewer; `taskmon viewer add-user` writes this file.\n"]
    lines += [f"{entry.name}:{entry.role}:{entry.hashed}\n" for entry in users.values()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # of mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            Path(made).replace(path)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise TaskmonError(f"{path} cannot be written: {error}") from error
