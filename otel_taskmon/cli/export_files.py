"""The formats of an export: rows of the log into a file, piece by piece."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

from otel_taskmon.cli.progress import Told
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.export import CSV_COLUMNS, arrow_streams, csv_rows
from otel_taskmon.queries.filters import Per
from otel_taskmon.queries.model import TaskFilter

Writer = Callable[[Client, TaskFilter, Per, BinaryIO, Told], int]
"""Writes every row of the filter, tells how many are done, and returns how many there were."""

_TELL_EVERY = 1_000


def writer_of(file_format: str) -> Writer:
    """For ``csv``, ``jsonl`` or ``parquet``."""
    writers: dict[str, Writer] = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
    return writers[file_format]


class _Counted:
    """Rows on their way, counted."""

    def __init__(self, rows: Iterable[tuple[Any, ...]], told: Told) -> None:
        self._rows = rows
        self._told = told
        self.count = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for row in self._rows:
            self.count += 1
            if self.count % _TELL_EVERY == 0:
                self._told(_TELL_EVERY)
            yield row
        self._told(self.count % _TELL_EVERY)


def _csv(client: Client, wanted: TaskFilter, per: Per, out: BinaryIO, told: Told) -> int:
    from taskmon_viewer.csv_text import csv_chunks  # the viewer's download is the same file

    rows = _Counted(csv_rows(client, wanted, per=per), told)
    out.writelines(csv_chunks(CSV_COLUMNS[per], rows, ","))
    return rows.count


def _jsonl(client: Client, wanted: TaskFilter, per: Per, out: BinaryIO, told: Told) -> int:
    encode = json.JSONEncoder(default=_json_value, ensure_ascii=False, separators=(",", ":")).encode
    names = CSV_COLUMNS[per]
    rows = _Counted(csv_rows(client, wanted, per=per), told)
    for row in rows:
        out.write(encode(dict(zip(names, row, strict=True))).encode("utf-8", "replace") + b"\n")
    return rows.count


def _json_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    raise TypeError(f"no JSON for {type(value).__name__}")


def _parquet(client: Client, wanted: TaskFilter, per: Per, out: BinaryIO, told: Told) -> int:
    """Column types are the store's: times are timestamps in UTC with microseconds."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    total = 0
    writer: pq.ParquetWriter | None = None
    try:
        for pieces, had in arrow_streams(client, wanted, per=per):
            rows = 0
            with pa.ipc.open_stream(io.BufferedReader(_Pieces(pieces))) as stream:
                writer = writer or pq.ParquetWriter(out, stream.schema, compression="zstd")
                for batch in stream:
                    writer.write_batch(batch)
                    rows += batch.num_rows
                    told(batch.num_rows)
            had(rows)
            total += rows
        if writer is None:
            empty = pa.schema([(name, pa.string()) for name in CSV_COLUMNS[per]])
            writer = pq.ParquetWriter(out, empty)
    finally:
        if writer is not None:
            writer.close()
    return total


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
