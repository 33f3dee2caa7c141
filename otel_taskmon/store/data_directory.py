"""The directory that one store process owns: its lock, the engine's files, and where the running store listens."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Final

from otel_taskmon.errors import TaskmonError
from otel_taskmon.store.engine_errors import StoreInUse

_PORTS: Final = "listening.json"
_LOCK: Final = "lock"
_ENGINE: Final = "engine"
_OURS: Final = frozenset(
    {
        _LOCK,
        _PORTS,
        f"{_PORTS}.new",
        "admin.password",
        "ingest.password",
        "derived.json",
        "derived.new",
        "engine.xml",
        "lost+found",
    }
)
"""What may be in a directory whose engine has no files yet: a start that was ended, or a new file system."""


class DataDirectory:
    """A data directory, locked for this process until ``close()``; made (mode 0700) when it is missing.

    Raises StoreInUse when another process holds it, TaskmonError when it cannot be made or written, or is the
    directory of something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        if set("?&") & set(str(self.path)):
            # the engine takes its path and its settings in one string, split at these
            raise TaskmonError(
                f"the data directory {self.path} must not have '?' or '&' in its name: choose another one"
            )
        try:
            self._refuse_others()
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock: IO[bytes] = (self.path / _LOCK).open("ab")
        except OSError as error:
            raise TaskmonError(
                f"cannot use the data directory {self.path}: {error.strerror}. "
                "Choose another one with --data-dir or TASKMON_DATA_DIR"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StoreInUse(self._in_use()) from error

    @property
    def engine(self) -> Path:
        """Where chDB keeps its files."""
        return self.path / _ENGINE

    def announce(self, **ports: int) -> None:
        """Keep where this store listens, so that a second one can say who is in its way."""
        self._write(_PORTS, json.dumps({"pid": os.getpid(), **ports}))

    def retract(self) -> None:
        (self.path / _PORTS).unlink(missing_ok=True)

    def close(self) -> None:
        self._lock.close()

    def _refuse_others(self) -> None:
        if not self.path.is_dir() or self.engine.exists():
            return
        others = sorted({entry.name for entry in self.path.iterdir()} - _OURS)
        if others:
            raise TaskmonError(
                f"the data directory {self.path} has other things in it ({', '.join(others[:3])}…): "
                "choose an empty one with --data-dir or TASKMON_DATA_DIR"
            )

    def _write(self, name: str, text: str) -> None:
        new = self.path / f"{name}.new"
        new.write_text(text)
        new.replace(self.path / name)

    def _in_use(self) -> str:
        try:
            running = json.loads((self.path / _PORTS).read_text())
            where = f"already running on port {running['http_port']} (process {running['pid']})"
        except (OSError, ValueError, KeyError):
            where = (
                "already being started or stopped by another process"  # it has not said yet where it listens
            )
        return f"a store on {self.path} is {where}. Use that one, stop it, or choose another directory with --data-dir"
