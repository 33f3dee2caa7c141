from __future__ import annotations

import gzip
import json
import zlib

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_taskmon.store.otlp_body import parse_json, parse_protobuf
from otel_taskmon.store.otlp_compression import decompress
from otel_taskmon.store.otlp_errors import BadOtlp, TooLarge, UnsupportedType
from otel_taskmon.store.rowbinary import length

Request = ExportTraceServiceRequest


def request(name: str = "run/add") -> Request:
    message = Request()
    span = message.resource_spans.add().scope_spans.add().spans.add(name=name, trace_id=b"\x01" * 16)
    span.attributes.add(key="key").value.string_value = "value"
    return message


@pytest.mark.parametrize("body", [b"nonsense", b"\xff\xff\xff", request().SerializeToString()[:-1]])
def test_what_is_no_protobuf_is_refused(body: bytes) -> None:
    with pytest.raises(BadOtlp, match="not an ExportTraceServiceRequest in protobuf"):
        parse_protobuf(Request, body)


def test_an_empty_body_is_an_empty_request() -> None:
    assert parse_protobuf(Request, b"") == Request()


def test_text_that_is_not_utf8_is_mended_and_nothing_else() -> None:
    body = request().SerializeToString().replace(b"run/add", b"run\xffadd").replace(b"value", b"v\xc3lue")
    span = parse_protobuf(Request, body).resource_spans[0].scope_spans[0].spans[0]
    assert span.name == "run\ufffdadd"
    assert span.attributes[0].value.string_value == "v\ufffdlue"
    assert span.trace_id == b"\x01" * 16


def test_a_repeated_text_that_is_not_utf8_is_mended() -> None:
    message = request()
    message.resource_spans[0].resource.entity_refs.add(id_keys=["a", "wrong"])
    body = message.SerializeToString().replace(b"wrong", b"wr\xffng")
    assert parse_protobuf(Request, body).resource_spans[0].resource.entity_refs[0].id_keys == [
        "a",
        "wr\ufffdng",
    ]


def field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field; protobuf itself cannot write what it would not read."""
    return bytes((number << 3 | 2,)) + length(len(content)) + content


def test_values_nested_too_deeply_are_refused() -> None:
    value = field(1, b"x")
    for _ in range(200):
        value = field(5, field(1, value))  # AnyValue.array_value.values
    attribute = field(9, field(2, value))
    body = field(1, field(2, field(2, attribute)))
    with pytest.raises(BadOtlp, match="in protobuf"):
        parse_protobuf(Request, body)


def otlp_json(trace_id: str = "01" * 16, **span: object) -> bytes:
    spans = [{"traceId": trace_id, "spanId": "02" * 8, "name": "n", "kind": 5, **span}]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def test_json_with_hex_ids_numbers_as_text_and_unknown_fields() -> None:
    attributes = [
        {"key": "traceId", "value": {"intValue": "7"}},
        {"key": "b", "value": {"bytesValue": "AP8="}},
    ]
    body = otlp_json(startTimeUnixNano="1700000000000000000", attributes=attributes, fromTheFuture={"a": 1})
    span = parse_json(Request, body).resource_spans[0].scope_spans[0].spans[0]
    assert (span.trace_id, span.span_id, span.kind) == (b"\x01" * 16, b"\x02" * 8, 5)
    assert span.start_time_unix_nano == 1_700_000_000_000_000_000
    assert span.attributes[0].value.int_value == 7
    assert span.attributes[1].value.bytes_value == b"\x00\xff"


def test_json_with_snake_case_names_is_the_same() -> None:
    message = json_format.MessageToDict(request(), preserving_proto_field_name=True)
    message["resource_spans"][0]["scope_spans"][0]["spans"][0]["trace_id"] = "01" * 16
    assert parse_json(Request, json.dumps(message).encode()) == request()


def test_json_text_that_is_not_utf8_or_half_a_surrogate_is_mended() -> None:
    body = otlp_json().replace(b'"n"', b'"\xff\\ud800"')
    assert parse_json(Request, body).resource_spans[0].scope_spans[0].spans[0].name == "\ufffd" * 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [5]}',
        b'{"resourceSpans": [null]}',
        b'{"resourceSpans": "text"}',
        b"[" * 100_000,
        otlp_json(trace_id="not hex"),
        otlp_json(trace_id="0" * 31),
        otlp_json(startTimeUnixNano="1e400"),
        otlp_json(startTimeUnixNano=-1),
        otlp_json(attributes=[{"key": "k", "value": {"intValue": 2**64}}]),
        otlp_json(attributes=[{"key": "k", "value": {"intValue": "1" * 5000}}]),
        otlp_json(name=["x"]),
    ],
)
def test_what_is_no_otlp_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadOtlp) as refused:
        parse_json(Request, body)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("encoding", ["gzip", "GZIP ", "x-gzip"])
def test_gzip_also_in_several_pieces(encoding: str) -> None:
    body = gzip.compress(b"one", mtime=0) + gzip.compress(b"two" * 700_000, mtime=0)
    assert decompress(body, encoding, 10_000_000) == b"one" + b"two" * 700_000


def test_deflate_and_nothing() -> None:
    assert decompress(zlib.compress(b"x"), "deflate", 10) == b"x"
    assert decompress(b"x", "identity", 10) == b"x"


@pytest.mark.parametrize(
    "body",
    [b"", b"plain", gzip.compress(b"x" * 99, mtime=0)[:-1], gzip.compress(b"x", mtime=0)[:5], b"\x1f\x8b"],
)
def test_what_is_no_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(BadOtlp):
        decompress(body, "gzip", 1000)


def test_a_gzip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(TooLarge, match="more than the limit of 1000000 bytes"):
        decompress(bomb, "gzip", 1_000_000)


def test_other_encodings_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedType, match="'br'"):
        decompress(b"", "br", 10)
