"""The embedded engine: one chDB per process and data directory, a fresh connection for every statement.

Start it before anything else of the process and never fork afterwards: a forked process hangs at its first query.
Calls block and release the GIL; asynchronous callers run them in a bounded thread pool.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from clickhouse_connect.driver.binding import DT64Param, format_bind_value

from otel_taskmon.errors import TaskmonError
from otel_taskmon.store.data_directory import DataDirectory
from otel_taskmon.store.engine_config import default_memory_bytes, write_config
from otel_taskmon.store.engine_connection import Connection
from otel_taskmon.store.engine_errors import EngineError, StoreInUse
from otel_taskmon.store.native_rows import native_rows
from otel_taskmon.store.statements import statement

__all__ = ["Connection", "Engine", "EngineError", "StoreInUse"]


_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+")


DEFAULT_SETTINGS: Final[Mapping[str, str]] = {
    # By default the engine wants 1 GiB of free memory for each further thread of a query; under our memory bound every
    # query would run on one thread (measured: 195 ms against 100 ms on two cores).
    "max_threads_min_free_memory_per_thread": str(128 * 1024 * 1024),
}


class Engine:
    """Owns ``data_dir`` until ``close()``.

    Raises StoreInUse when another process owns it, TaskmonError when the engine does not start.
    ``memory_bytes`` bounds what all queries together use (default: a quarter of the machine's, at most 2 GiB).
    """

    def __init__(self, data_dir: Path, *, memory_bytes: int | None = None) -> None:
        self.directory = DataDirectory(data_dir)
        try:
            self.directory.engine.mkdir(exist_ok=True)
            config = self.directory.path / "engine.xml"
            write_config(config, memory_bytes=memory_bytes or default_memory_bytes())
            self._path = str(self.directory.engine)
            # This handle keeps the engine alive; every statement has a connection of its own beside it.
            self._keeper = Connection(f"{self._path}?config-file={quote(str(config))}")
        except (EngineError, OSError) as error:
            self.directory.close()
            raise TaskmonError(f"the engine does not start on {self.directory.path}: {error}") from error
        self._settings: frozenset[str] = frozenset()
        # aliases have rows of their own there
        self._settings = frozenset(name for (name,) in self.fetch(statement("setting_names")))
        self.version, self.timezone = self.fetch(statement("engine_version"))[0]

    def check_settings(self, settings: Mapping[str, object]) -> None:
        """Raises EngineError 115 for a name that is no setting (chDB itself would ignore it silently)."""
        for name in settings:
            if name not in self._settings:
                raise EngineError(
                    115, f"Setting {name} is neither a builtin setting nor a known alias. (UNKNOWN_SETTING)"
                )

    @contextlib.contextmanager
    def connection(
        self, settings: Mapping[str, object] | None = None, *, readonly: bool = False
    ) -> Iterator[Connection]:
        """A fresh connection with these settings. Raises EngineError 115 for an unknown one, 72 … for a bad value.

        ``readonly`` is ClickHouse's level 1, the only one that also stops file(), url() and their like.
        """
        connection = self.open(settings, readonly=readonly)
        try:
            yield connection
        finally:
            connection.close()

    def open(self, settings: Mapping[str, object] | None = None, *, readonly: bool = False) -> Connection:
        """As ``connection()``, for a caller that closes it."""
        chosen = {name: str(value) for name, value in (settings or {}).items()}
        self.check_settings(chosen)
        chosen = {**DEFAULT_SETTINGS, **chosen}
        if readonly:
            chosen.pop("readonly", None)
            chosen["readonly"] = "1"  # the last one: settings that come after it would be refused
        if all(map(_PLAIN.fullmatch, chosen.values())):
            return Connection("?".join(filter(None, (self._path, urlencode(chosen)))))
        # the string has no way to write some signs, "&" above all
        connection = Connection(self._path)
        try:
            connection.set(chosen)
        except EngineError:
            connection.close()
            raise
        return connection

    def execute(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Run one statement for its effect. Raises EngineError."""
        with self.connection(settings) as connection:
            connection.query(sql, "Null", bind(parameters))

    def fetch(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> list[tuple[Any, ...]]:
        """The rows of a small result as Python values; times are aware, in UTC where the column names no zone."""
        with self.connection(settings) as connection:
            return native_rows(connection.query(sql, "Native", bind(parameters)).data)

    def insert(
        self,
        table_and_columns: str,
        format: str,  # noqa: A002
        data: bytes,
        settings: Mapping[str, object] | None = None,
    ) -> int:
        """Insert ``data`` in ``format`` into ``otel.table (a, b)``; rows written, those of its views included.

        Raises EngineError; nothing is known then about what was written.
        """
        with self.connection(settings) as connection:
            return connection.insert(f"INSERT INTO {table_and_columns}", format, data).written_rows

    def kill(self, log_comment: str) -> None:
        """Stop the statements whose connection was opened with this ``log_comment``.

        chDB gives every statement a query id of its own, so this is how one is found again.
        """
        self.execute(statement("kill_by_comment"), {"comment": log_comment})

    def close(self) -> None:
        self._keeper.close()
        self.directory.retract()
        self.directory.close()


def bind(parameters: Mapping[str, object] | None) -> dict[str, str]:
    """Values as ClickHouse's query parameters take them: a list is an Array, a tuple a Tuple, a dict JSON."""
    return {name: format_bind_value(_exact(value)) for name, value in (parameters or {}).items()}


def _exact(value: object) -> object:
    """A time with a fraction keeps it (the client library cuts it off), one without still fits a DateTime."""
    return DT64Param(value) if isinstance(value, datetime) and value.microsecond else value
