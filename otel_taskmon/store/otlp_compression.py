"""Unpacking request bodies within a bound, so that a few kilobytes cannot become gigabytes."""

from __future__ import annotations

import zlib
from typing import Final

from otel_taskmon.store.otlp_errors import BadOtlp, TooLarge, UnsupportedType

_GZIP_WINDOW: Final = 31
_ZLIB_WINDOW: Final = 15
_STEP: Final = 1 << 20


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """``body`` unpacked by its ``Content-Encoding``; itself when there is none.

    Raises BadOtlp when it is not what it says, TooLarge when it unpacks to more than ``limit`` bytes,
    UnsupportedType for an encoding other than gzip and deflate.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name in ("gzip", "x-gzip"):
        return _inflate(body, _GZIP_WINDOW, "gzip", limit)
    if name == "deflate":
        return _inflate(body, _ZLIB_WINDOW, "deflate", limit)
    raise UnsupportedType(f"content encoding {name[:40]!r}: wanted is gzip, deflate or none")


def _inflate(body: bytes, window: int, name: str, limit: int) -> bytes:
    out: list[bytes] = []
    size = 0
    rest = body
    while True:  # gzip files may follow one another
        unpacker = zlib.decompressobj(window)
        while not unpacker.eof:
            try:
                part = unpacker.decompress(rest, _STEP)
            except zlib.error as error:
                raise BadOtlp(f"the body is not {name}: {error}") from error
            size += len(part)
            if size > limit:
                raise TooLarge(f"the body unpacks to more than the limit of {limit} bytes")
            out.append(part)
            rest = unpacker.unconsumed_tail
            if not rest and not part and not unpacker.eof:
                raise BadOtlp(f"the body is cut short: its {name} data has no end")
        rest = unpacker.unused_data
        if not rest or window != _GZIP_WINDOW:
            return b"".join(out)
