from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_taskmon.store.native_columns import MapColumn, NameColumn, block, offsets
from otel_taskmon.store.otlp_traces import trace_blocks
from tests.support.native_reader import read_native

MAP = "Map(LowCardinality(String), String)"
NOW = 20_000 * 86_400 * 10**9 + 5


def attributes(**values: str | int) -> list[KeyValue]:
    return [
        KeyValue(
            key=key,
            value=AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value),
        )
        for key, value in values.items()
    ]


def maps(rows: Sequence[Sequence[KeyValue]]) -> list[Any]:
    column = MapColumn()
    for row in rows:
        column.add(row)
    return [row["m"] for row in read_native(block(len(rows), [("m", MAP, column.data())]))]


def test_maps_are_sorted_by_key_and_empty_ones_stay() -> None:
    rows = maps([attributes(b="2", a="1"), [], attributes(a="", n=0), attributes(b="3", a="4")])
    assert [list(row.items()) for row in rows] == [
        [("a", "1"), ("b", "2")],
        [],
        [("a", ""), ("n", "0")],
        [("a", "4"), ("b", "3")],
    ]


def test_only_empty_maps() -> None:
    assert maps([[], []]) == [{}, {}]


def test_more_keys_than_two_bytes_count() -> None:
    wide = [attributes(**{f"k{row}_{n}": n for n in range(10_000)}) for row in range(7)]
    assert maps(wide) == [{f"k{row}_{n}": str(n) for n in range(10_000)} for row in range(7)]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 3_000_000])
def test_values_of_every_length(size: int) -> None:
    assert maps([attributes(k="x" * size), attributes(k="ü" * (size // 2) + "y")]) == [
        {"k": "x" * size},
        {"k": "ü" * (size // 2) + "y"},
    ]


def test_names_and_arrays_of_names() -> None:
    names, nested = NameColumn(), NameColumn()
    for name in ("run", "", "run"):
        names.add(name)
    nested.add("exception")
    columns = [
        ("n", "LowCardinality(String)", names.data()),
        ("a", "Array(LowCardinality(String))", offsets([0, 1, 0]) + nested.data()),
    ]
    assert read_native(block(3, columns)) == [
        {"n": "run", "a": []},
        {"n": "", "a": ["exception"]},
        {"n": "run", "a": []},
    ]


def spans(*ids: tuple[bytes, bytes, bytes], service: str = "shop") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.extend(attributes(**{"service.name": service}))
    for trace_id, span_id, parent_span_id in ids:
        of_resource.scope_spans.add().spans.add(
            trace_id=trace_id, span_id=span_id, parent_span_id=parent_span_id, start_time_unix_nano=NOW
        )
    return request


def test_ids_with_and_without_absent_ones_among_them() -> None:
    whole = (b"\x01" * 16, b"\x02" * 8, b"\x03" * 8)
    request = spans(whole, (bytes(16), bytes(8), b""), (b"", b"", bytes(8)), whole)
    (stored,) = trace_blocks(request, "0" * 32, NOW)
    rows = [(row["TraceId"], row["SpanId"], row["ParentSpanId"]) for row in read_native(stored.data)]
    hexadecimal = ("01" * 16, "02" * 8, "03" * 8)
    assert rows == [hexadecimal, ("", "", ""), ("", "", ""), hexadecimal]


def test_each_resource_keeps_its_own_attributes() -> None:
    request = spans((b"\x01" * 16, b"\x02" * 8, b""), (b"\x01" * 16, b"\x03" * 8, b""))
    request.MergeFrom(spans((b"\x04" * 16, b"\x05" * 8, b""), service="mail"))
    (stored,) = trace_blocks(request, "0" * 32, NOW)
    rows = read_native(stored.data)
    assert [row["ServiceName"] for row in rows] == ["shop", "shop", "mail"]
    assert [row["ResourceAttributes"]["service.name"] for row in rows] == ["shop", "shop", "mail"]


def test_blocks_one_after_another_are_all_their_rows() -> None:
    joined = b"".join(
        trace_blocks(spans((bytes([n]) * 16, b"\x02" * 8, b""), service=f"s{n}"), f"{n:032x}", NOW)[0].data
        for n in range(1, 4)
    )
    rows = read_native(joined)
    assert [row["ServiceName"] for row in rows] == ["s1", "s2", "s3"]
    assert [row["RequestId"] for row in rows] == [f"{n:032x}:20000" for n in range(1, 4)]
