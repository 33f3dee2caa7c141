"""ClickHouse's RowBinary, the few types that our tables use.

Rows are written by hand, straight from the decoded protobuf messages, because going through Python rows and a
general encoder halves the spans per second. Layouts: ClickHouse documentation, "RowBinary" format (integers little
endian, strings and arrays with a LEB128 length in front, a Map as an array of key and value, LowCardinality as the
type it holds).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

_ONE_BYTE: Final = tuple(bytes((n,)) for n in range(128))
MAX_TIME_NS: Final = 2**63 - 1
"""The last nanosecond of DateTime64(9): 2262-04-11."""

EMPTY: Final = _ONE_BYTE[0]
"""An empty string, array or map."""

uint64: Final = struct.Struct("<Q").pack
uint32: Final = struct.Struct("<I").pack
int32: Final = struct.Struct("<i").pack
float64: Final = struct.Struct("<d").pack


def length(n: int) -> bytes:
    """A LEB128 length."""
    if n < 128:
        return _ONE_BYTE[n]
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def uint8(n: int) -> bytes:
    """One byte; what is above 255 is stored as 255."""
    return bytes((min(n, 255),))


def string(text: str) -> bytes:
    """Text as UTF-8. What protobuf let through is valid UTF-8, so encoding cannot fail."""
    data = text.encode()
    return length(len(data)) + data


def raw_string(data: bytes) -> bytes:
    return length(len(data)) + data


# Names of spans, attributes and metrics repeat from row to row; values do not.
_REPEATED_TEXT_LIMIT: Final = 256
_cached_string: Final = lru_cache(maxsize=8192)(string)


def repeated_string(text: str) -> bytes:
    """Like ``string``, remembering short texts that come again and again."""
    return _cached_string(text) if len(text) < _REPEATED_TEXT_LIMIT else string(text)


def time_ns(nanoseconds: int) -> bytes:
    """DateTime64(9) from nanoseconds since the epoch; later than the type holds becomes its last nanosecond."""
    return uint64(min(nanoseconds, MAX_TIME_NS))


def array(items: Iterable[bytes], count: int) -> bytes:
    """``count`` values that are encoded already."""
    return length(count) + b"".join(items)


def uint64_array(values: Sequence[int]) -> bytes:
    return length(len(values)) + struct.pack(f"<{len(values)}Q", *values)


def float64_array(values: Sequence[float]) -> bytes:
    return length(len(values)) + struct.pack(f"<{len(values)}d", *values)
