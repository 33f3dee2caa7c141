"""Attributes that are said more than once mean in bytes what they mean one by one; what holds none is not read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as PbLogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as PbSpan
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from otel_taskmon.outbox.batch import collect
from otel_taskmon.outbox.data_file import DataFile
from otel_taskmon.outbox.encode import encode_event, encode_span
from otel_taskmon.outbox.known import Known
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.record import KIND_SIGNAL, pack

BASE = Known({"a": "x", "n": 7, "yes": True})
KNOWN = Known({"b": "ü" * 300, "f": 0.5}, BASE)


def span(attributes: dict[str, Any]) -> ReadableSpan:
    return ReadableSpan("run/x", SpanContext(1, 2, is_remote=False), attributes=attributes)


def parsed(found: Any) -> dict[str, Any]:
    return {item.key: item.value for item in found.attributes}


def test_all_of_them_are_there_with_their_base() -> None:
    assert KNOWN.attributes == {"a": "x", "n": 7, "yes": True, "b": "ü" * 300, "f": 0.5}


@pytest.mark.parametrize(
    "own",
    [
        {"id": "1", "t": 1_795_391_318_054_216_778},
        {},
        {"a": "changed"},
        {"n": 8, "id": "2"},
    ],
)
def test_a_span_says_the_same_with_and_without(own: dict[str, Any]) -> None:
    said = span({**KNOWN.attributes, **own})
    ours, plain = PbSpan.FromString(encode_span(said, KNOWN)), PbSpan.FromString(encode_span(said))
    assert parsed(ours) == parsed(plain)
    assert len(ours.attributes) == len(plain.attributes) == len(said.attributes or {})


def test_a_span_that_ends_meanwhile_does_not_get_them() -> None:
    assert parsed(PbSpan.FromString(encode_span(span({"a": "x"}), KNOWN))).keys() == {"a"}


def test_an_event_has_them_beside_its_own() -> None:
    event = PbLogRecord.FromString(encode_event("e", {"id": "1"}, 5, None, KNOWN))
    plain = PbLogRecord.FromString(encode_event("e", {**KNOWN.attributes, "id": "1"}, 5, None))
    assert parsed(event) == parsed(plain)
    assert len(event.attributes) == 6


def test_a_file_without_a_signal_is_read_once_for_those_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1-a-000001.v1"
    records = [pack(KIND_SIGNAL + Signal.LOGS, 0, os.urandom(2_000), 1) for _ in range(200)]
    path.write_bytes(b"".join(records))
    file, read = DataFile.at(path), DataFile._read
    reads: list[int] = []

    def counted(of: DataFile, start: int, length: int) -> bytes:
        reads.append(start)
        return read(of, start, length)

    monkeypatch.setattr(DataFile, "_read", counted)
    sent = {}
    for signal in (Signal.LOGS, Signal.TRACES, Signal.METRICS):
        batch = collect(signal, [file])
        sent[signal] = len(batch.items)
        batch.done()
        batch.finished()
    assert sent == {Signal.LOGS: 200, Signal.TRACES: 0, Signal.METRICS: 0}
    assert reads == [0]
    assert file.is_shipped()
    with path.open("ab") as more:  # and then one of another signal
        more.write(pack(KIND_SIGNAL + Signal.TRACES, 0, b"span", 1))
    assert [item.body for item in collect(Signal.TRACES, [file]).items] == [b"span"]
