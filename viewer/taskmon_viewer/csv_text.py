"""Rows as CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from otel_taskmon.errors import TaskmonError

log = logging.getLogger(__name__)

DELIMITERS = (",", ";")
_FORMULA_STARTS = frozenset("=+-@\t\r\n\v\f\0")
_CHUNK_CHARACTERS = 64 * 1024


def cell(value: Any) -> str:
    """A value as its cell's text.

    None is empty, times are ISO 8601 in UTC with a Z, flags are ``true``/``false``, numbers are plain. Text that a
    spreadsheet would take for a formula gets a ``'`` in front (OWASP, "CSV Injection"); numbers keep their minus.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return "'" + text if text[:1] in _FORMULA_STARTS and text else text


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str) -> Iterator[bytes]:
    """UTF-8 pieces of about 64 kB: header row, then rows, CRLF line ends, quotes only where needed (RFC 4180)."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([cell(value) for value in row])
        if buffer.tell() >= _CHUNK_CHARACTERS:
            yield _taken(buffer)
    yield _taken(buffer)


def joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a download. An error in the middle ends the connection without the closing chunk, so the reader
    sees a broken download rather than a file that looks whole."""
    yield first
    try:
        yield from rest
    except TaskmonError:
        log.exception("a download broke off")
        raise


def _taken(buffer: io.StringIO) -> bytes:
    # A lone surrogate cannot be UTF-8; the file must not end in the middle because of one.
    data = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    return data
