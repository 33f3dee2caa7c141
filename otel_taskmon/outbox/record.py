"""The format of an outbox file: records one after the other, each found valid or not by itself.

A record is a header of 22 bytes and a body. The header, little endian: magic (3 bytes), kind (1), number of the
source (2), length of the body (4), time of writing in ns since the epoch (8), CRC-32 of all before it and the body (4).

Kinds: a *source* (resource and scope, serialised once per file, known by its number from then on), a *loss* (how many
records this process could not keep), and one per signal, whose body is a serialised OTLP message (Span, LogRecord,
Metric). So a file needs nothing but itself to be shipped.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple
from zlib import crc32

from otel_taskmon.outbox.limits import MAX_RECORD_BYTES, Signal

SUFFIX: Final = ".v1"
"""Files of another version keep another suffix and are left alone."""
MAGIC: Final = b"\xf5\xfaT"  # no UTF-8 text holds the first two
KIND_SOURCE: Final = 1
KIND_LOSS: Final = 2
KIND_SIGNAL: Final = 16
"""Kind of a signal's record: this plus the signal's number."""

_FRONT = struct.Struct("<3sBHIQ")
_CHECKSUM = struct.Struct("<I")
_HEADER = struct.Struct("<3sBHIQI")
_LOSS = struct.Struct(f"<{len(Signal)}Q")
HEADER_BYTES: Final = _HEADER.size

_pack_front = _FRONT.pack
_pack_checksum = _CHECKSUM.pack


class Record(NamedTuple):
    """One whole record; ``start`` and ``end`` are offsets in its file, ``at`` is ns since the epoch."""

    kind: int
    source: int
    start: int
    end: int
    at: int
    body: bytes


class Scan(NamedTuple):
    """What one stretch of a file holds.

    ``end`` is where the next scan goes on; ``torn`` counts damaged places that were skipped; ``needs`` is how many
    bytes the record at ``end`` has when the stretch is too short for it, else 0.
    """

    records: list[Record]
    end: int
    torn: int
    needs: int


def pack(kind: int, source: int, body: bytes, at: int) -> bytes:
    """The bytes of one record."""
    front = _pack_front(MAGIC, kind, source, len(body), at)
    return front + _pack_checksum(crc32(body, crc32(front))) + body


def pack_loss(lost: list[int]) -> bytes:
    """Body of a loss record: one count per signal."""
    return _LOSS.pack(*lost)


def unpack_loss(body: bytes) -> list[int]:
    return list(_LOSS.unpack(body))


def scan(data: bytes, base: int, *, whole: bool, finished: bool) -> Scan:
    """Find the records in ``data``, which begins at offset ``base`` of its file.

    ``whole``: ``data`` reaches the end of the file. ``finished``: and nobody writes to it any more, so that a record
    without its end is torn; in a file that is being written it is only not there yet.
    """
    records: list[Record] = []
    position, torn, size = 0, 0, len(data)
    # every record passes here in the worker's main process: a call saved is 2 % of shipping
    unpack_from, made = _HEADER.unpack_from, tuple.__new__
    while size - position >= HEADER_BYTES:
        magic, kind, source, length, at, checksum = unpack_from(data, position)
        if magic == MAGIC and length <= MAX_RECORD_BYTES:
            end = position + HEADER_BYTES + length
            if end > size:
                if not finished:
                    return Scan(records, base + position, torn, HEADER_BYTES + length)
            else:
                begin = position + HEADER_BYTES
                body = data[begin:end]
                if crc32(body, crc32(data[position : begin - 4])) == checksum:
                    records.append(made(Record, (kind, source, base + position, base + end, at, body)))
                    position = end
                    continue
        torn += 1
        position = _resume(data, position + 1)
    if finished and whole and position < size:
        return Scan(records, base + size, torn + 1, 0)
    return Scan(records, base + position, torn, HEADER_BYTES if position < size else 0)


def _resume(data: bytes, position: int) -> int:
    """Where to go on after damage: at the next whole valid record, or at one that may only be cut by the stretch.

    Text inside a body can look like a header, hence the checksum.
    """
    cut = -1
    while (position := data.find(MAGIC, position)) >= 0:
        if len(data) - position < HEADER_BYTES:
            break
        _, _, _, length, _, checksum = _HEADER.unpack_from(data, position)
        end = position + HEADER_BYTES + length
        if length <= MAX_RECORD_BYTES:
            if end > len(data):
                cut = position if cut < 0 else cut
            elif (
                crc32(
                    data[position + HEADER_BYTES : end], crc32(data[position : position + HEADER_BYTES - 4])
                )
                == checksum
            ):
                return position
        position += 1
    if cut >= 0:
        return cut
    return max(0, len(data) - HEADER_BYTES + 1)
