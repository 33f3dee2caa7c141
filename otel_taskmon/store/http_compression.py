"""Content-Encoding of bodies, both ways, piece by piece.

Compressed bodies may be several frames one after another: clickhouse-connect sends one frame per block, and reading
the first one only would lose the rest without an error.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import lz4.frame
import zstandard

from otel_taskmon.store.http_errors import HttpError

UNKNOWN_COMPRESSION_METHOD: Final = 89
CANNOT_DECOMPRESS: Final = 271
_STEP: Final = 1 << 16
_ZSTD_STEP: Final = 1 << 10
_PREFERENCE: Final = ("zstd", "lz4", "gzip", "deflate")
_NEVER: Final = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")
_GZIP: Final = 31
_ZLIB: Final = 15


class Decompressor(Protocol):
    """A frame being read; ``unused_data`` is what stood behind its end."""

    @property
    def unused_data(self) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes) -> bytes: ...


def decode_body(encoding: str, body: Iterator[bytes]) -> Iterator[bytes]:
    """The body without its Content-Encoding. Raises HttpError 400 for an unknown one, and for data that is not of it.

    Pieces of output stay below some 40 MB whatever the input is; the caller bounds their sum.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in _PREFERENCE:
        raise HttpError(
            400,
            UNKNOWN_COMPRESSION_METHOD,
            f"Unknown Content-Encoding {encoding!r}: {', '.join(_PREFERENCE)} are known. (UNKNOWN_COMPRESSION_METHOD)",
        )
    return _decode(encoding, body)


def _decode(encoding: str, body: Iterator[bytes]) -> Iterator[bytes]:
    frame: Decompressor | None = None
    # zstd can pack 128 KiB into 4 bytes and has no bound on its output: so it is fed in small slices
    step = _ZSTD_STEP if encoding == "zstd" else _STEP
    for given in (piece[at : at + step] for piece in body for at in range(0, len(piece), step)):
        data = given
        while data:
            frame = frame or _decompressor(encoding)
            try:
                out = frame.decompress(data)
            except (RuntimeError, zlib.error, zstandard.ZstdError) as error:
                raise _broken(encoding, str(error)) from error
            if out:
                yield out
            if not frame.eof:
                break
            data, frame = frame.unused_data, None
    if frame is not None:
        raise _broken(encoding, "it ends in the middle of a frame")


def _decompressor(encoding: str) -> Decompressor:
    if encoding == "gzip":
        return zlib.decompressobj(_GZIP)
    if encoding == "deflate":
        return zlib.decompressobj(_ZLIB)
    frame: Decompressor
    frame = (
        zstandard.ZstdDecompressor().decompressobj()
        if encoding == "zstd"
        else lz4.frame.LZ4FrameDecompressor()
    )
    return frame


def _broken(encoding: str, why: str) -> HttpError:
    return HttpError(400, CANNOT_DECOMPRESS, f"The body is not {encoding}: {why}. (CANNOT_DECOMPRESS)")


def choose_encoding(accept: str) -> str | None:
    """The encoding for an answer, None for none; ``q=0`` means never (RFC 9110, 12.5.3)."""
    offered = {}
    for part in accept.lower().split(","):
        name, _, parameters = part.strip().partition(";")
        offered[name.strip()] = not _NEVER.fullmatch(parameters)
    return next((name for name in _PREFERENCE if offered.get(name)), None)


class Encoder:
    """Encodes an answer piece by piece in ``encoding`` (None: as it is)."""

    def __init__(self, encoding: str | None) -> None:
        self.encoding = encoding
        self._zlib = zlib.compressobj(3, zlib.DEFLATED, _GZIP if encoding == "gzip" else _ZLIB)
        self._zstd = zstandard.ZstdCompressor(level=1).compressobj()
        self._lz4 = lz4.frame.LZ4FrameCompressor()
        self._head = self._lz4.begin() if encoding == "lz4" else b""

    def piece(self, data: bytes) -> bytes:
        if self.encoding == "zstd":
            # every piece leaves at once: a reader of a slow stream sees its rows when they come
            return self._zstd.compress(data) + self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        if self.encoding == "lz4":
            head, self._head = self._head, b""
            return head + bytes(self._lz4.compress(data))
        if self.encoding is not None:
            return self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        return data

    def end(self) -> bytes:
        if self.encoding == "zstd":
            return self._zstd.flush()
        if self.encoding == "lz4":
            head, self._head = self._head, b""
            return head + bytes(self._lz4.flush())
        return self._zlib.flush() if self.encoding is not None else b""
