"""Which sessions were logged out: in memory, and in a file where several viewers share their users."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)
_MOST: Final = 100_000
"""Bytes of the file; beyond them those that are over are left out of it."""


class EndedSessions:
    """The ids of sessions that were logged out before their time; safe for threads and, with a file, for processes.

    ``path``: of the file that other viewers use as well, and that outlives this one; None keeps them in memory. One
    line per session, ``seconds since the epoch<space>id``: until when its cookie would have been good. A file that
    cannot be written or read is told in the log, and log-outs then count in this process only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._seen: tuple[int, int, int] | None = None
        self._told = False

    def add(self, session_id: str, until: float) -> None:
        """``until``: seconds since the epoch from which on its cookie is worth nothing anyway."""
        now = time.time()
        with self._lock:
            self._until = {known: end for known, end in self._until.items() if end > now}
            self._until[session_id] = until
            if self._path is not None:
                try:
                    _append(self._path, session_id, until, now)
                except OSError as error:
                    log.warning(
                        "a log-out counts in this process only, since %s cannot be written: %s",
                        self._path, error.strerror,
                    )  # fmt: skip

    def __contains__(self, session_id: str) -> bool:
        with self._lock:
            self._read()
            return session_id in self._until

    def _read(self) -> None:
        """What others have added since; a look at the file's date unless it has changed."""
        if self._path is None:
            return
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen != self._seen:
                self._until.update(_parsed(self._path.read_text(encoding="ascii", errors="replace")))
                self._seen = seen
            self._told = False
        except FileNotFoundError:
            self._seen = None
        except OSError as error:
            if not self._told:  # it is looked at with each request
                log.warning(
                    "log-outs of other viewers are not known, %s cannot be read: %s",
                    self._path,
                    error.strerror,
                )
            self._told = True


def _append(path: Path, session_id: str, until: float, now: float) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "r+", encoding="ascii", errors="replace") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(handle).st_size > _MOST:
            kept = {known: end for known, end in _parsed(file.read()).items() if end > now}
            file.truncate(0)
            file.writelines(f"{end:.0f} {known}\n" for known, end in kept.items())
        file.write(f"{until:.0f} {session_id}\n")


def _parsed(text: str) -> Mapping[str, float]:
    found = {}
    for line in text.splitlines():
        until, separator, session_id = line.partition(" ")
        if separator and until.isdigit():
            found[session_id] = float(until)
    return found
