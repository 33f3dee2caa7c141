"""How far a data file has been shipped: one offset per signal, kept on disk beside it."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final
from zlib import crc32

from otel_taskmon.outbox.folder import POSITION
from otel_taskmon.outbox.limits import Signal

_offsets = struct.Struct(f"<{len(Signal)}Q")
_checksum = struct.Struct("<I")
START: Final = [0] * len(Signal)


def path_of(data: Path) -> Path:
    return data.with_name(data.name + POSITION)


def read(data: Path) -> list[int]:
    """The offsets by signal; all 0 where nothing (valid) was kept: then it is sent again rather than lost."""
    try:
        kept = path_of(data).read_bytes()
    except OSError:
        return list(START)
    if len(kept) != _offsets.size + _checksum.size:
        return list(START)
    if _checksum.unpack_from(kept, _offsets.size)[0] != crc32(kept[: _offsets.size]):
        return list(START)
    return list(_offsets.unpack_from(kept))


def write(data: Path, offsets: list[int]) -> None:
    """Keep them, in one write so that a kill leaves the old or the new. Raises OSError."""
    packed = _offsets.pack(*offsets)
    fd = os.open(path_of(data), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, packed + _checksum.pack(crc32(packed)), 0)
    finally:
        os.close(fd)
