"""What lies in an outbox, and shipping it by hand: for ``taskmon outbox`` and ``taskmon doctor``."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel_taskmon.outbox import held_files
from otel_taskmon.outbox.data_file import DataFile, signal_of
from otel_taskmon.outbox.folder import BootFolder, folders
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.location import REJECTED
from otel_taskmon.outbox.record import SUFFIX, Record
from otel_taskmon.outbox.shipper import Shipper
from otel_taskmon.outbox.transport import Connect, connect


@dataclass(frozen=True)
class FolderStatus:
    """One boot's folder: what of it is not shipped."""

    path: Path
    boot: str
    alive: bool
    """A process ships it or writes to it."""
    this_host: bool
    """False: it lies on a shared disk and is left to its own host."""
    files: int
    bytes: int
    records: int
    oldest: datetime | None
    """When the oldest record was written."""


@dataclass(frozen=True)
class RejectedStatus:
    """Records that a server called bad, set aside by one boot."""

    path: Path
    bytes: int
    records: int


@dataclass(frozen=True)
class Shipped:
    """What ``ship_now`` did. ``reason`` says why something is left, "" when nothing is."""

    records: dict[str, int]
    rejected: dict[str, int]
    left: int
    """Records in folders that could be shipped and were not."""
    in_use: int
    """Folders left alone because a living process ships them."""
    reason: str


def list_folders(root: Path) -> list[FolderStatus]:
    """Every boot folder under ``root`` by name; empty when there is no such folder. Changes nothing.

    Those of other users are left out: their processes ship them.
    """
    found = []
    for folder in folders(root):
        with contextlib.suppress(PermissionError):
            found.append(_status(folder))
    return found


def list_rejected(root: Path) -> list[RejectedStatus]:
    """What was set aside under ``root``, by file."""
    found = []
    for path in sorted((root / REJECTED).glob(f"*{SUFFIX}")):
        with contextlib.suppress(OSError):
            records = sum(1 for _ in _records(DataFile(path, finished=True)))
            found.append(RejectedStatus(path, path.stat().st_size, records))
    return found


def ship_now(root: Path, *, deadline_s: float = 30.0, connect: Connect = connect) -> Shipped:
    """Ship every folder of this host that no living process ships, until all is sent, one send fails, or time is up."""
    deadline = time.monotonic() + deadline_s
    shipper = Shipper(root, None, boot=f"by-hand-{os.getpid()}", connect=connect, space=None)
    with suppress_instrumentation():
        try:
            while shipper.round() and time.monotonic() < deadline:
                pass
            shipper.round()  # reads past the torn end of a file whose writer is gone, and deletes it
        finally:
            shipper.close()
    statuses = [status for status in list_folders(root) if status.this_host]
    return Shipped(
        records={s.word: shipper.lanes[s].shipped for s in Signal},
        rejected={s.word: shipper.rejected.records[s] + shipper.lanes[s].left_out for s in Signal},
        left=sum(status.records for status in statuses if not status.alive),
        in_use=sum(status.alive for status in statuses),
        reason="; ".join(f"{s.word}: {lane.reason}" for s, lane in shipper.lanes.items() if lane.reason),
    )


def _status(folder: BootFolder) -> FolderStatus:
    files = size = records = 0
    oldest: int | None = None
    alive = held_files.is_held(folder.owner)
    for name in folder.data_files():
        path = folder.path / name
        alive = alive or held_files.is_held(path)
        file = DataFile.at(path)
        waiting = [record.at for record in _records(file)]
        files += 1
        size += max(0, file.size() - min(file.offsets))
        records += len(waiting)
        oldest = min([*waiting, *([oldest] if oldest is not None else [])], default=None)
    when = None if oldest is None else datetime.fromtimestamp(oldest / 1e9, UTC)
    return FolderStatus(folder.path, folder.boot, alive, folder.is_of_this_host(), files, size, records, when)


def _records(file: DataFile) -> Iterator[Record]:
    """Those of its records that are not shipped."""
    offset = min(file.offsets)
    while (found := file.stretch(offset)).end > offset:
        for record in found.records:
            signal = signal_of(record)
            if signal in tuple(Signal) and record.start >= file.offsets[signal]:
                yield record
        offset = found.end
