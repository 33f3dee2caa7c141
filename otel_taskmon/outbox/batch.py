"""What goes into one request: records of one signal out of as many files as it takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from otel_taskmon.outbox.data_file import DataFile, Item
from otel_taskmon.outbox.limits import MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS, Signal
from otel_taskmon.outbox.record import KIND_SIGNAL
from otel_taskmon.outbox.request import join

_SKIP_BYTES: Final = 64 << 10
"""Moving past records of other signals is kept on disk only from here on: doing it again costs nothing."""


@dataclass
class Batch:
    """Records of ``signal`` in the order of their files, and how far each file was read for them."""

    signal: Signal
    items: list[Item] = field(default_factory=list)
    ends: list[tuple[DataFile, int]] = field(default_factory=list)
    size: int = 0
    """Bytes of the bodies."""
    full: bool = False
    """There was more than may go into one request."""

    def body(self) -> bytes:
        return join((item.source, item.body) for item in self.items)

    def halves(self) -> tuple[Batch, Batch]:
        """The first and the second half of the records, without the ends: those belong to the whole."""
        middle = len(self.items) // 2
        return Batch(self.signal, self.items[:middle]), Batch(self.signal, self.items[middle:])

    def done(self) -> None:
        """The server has them: move and keep the positions, so that a restart does not send them again."""
        ends: dict[int, Item] = {}
        for item in self.items:
            ends[id(item.file)] = item  # in the order of the file: the last one is the furthest
        for item in ends.values():
            item.file.shipped(self.signal, item.end)
            item.file.store()

    def finished(self) -> None:
        """All records are done with: what stood between and after them is, too."""
        for file, end in self.ends:
            file.shipped(self.signal, end)
            file.store(at_least=0 if self.items else _SKIP_BYTES)


def collect(
    signal: Signal,
    files: Iterable[DataFile],
    *,
    max_records: int = MAX_REQUEST_RECORDS,
    max_bytes: int = MAX_REQUEST_BYTES,
) -> Batch:
    """The next records to be sent, at most up to both bounds; a record beyond ``max_bytes`` goes alone.

    Empty when nothing waits.
    """
    batch = Batch(signal)
    for file in files:
        if not _collect_from(file, batch, max_records, max_bytes):
            batch.full = True
            break
    return batch


def _collect_from(file: DataFile, batch: Batch, max_records: int, max_bytes: int) -> bool:
    """Whether the batch has room for another file's."""
    begin = offset = file.offsets[batch.signal]
    wanted = KIND_SIGNAL + batch.signal
    items = batch.items
    while True:
        offset = file.without(wanted, offset)
        found = file.stretch(offset)
        for item in file.items(found.records, wanted):
            size = len(item.body)
            if items and (len(items) >= max_records or batch.size + size > max_bytes):
                batch.ends.append((file, item.start))
                return False
            items.append(item)
            batch.size += size
        if found.end == offset:
            break
        offset = found.end
    if offset > begin:
        batch.ends.append((file, offset))
    return True
