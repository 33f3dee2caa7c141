"""The pipe of a forked process whose disk takes nothing; both ends in one process here, threads where they block."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from otel_taskmon.outbox.limits import MAX_MEMORY_BYTES, Signal
from otel_taskmon.outbox.record import KIND_LOSS, KIND_SIGNAL, pack, pack_loss
from otel_taskmon.outbox.uplink import Inlets, Sent, Uplink
from otel_taskmon.outbox.writer import Writer
from tests.support.waiting import wait_until

SOURCE = b"\x01\x02resource and scope"
SPAN = KIND_SIGNAL + Signal.TRACES


class Pair:
    """Both ends of one pipe, as fork leaves them."""

    def __init__(self) -> None:
        self.inlets, there = Inlets(), Inlets()
        self.inlets.offer()
        assert self.inlets._offered is not None
        inner, outer = self.inlets._offered
        there._offered = (os.dup(inner), os.dup(outer))
        self.inlets.forked()
        taken = there.taken()
        assert taken is not None
        self.uplink: Uplink = taken
        self.room = True

    def read(self) -> list[Sent]:
        records: list[Sent] = []
        self.inlets.read(records.append, lambda: self.room)
        return records


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.uplink.close()
    made.read()


def test_what_is_sent_is_read_whole_and_in_order(pair: Pair) -> None:
    assert pair.read() == []
    assert all(pair.uplink.send(SPAN, SOURCE, body) for body in (b"one", b"", b"three"))
    assert pair.read() == [Sent(SPAN, SOURCE, body) for body in (b"one", b"", b"three")]


def test_a_record_larger_than_the_pipe_is_finished_bit_by_bit(pair: Pair) -> None:
    large = os.urandom(3 << 20)
    assert pair.uplink.send(SPAN, SOURCE, large)
    assert not pair.uplink.finish()
    assert not pair.uplink.send(SPAN, SOURCE, b"next"), "the next one waits"
    records: list[Sent] = []
    while not pair.uplink.finish():
        records += pair.read()
    assert pair.uplink.send(SPAN, SOURCE, b"next")
    while len(records) < 2:
        records += pair.read()
    assert records == [Sent(SPAN, SOURCE, large), Sent(SPAN, SOURCE, b"next")]


def test_what_memory_would_not_take_is_not_taken_either(pair: Pair) -> None:
    assert not pair.uplink.send(SPAN, SOURCE, bytes(MAX_MEMORY_BYTES + 1))
    assert pair.uplink.finish()
    assert pair.read() == []


def test_what_a_killed_process_had_written_is_read_and_half_a_record_left(pair: Pair) -> None:
    assert pair.uplink.send(SPAN, SOURCE, b"whole")
    os.write(pair.uplink._fd, pack(SPAN, 0, b"\x00\x00\x00\x00half", 0)[:-2])
    pair.uplink.close()
    assert pair.read() == [Sent(SPAN, SOURCE, b"whole")]
    assert pair.read() == []
    assert pair.inlets._inlets == []


def test_a_hole_in_the_stream_costs_only_itself(pair: Pair) -> None:
    assert pair.uplink.send(SPAN, SOURCE, b"before")
    os.write(pair.uplink._fd, b"a write that an exception cut in two")
    assert pair.uplink.send(SPAN, SOURCE, b"after")
    assert [record.body for record in pair.read()] == [b"before", b"after"]


def test_nothing_is_read_while_there_is_no_room(pair: Pair) -> None:
    assert pair.uplink.send(SPAN, SOURCE, b"one")
    pair.room = False
    assert pair.read() == []
    pair.room = True
    assert len(pair.read()) == 1


def test_without_a_reader_it_closes(pair: Pair) -> None:
    for inlet in pair.inlets._inlets:
        os.close(inlet.fd)
    pair.inlets._inlets.clear()
    assert not pair.uplink.send(SPAN, SOURCE, b"one")
    assert not pair.uplink.is_open


def test_a_writer_without_a_disk_sends_and_carries_on_when_there_is_room(pair: Pair) -> None:
    writer, parent = Writer(None, None), Writer(None, None)
    writer.reset(uplink=pair.uplink)
    bodies = [bytes([number]) * 10_000 for number in range(200)]  # 2 MB: more than the pipe holds
    assert all(writer.append(Signal.TRACES, SOURCE, body) for body in bodies)
    with writer.memory() as memory:
        assert len(memory) > 0
    seen: list[bytes] = []

    def all_there() -> bool:
        pair.inlets.read(parent.append_sent, parent.has_room)
        with parent.memory() as memory:
            seen.extend(body for _, body in memory.take(Signal.TRACES, 1_000, 1 << 30))
        return len(seen) == len(bodies)

    wait_until(all_there, "all records, no further one being written")
    assert sorted(seen) == bodies
    assert writer.settle()


def test_what_did_not_fit_anywhere_is_told(pair: Pair) -> None:
    writer, parent = Writer(None, None, max_memory_bytes=50_000), Writer(None, None)
    writer.reset(uplink=pair.uplink)
    kept = [writer.append(Signal.LOGS, SOURCE, bytes(10_000)) for _ in range(200)]
    lost = kept.count(False)
    assert lost > 0
    assert pack_loss([0, lost, 0]) == pack_loss(writer.lost)

    def told() -> bool:
        pair.inlets.read(parent.append_sent, parent.has_room)
        writer.settle()
        return parent.lost == [0, lost, 0]

    wait_until(told, "the count")
    with parent.memory() as memory:
        assert len(memory) == kept.count(True)


def test_a_loss_goes_by_its_own_kind(pair: Pair) -> None:
    parent = Writer(None, None)
    assert pair.uplink.send(KIND_LOSS, b"", pack_loss([1, 2, 3]))
    pair.inlets.read(parent.append_sent, parent.has_room)
    assert parent.lost == [1, 2, 3]
