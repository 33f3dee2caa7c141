"""The reading half: one data file, read on from where each signal has been shipped."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from otel_taskmon.outbox import held_files, position
from otel_taskmon.outbox.limits import READ_BYTES, Signal
from otel_taskmon.outbox.record import KIND_LOSS, KIND_SIGNAL, KIND_SOURCE, Record, Scan, scan, unpack_loss
from otel_taskmon.outbox.source import Source

_NO_SOURCE: Final = Source(b"", b"")
_KEEP_BYTES: Final = 1 << 20
"""A shorter stretch is kept for the other signals; a longer one is read again rather than held for every file."""


class Item(NamedTuple):
    """One record of a signal, ready to be sent; ``start`` and ``end`` are offsets in ``file``."""

    file: DataFile
    source: Source
    body: bytes
    start: int
    end: int


@dataclass
class DataFile:
    """A data file; only for who holds its folder. Gone files read as empty."""

    path: Path
    offsets: list[int] = field(default_factory=lambda: list(position.START))
    finished: bool = False
    """Nobody writes to it any more."""
    torn: int = 0
    """Damaged places found."""
    _losses: dict[int, list[int]] = field(default_factory=dict)
    _sources: dict[int, list[tuple[int, Source]]] = field(default_factory=dict)
    _sources_to: int = 0
    _stretch: tuple[int, bool, Scan] | None = None
    _kinds: tuple[int, int, frozenset[int]] = (0, 0, frozenset())
    """Begin and end of the stretch that was read last, and the kinds of the records in it."""
    _scanned_to: int = 0
    _stored: list[int] = field(default_factory=lambda: list(position.START))

    @classmethod
    def at(cls, path: Path) -> DataFile:
        offsets = position.read(path)
        return cls(path, offsets, _stored=list(offsets))

    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def forget(self) -> None:
        """Drop what was read ahead."""
        self._stretch = None

    def stretch(self, start: int) -> Scan:
        """The records from ``start`` on, about 2 MB; empty and ending at ``start`` when there is nothing more (yet)."""
        kept = self._stretch
        if kept is not None and kept[0] == start and kept[1] == self.finished and kept[2].records:
            return kept[2]
        size, want = self.size(), READ_BYTES
        if start >= size:
            return Scan([], start, 0, 0)
        while True:
            data = self._read(start, want)
            whole = start + len(data) >= size
            found = scan(data, start, whole=whole, finished=self.finished and whole)
            if found.end > start or whole or not data or found.needs <= want:
                break
            want = found.needs
        self._learn(start, found)
        if found.end > self._scanned_to:
            self._scanned_to = found.end
            self.torn += found.torn
        self._stretch = (start, self.finished, found) if len(data) <= _KEEP_BYTES else None
        self._kinds = (start, found.end, frozenset([record.kind for record in found.records]))
        return found

    def without(self, kind: int, start: int) -> int:
        """Where to read on from ``start`` for records of ``kind``: past what is known to hold none.

        A process mostly writes one signal: its file is not read again for the two others.
        """
        begin, end, kinds = self._kinds
        return end if begin <= start < end and kind not in kinds else start

    def items(self, records: Iterable[Record], kind: int) -> Iterator[Item]:
        """Those of ``kind``, in their order."""
        made, number, source = tuple.__new__, -1, _NO_SOURCE
        for record in records:
            its_kind, its_source, start, end, _, body = record
            if its_kind == KIND_SOURCE:
                number = -1  # the number may mean another one from here on
            elif its_kind == kind:
                if its_source != number:
                    number, source = its_source, self._source(record)
                yield made(Item, (self, source, body, start, end))

    def shipped(self, signal: Signal, end: int) -> None:
        """All of ``signal`` before ``end`` is done with."""
        self.offsets[signal] = max(self.offsets[signal], end)

    def take_loss(self) -> list[int]:
        """What its writer says it could not keep, per signal, as far as spans are shipped; each is told once."""
        done = [start for start in self._losses if start < self.offsets[Signal.TRACES]]
        told = [self._losses.pop(start) for start in done]
        return [sum(counts) for counts in zip(*told, strict=True)] if told else [0] * len(Signal)

    def store(self, *, at_least: int = 0) -> None:
        """Keep the offsets on disk when they moved by more than ``at_least`` bytes.

        Where the disk is full they are kept in this process; another one would send from the last that were stored.
        """
        if any(now - kept > at_least for now, kept in zip(self.offsets, self._stored, strict=True)):
            with contextlib.suppress(OSError):
                position.write(self.path, self.offsets)
                self._stored = list(self.offsets)

    def is_shipped(self) -> bool:
        """Every signal is at the end of what there is to read now."""
        return min(self.offsets) >= self.size()

    def is_read_out(self) -> bool:
        """Every signal is at the end of what could be read; only a torn record may follow."""
        return min(self.offsets) >= self._scanned_to

    def try_delete(self) -> bool:
        """Delete it if all is shipped and its writer is gone; whether it is gone.

        A writer that is gone may have left half a record at the end: ``finished`` is set, so that it is read past.
        """
        if not self.finished:
            if held_files.is_held(self.path):
                return False
            self.finished = True
            self._stretch = None
        if not self.is_shipped():
            return False
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            position.path_of(self.path).unlink(missing_ok=True)
            return True
        return False

    def _read(self, start: int, length: int) -> bytes:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.pread(fd, length, start)
        except OSError:
            return b""
        finally:
            os.close(fd)

    def _source(self, record: Record) -> Source:
        if record.start > self._sources_to:
            self._learn_up_to(record.start)
        for start, source in reversed(self._sources.get(record.source, ())):
            if start < record.start:
                return source
        return _NO_SOURCE  # its source was torn: the record itself is whole, and is sent without

    def _learn_up_to(self, end: int) -> None:
        """After a restart the sources stand before the offset to go on from."""
        while self._sources_to < end:
            data = self._read(self._sources_to, max(READ_BYTES, end - self._sources_to))
            found = scan(data, self._sources_to, whole=False, finished=False)
            if found.end <= self._sources_to:
                return
            self._learn(self._sources_to, found)

    def _learn(self, start: int, found: Scan) -> None:
        """Keep sources and losses as they are met; a number may get another source further on in the file."""
        for record in found.records:
            if record.kind == KIND_LOSS and record.start >= self.offsets[Signal.TRACES]:
                with contextlib.suppress(struct.error):
                    self._losses[record.start] = unpack_loss(record.body)
        if start > self._sources_to:
            return  # a gap: _learn_up_to() reads it when a record asks
        for record in found.records:
            if record.kind == KIND_SOURCE and record.start >= self._sources_to:
                with contextlib.suppress(struct.error):
                    known = self._sources.setdefault(record.source, [])
                    known.append((record.start, Source.unpacked(record.body)))
        self._sources_to = max(self._sources_to, found.end)


def signal_of(record: Record) -> int:
    """The number of the record's signal; none of them for a source or a loss."""
    return record.kind - KIND_SIGNAL
