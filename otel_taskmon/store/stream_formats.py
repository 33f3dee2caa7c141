"""Joining the blocks of a streamed answer: the engine makes each block a whole document of the output format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

_ARROW_END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_ARROW_MARK: Final = b"\xff\xff\xff\xff"

Head = Callable[[bytes], int]
"""Length of what stands before the rows of a document."""


def _no_head(document: bytes) -> int:
    del document
    return 0


def _lines(count: int) -> Head:
    def head(document: bytes) -> int:
        at = 0
        for _ in range(count):
            at = document.index(b"\n", at) + 1
        return at

    return head


def _csv_lines(count: int) -> Head:
    """Lines of which each cell may be quoted, with line ends inside."""

    def head(document: bytes) -> int:
        at = 0
        for _ in range(count):
            end = document.index(b"\n", at) + 1
            while document.count(b'"', at, end) % 2:
                end = document.index(b"\n", end) + 1
            at = end
        return at

    return head


def _row_binary(lists: int) -> Head:
    """A number of columns, then ``lists`` times so many texts, each behind its length (LEB128)."""

    def head(document: bytes) -> int:
        columns, at = _leb128(document, 0)
        for _ in range(columns * lists):
            size, at = _leb128(document, at)
            at += size
        return at

    return head


def _arrow_schema(document: bytes) -> int:
    """An encapsulated message without a body: mark, length of the metadata, metadata (Arrow IPC format)."""
    return len(_ARROW_MARK) + 4 + int.from_bytes(document[4:8], "little")


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


_HEADS: Final[dict[str, Head]] = {
    **dict.fromkeys(
        ("Native", "RowBinary", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "JSONEachRow", "NDJSON",
         "JSONLines", "JSONCompactEachRow", "JSONStringsEachRow", "JSONCompactStringsEachRow", "LineAsString"),
        _no_head,
    ),
    **dict.fromkeys(("TabSeparatedWithNames", "TSVWithNames", "JSONCompactEachRowWithNames"), _lines(1)),
    **dict.fromkeys(
        ("TabSeparatedWithNamesAndTypes", "TSVWithNamesAndTypes", "JSONCompactEachRowWithNamesAndTypes"), _lines(2)
    ),
    "CSVWithNames": _csv_lines(1),
    "CSVWithNamesAndTypes": _csv_lines(2),
    "RowBinaryWithNames": _row_binary(1),
    "RowBinaryWithNamesAndTypes": _row_binary(2),
    "ArrowStream": _arrow_schema,
}  # fmt: skip


def can_stream(output_format: str) -> bool:
    """Whether blocks of this format can be joined to one document."""
    return output_format in _HEADS


def has_head(output_format: str) -> bool:
    """Whether a document without rows still has something to say (its columns)."""
    return _HEADS[output_format] is not _no_head


def join_blocks(output_format: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """One document out of whole ones: the head of the first, the rows of all; nothing where there is no block."""
    head_length = _HEADS[output_format]
    arrow = output_format == "ArrowStream"
    head: bytes | None = None
    for block in blocks:
        rows = block.removesuffix(_ARROW_END) if arrow else block
        if head is None:
            head = rows[: head_length(rows)]
            yield rows
        else:
            yield rows.removeprefix(head)
    if arrow and head is not None:
        yield _ARROW_END
