"""The bound on what waits on disk, shared by all processes under one root.

Adding it all up takes longer than a task may wait once thousands of files wait. So the sum is kept in a file: writers
take a share and add it to the sum; who ships adds up anew once a second, a writer only when the shares say "full" or
nobody has added up for a minute. Two who change the sum at once may lose a share: the bound is met to within a few.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from otel_taskmon.outbox import position
from otel_taskmon.outbox.folder import folders
from otel_taskmon.outbox.location import REJECTED
from otel_taskmon.outbox.record import SUFFIX

USAGE: Final = "usage"
_FRESH_S: Final = 1.0
_TRUSTED_S: Final = 60.0
_SUM: Final = struct.Struct("<QdI")


class _Sum(NamedTuple):
    used: int
    added_up_at: float
    """Seconds since the epoch."""

    def age(self) -> float:
        age = time.time() - self.added_up_at
        return age if age >= 0 else _TRUSTED_S + 1  # the clock was set back


class Space:
    """``max_bytes`` for everything under ``root`` that is not shipped yet, what was set aside included."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._root = root
        self.max_bytes = max_bytes

    def share(self, wanted: int) -> int:
        """Up to ``wanted`` bytes that the caller may append now; 0 when the bound is reached."""
        kept = self._read()
        full = kept is not None and kept.used + wanted > self.max_bytes
        if kept is None or kept.age() > (_FRESH_S if full else _TRUSTED_S):
            kept = self._add_up()
        granted = max(0, min(wanted, self.max_bytes - kept.used))
        if granted:
            self._write(_Sum(kept.used + granted, kept.added_up_at))
        return granted

    def refresh(self) -> int:
        """For who ships: add up when the last time is over a second ago. The bytes in use."""
        kept = self._read()
        return self._add_up().used if kept is None or kept.age() > _FRESH_S else kept.used

    def _add_up(self) -> _Sum:
        found = _Sum(waiting_bytes(self._root), time.time())
        self._write(found)
        return found

    def _read(self) -> _Sum | None:
        with contextlib.suppress(OSError, struct.error):
            used, at, checksum = _SUM.unpack((self._root / USAGE).read_bytes())
            if checksum == crc32(_SUM.pack(used, at, 0)):
                return _Sum(used, at)
        return None

    def _write(self, kept: _Sum) -> None:
        """In place: renaming a new file over the old one takes 0.3 ms on ext4, and a task waits for this."""
        with contextlib.suppress(OSError):
            fd = os.open(self._root / USAGE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                checksum = crc32(_SUM.pack(kept.used, kept.added_up_at, 0))
                os.pwrite(fd, _SUM.pack(kept.used, kept.added_up_at, checksum), 0)
            finally:
                os.close(fd)


def waiting_bytes(root: Path) -> int:
    """Bytes of all data files under ``root`` beyond what is shipped of them, and of what was set aside."""
    used = 0
    for folder in folders(root):
        for name in folder.data_files():
            path = folder.path / name
            with contextlib.suppress(OSError):
                used += max(0, path.stat().st_size - min(position.read(path)))
    with contextlib.suppress(OSError), os.scandir(root / REJECTED) as entries:
        used += sum(entry.stat().st_size for entry in entries if entry.name.endswith(SUFFIX))
    return used
