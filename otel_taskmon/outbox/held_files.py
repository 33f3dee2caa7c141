"""Files held by an exclusive ``flock``: who holds one is alive, whatever its process id says.

The kernel drops the lock when the last copy of the descriptor is closed, so also at SIGKILL. A forked process
inherits copies and would keep the lock of a dead parent: it closes them right after the fork.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from otel_taskmon.outbox.fork_gate import OPENING

_held: dict[int, tuple[int, int]] = {}
"""Descriptor -> device and inode of the file that it was opened for."""


def open_held(path: Path, flags: int) -> int:
    """Open ``path`` (mode 0600) and lock it; its descriptor.

    Raises BlockingIOError when somebody else holds it, FileNotFoundError when it was deleted meanwhile, OSError.
    """
    with OPENING:
        fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file = _check_is_there(fd, path)
        except BaseException:
            os.close(fd)
            raise
        _held[fd] = file
        return fd


def _check_is_there(fd: int, path: Path) -> tuple[int, int]:
    found = os.fstat(fd)
    if found.st_ino != path.stat().st_ino:
        raise FileNotFoundError(str(path))
    return found.st_dev, found.st_ino


def is_lost(fd: int) -> bool:
    """Whether its file was deleted, or somebody closed it, as a program does that becomes a daemon.

    Then the number may be another file's by now, and is let go without being closed.
    """
    with OPENING:
        links = _links(fd)
        if links is None:
            _held.pop(fd, None)
    return not links


def _links(fd: int) -> int | None:
    """How many names the file has; None where the descriptor is of another file, or of none."""
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_nlink if _held.get(fd) == (found.st_dev, found.st_ino) else None


def close(fd: int) -> None:
    """Close it, and with it the lock."""
    with OPENING:
        is_ours = _links(fd) is not None
        _held.pop(fd, None)
        if is_ours:
            with contextlib.suppress(OSError):
                os.close(fd)


def is_held(path: Path) -> bool:
    """Whether anybody holds ``path``; False for a file that is not there."""
    try:
        fd = open_held(path, os.O_RDONLY)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    close(fd)
    return False


def _after_fork_in_child() -> None:
    for fd in _held:
        if _links(fd) is not None:
            with contextlib.suppress(OSError):
                os.close(fd)  # closing a copy leaves the parent's lock; unlocking would not
    _held.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
