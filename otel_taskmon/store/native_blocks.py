"""ClickHouse's own compressed blocks (``compress=1`` and ``decompress=1``): checksum, header, lz4 or zstd data.

Layout as CompressedWriteBuffer writes it: CityHash128 v1.0.2 (16 bytes) over header and data; method (1 byte), size
of header and data (4 bytes), size of the content (4 bytes, both little-endian); data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import lz4.block
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from otel_taskmon.store.http_errors import HttpError

CHECKSUM_DOESNT_MATCH: Final = 40
TOO_LARGE_SIZE_COMPRESSED: Final = 131
CANNOT_DECOMPRESS: Final = 271

_LZ4: Final = 0x82
_ZSTD: Final = 0x90
_NONE: Final = 0x02
_CHECKSUM: Final = struct.Struct("<QQ")
_HEADER: Final = struct.Struct("<BII")
_START: Final = _CHECKSUM.size + _HEADER.size
_BLOCK: Final = 1 << 20
MAX_BLOCK: Final = 1 << 27
"""Largest block that is taken, in bytes of content; the engine's own writers stay at 1 MiB."""


def compress_blocks(data: bytes) -> bytes:
    """``data`` as lz4 blocks of at most 1 MiB of content."""
    out = bytearray()
    for start in range(0, len(data), _BLOCK):
        content = data[start : start + _BLOCK]
        body = lz4.block.compress(content, store_size=False)
        block = _HEADER.pack(_LZ4, _HEADER.size + len(body), len(content)) + body
        out += _checksum(block) + block
    return bytes(out)


def decompress_blocks(body: Iterator[bytes]) -> Iterator[bytes]:
    """The content of a body of blocks. Raises HttpError 400 for a wrong checksum, method size, or a cut-off block."""
    waiting = bytearray()
    for piece in body:
        waiting += piece
        while (size := _whole_block(waiting)) is not None:
            yield _content(bytes(waiting[:size]))
            del waiting[:size]
    if waiting:
        raise HttpError(
            400, CANNOT_DECOMPRESS, "The body ends in the middle of a compressed block. (CANNOT_DECOMPRESS)"
        )


def _whole_block(waiting: bytearray) -> int | None:
    if len(waiting) < _START:
        return None
    _, size, content = _HEADER.unpack_from(waiting, _CHECKSUM.size)
    if size < _HEADER.size or max(size, content) > MAX_BLOCK:
        raise HttpError(
            400,
            TOO_LARGE_SIZE_COMPRESSED,
            f"A compressed block of {size} bytes is refused. (TOO_LARGE_SIZE_COMPRESSED)",
        )
    whole = _CHECKSUM.size + int(size)
    return whole if len(waiting) >= whole else None


def _content(block: bytes) -> bytes:
    checksum, rest = block[: _CHECKSUM.size], block[_CHECKSUM.size :]
    if _checksum(rest) != checksum:
        raise HttpError(
            400, CHECKSUM_DOESNT_MATCH, "Checksum doesn't match: corrupted data. (CHECKSUM_DOESNT_MATCH)"
        )
    method, _, size = _HEADER.unpack_from(rest)
    body = rest[_HEADER.size :]
    try:
        if method == _LZ4:
            return bytes(lz4.block.decompress(body, uncompressed_size=size))
        if method == _ZSTD:
            # where a frame names its size, the library makes room for that, whatever bound it is given
            if zstandard.get_frame_parameters(body).content_size not in (size, zstandard.CONTENTSIZE_UNKNOWN):
                raise HttpError(
                    400, CANNOT_DECOMPRESS, "A block has another size than it says. (CANNOT_DECOMPRESS)"
                )
            return zstandard.ZstdDecompressor().decompress(body, max_output_size=size)
    except (lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
        raise HttpError(
            400, CANNOT_DECOMPRESS, f"Cannot decompress a block: {error}. (CANNOT_DECOMPRESS)"
        ) from error
    if method == _NONE:
        return body
    raise HttpError(400, 89, f"Unknown compression method {method:#x}. (UNKNOWN_COMPRESSION_METHOD)")


def _checksum(block: bytes) -> bytes:
    value: int = CityHash128(block)
    return _CHECKSUM.pack(value >> 64, value & (1 << 64) - 1)  # the library's high half stands first
