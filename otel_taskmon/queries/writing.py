"""A client that may delete: with the user of the settings, or as the embedded store's admin on the same machine."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from otel_taskmon.errors import QueryFailed, TaskmonError
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.settings import ReaderSettings, StoreSettings

WRITE_SECONDS: Final = 3600
"""Deleting from millions of rows takes its time."""
_READING_USER: Final = "default"
_ADMIN: Final = "admin"
_HTTP_PORT: Final = 8123
"""Where the driver asks when an address names no port."""


class NoRightToWrite(TaskmonError):
    """The user that the settings name may only read."""


def connect_to_write(settings: ReaderSettings) -> Client:
    """A client that may delete.

    ``TASKMON_CLICKHOUSE_USER`` and ``…_PASSWORD`` (or ``…_FILE``) where a user or a password is set; else, for a store
    on this machine, its user ``admin`` with ``TASKMON_ADMIN_PASSWORD`` (or ``…_FILE``) or the password file in
    ``TASKMON_DATA_DIR``, provided that the store of that directory is the one that listens there; else the user
    ``default`` as it is.

    Raises NoRightToWrite, with what to set, when that user may only read; StoreUnavailable; QueryFailed when the
    password is refused.
    """
    user, password = settings.clickhouse_user, settings.clickhouse_password or ""
    if user == _READING_USER and not password:
        store = StoreSettings.from_environment()
        found = _admin_password(settings.clickhouse_url, store)
        if found:
            user, password = _ADMIN, found
    client = connect(settings.clickhouse_url, user, password, read_seconds=WRITE_SECONDS)
    try:
        _check_right(client, user, settings.clickhouse_url)
    except BaseException:
        client.close()
        raise
    return client


def _admin_password(url: str, store: StoreSettings) -> str | None:
    parts = urlsplit(url)
    if not _is_this_machine(parts.hostname or ""):
        return None
    if store.admin_password:
        return store.admin_password
    if _listening_port(store.data_dir) != (parts.port or _HTTP_PORT):
        return None
    try:
        return (store.data_dir / f"{_ADMIN}.password").read_text(encoding="utf-8").strip() or None
    except OSError:  # not ours to read: the user of the settings has its say
        return None


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listening_port(data_dir: Path) -> int | None:
    """Where the store of this directory says that it listens."""
    try:
        return int(json.loads((data_dir / "listening.json").read_text())["http_port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_right(client: Client, user: str, url: str) -> None:
    """Asked with a statement that changes nothing, so that a person is not told "readonly" after having confirmed."""
    from otel_taskmon.queries.statements import statement

    try:
        client.run(statement("purge_forget"), {"purge": ""})
    except QueryFailed as error:
        raise NoRightToWrite(
            f"{user!r} may not write at {url}. Set TASKMON_CLICKHOUSE_USER and TASKMON_CLICKHOUSE_PASSWORD_FILE to a "
            "user that may, or, for a taskmon serve on this machine, TASKMON_DATA_DIR to its data directory.\n"
            f"{error}"
        ) from error
