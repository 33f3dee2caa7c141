"""Bodies in their encodings, and ClickHouse's own blocks."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator

import lz4.frame
import pytest
import zstandard
from clickhouse_cityhash.cityhash import CityHash128
from hypothesis import given
from hypothesis import strategies as st

from otel_taskmon.store.http_compression import Encoder, choose_encoding, decode_body
from otel_taskmon.store.http_errors import HttpError
from otel_taskmon.store.native_blocks import compress_blocks, decompress_blocks

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_frames_one_behind_the_other_however_they_are_cut(encoding: str, size: int) -> None:
    parts = [b"first " * 1000, b"", b"x", bytes(range(256)) * 40]
    body = b"".join(ENCODERS[encoding](part) for part in parts)
    assert b"".join(decode_body(encoding, _cut(body, size))) == b"".join(parts)


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_body_that_is_cut_off_or_something_else_is_refused(encoding: str) -> None:
    body = ENCODERS[encoding](b"some text " * 100)
    for bad in (body[:-3], b"no such encoding", body + b"trailing"):
        with pytest.raises(HttpError) as caught:
            list(decode_body(encoding, iter([bad])))
        assert caught.value.status == 400


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(HttpError, match="'br'"):
        decode_body("br", iter([b""]))


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_bomb_comes_in_bounded_pieces(encoding: str) -> None:
    body = ENCODERS[encoding](bytes(200_000_000))
    first = next(decode_body(encoding, iter([body])))
    assert len(first) < 70_000_000


@pytest.mark.parametrize("encoding", [*ENCODERS, None])
@given(pieces=st.lists(st.binary(max_size=300), max_size=5))
def test_an_answer_can_be_decoded_again(encoding: str | None, pieces: list[bytes]) -> None:
    encoder = Encoder(encoding)
    body = b"".join([*map(encoder.piece, pieces), encoder.end()])
    assert b"".join(decode_body(encoding or "", iter([body]))) == b"".join(pieces)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip, deflate, br", "gzip"),
        ("lz4;q=0.5, zstd;q=0", "lz4"),
        ("GZIP", "gzip"),
        ("gzip;q=0.0", None),
        ("gzip;q=0.3", "gzip"),
    ],
)
def test_the_encoding_of_an_answer(accept: str, chosen: str | None) -> None:
    assert choose_encoding(accept) == chosen


@given(data=st.binary(max_size=2000), size=st.integers(1, 700))
def test_blocks_come_back(data: bytes, size: int) -> None:
    assert b"".join(decompress_blocks(_cut(compress_blocks(data), size))) == data


def test_long_data_is_several_blocks() -> None:
    data = bytes(3_000_000)
    assert [len(part) for part in decompress_blocks(iter([compress_blocks(data)]))] == [
        1 << 20,
        1 << 20,
        902_848,
    ]


@pytest.mark.parametrize("at", [0, 15, 16, 17, 21, 25, 40])
def test_a_damaged_block_is_refused(at: int) -> None:
    block = bytearray(compress_blocks(bytes(range(100))))
    block[at] ^= 0xFF
    with pytest.raises(HttpError):
        list(decompress_blocks(iter([bytes(block)])))


def test_a_block_cut_off_is_refused() -> None:
    for size in (5, 24, 60):
        with pytest.raises(HttpError, match="middle"):
            list(decompress_blocks(iter([compress_blocks(bytes(range(100)))[:size]])))


def _zstd_block(frame: bytes, content: int) -> bytes:
    """A block that says its content has ``content`` bytes."""
    rest = struct.pack("<BII", 0x90, 9 + len(frame), content) + frame
    checksum = CityHash128(rest)
    return struct.pack("<QQ", checksum >> 64, checksum & (1 << 64) - 1) + rest


@pytest.mark.parametrize("named", [True, False])
def test_a_zstd_block_is_read_with_and_without_its_size_in_the_frame(named: bool) -> None:
    frame = zstandard.ZstdCompressor(write_content_size=named).compress(b"abc" * 100)
    assert b"".join(decompress_blocks(iter([_zstd_block(frame, 300)]))) == b"abc" * 100


@pytest.mark.parametrize(
    "frame",
    [
        zstandard.compress(bytes(40_000_000)),
        zstandard.ZstdCompressor(write_content_size=False).compress(bytes(40_000_000)),
        b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 45) + b"\x01\x00\x00",
    ],
    ids=["bomb", "bomb without its size", "says 32 TiB"],
)
def test_a_zstd_block_gets_no_more_room_than_it_says(frame: bytes) -> None:
    with pytest.raises(HttpError) as caught:
        list(decompress_blocks(iter([_zstd_block(frame, 10)])))
    assert caught.value.status == 400
