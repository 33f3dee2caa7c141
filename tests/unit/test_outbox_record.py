"""The file format: what was written whole is found again, whatever stands around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_taskmon.outbox.record import HEADER_BYTES, MAGIC, Scan, pack, pack_loss, scan, unpack_loss

bodies = st.lists(st.one_of(st.binary(max_size=200), st.just(MAGIC * 9)), min_size=1, max_size=8)


def read(data: bytes, *, finished: bool = True) -> Scan:
    return scan(data, 0, whole=True, finished=finished)


def packed(some: list[bytes]) -> list[bytes]:
    return [pack(16, number, body, 1_000 + number) for number, body in enumerate(some)]


@given(bodies, st.integers(0, 1 << 40))
def test_every_record_is_found_with_all_it_was_given(some: list[bytes], base: int) -> None:
    parts = packed(some)
    found = scan(b"".join(parts), base, whole=True, finished=True)
    assert [(r.kind, r.source, r.at, r.body) for r in found.records] == [
        (16, number, 1_000 + number, body) for number, body in enumerate(some)
    ]
    assert found.records[0].start == base
    assert found.end == base + sum(map(len, parts))
    assert found.torn == 0


@given(bodies, st.data())
def test_a_cut_last_record_waits_in_a_live_file_and_is_skipped_in_a_dead_one(
    some: list[bytes], data: st.DataObject
) -> None:
    parts = packed(some)
    kept = data.draw(st.integers(1, len(parts[-1]) - 1))
    cut = b"".join(parts[:-1]) + parts[-1][:kept]
    live = read(cut, finished=False)
    assert [r.body for r in live.records] == some[:-1]
    assert live.end == sum(map(len, parts[:-1]))
    assert live.torn == 0
    whole = scan(cut[live.end :] + parts[-1][kept:], live.end, whole=True, finished=False)
    assert [r.body for r in whole.records] == some[-1:]
    dead = read(cut)
    assert [r.body for r in dead.records][: len(some) - 1] == some[:-1]
    assert dead.end == len(cut)
    assert dead.torn >= 1


@given(bodies, bodies, st.binary(min_size=1, max_size=60))
def test_damage_costs_nothing_but_itself(before: list[bytes], after: list[bytes], damage: bytes) -> None:
    data = b"".join([*packed(before), damage, *packed(after)])
    found = read(data)
    assert [r.body for r in found.records] == [*before, *after]
    assert found.torn >= 1
    assert found.end == len(data)


@given(bodies, st.data())
def test_one_wrong_byte_costs_at_most_its_record(some: list[bytes], data: st.DataObject) -> None:
    parts = packed(some)
    hit = data.draw(st.integers(0, len(parts) - 1))
    place = data.draw(st.integers(0, len(parts[hit]) - 1))
    broken = bytearray(parts[hit])
    broken[place] ^= 0x41
    found = read(b"".join([*parts[:hit], bytes(broken), *parts[hit + 1 :]]))
    assert [r.body for r in found.records] == [body for n, body in enumerate(some) if n != hit]


def test_a_record_inside_a_body_is_not_read_as_one() -> None:
    inner = pack(16, 0, b"inner", 1)
    found = read(pack(16, 0, inner, 2) + pack(16, 0, b"next", 3))
    assert [r.body for r in found.records] == [inner, b"next"]


def test_a_stretch_says_how_much_the_record_at_its_end_needs() -> None:
    record = pack(16, 0, b"x" * 500, 1)
    found = scan(record[:100], 0, whole=False, finished=False)
    assert (found.records, found.end, found.needs) == ([], 0, len(record))


def test_a_length_beyond_all_bounds_is_damage_and_blocks_nothing() -> None:
    broken = bytearray(pack(16, 0, b"first", 1))
    broken[6:10] = b"\xff\xff\xff\x7f"
    found = read(bytes(broken) + pack(16, 0, b"second", 2), finished=False)
    assert [r.body for r in found.records] == [b"second"]


def test_losses_come_back() -> None:
    assert unpack_loss(pack_loss([1, 0, 1 << 50])) == [1, 0, 1 << 50]


@pytest.mark.parametrize("size", [0, 1, HEADER_BYTES - 1])
def test_less_than_a_header_is_not_there_yet(size: int) -> None:
    data = pack(16, 0, b"", 1)[:size]
    assert read(data, finished=False).end == 0
