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

_held: set[int] = set()


def open_held(path: Path, flags: int) -> int:
    """Open ``path`` (mode 0600) and lock it; its descriptor.

    Raises BlockingIOError when somebody else holds it, FileNotFoundError when it was deleted meanwhile, OSError.
    """
    with OPENING:
        fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _check_is_there(fd, path)
        except BaseException:
            os.close(fd)
            raise
        _held.add(fd)
        return fd


def _check_is_there(fd: int, path: Path) -> None:
    if os.fstat(fd).st_ino != path.stat().st_ino:
        raise FileNotFoundError(str(path))


def close(fd: int) -> None:
    """Close it, and with it the lock."""
    with OPENING:
        if fd in _held:
            _held.discard(fd)
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
        with contextlib.suppress(OSError):
            os.close(fd)  # closing a copy leaves the parent's lock; unlocking would not
    _held.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
