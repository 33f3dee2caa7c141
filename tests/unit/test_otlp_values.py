from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from otel_taskmon.store.otlp_errors import BadOtlp
from otel_taskmon.store.otlp_values import double_text, span_id, text_of, trace_id


def array(*values: AnyValue) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


def kvlist(**values: AnyValue) -> AnyValue:
    return AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=k, value=v) for k, v in values.items()]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (AnyValue(), ""),
        (AnyValue(string_value="naïve <b>"), "naïve <b>"),
        (AnyValue(int_value=-9223372036854775808), "-9223372036854775808"),
        (AnyValue(bool_value=True), "true"),
        (AnyValue(bool_value=False), "false"),
        (AnyValue(double_value=0.1), "0.1"),
        (AnyValue(bytes_value=b"\x00\xff"), "AP8="),
        (array(), "[]"),
        (kvlist(), "{}"),
        (
            array(
                AnyValue(string_value='a"\n<'), AnyValue(int_value=1), AnyValue(double_value=2.0), AnyValue()
            ),
            '["a\\"\\n<",1,2,null]',
        ),
        (
            kvlist(b=AnyValue(bool_value=True), a=array(AnyValue(bytes_value=b"x"), kvlist(c=AnyValue()))),
            '{"a":["eA==",{"c":null}],"b":true}',
        ),
        (array(AnyValue(double_value=math.nan), AnyValue(int_value=7)), '["NaN",7]'),
        (array(AnyValue(string_value="ü\u2028")), '["ü\\u2028"]'),
    ],
)
def test_text_of_every_kind(value: AnyValue, text: str) -> None:
    assert text_of(value) == text


# What Go's strconv prints for them with the exponent bounds of its JSON encoder.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (123456789.125, "123456789.125"),
        (1e15, "1000000000000000"),
        (1e20, "100000000000000000000"),
        (1.2345678901234567e20, "123456789012345670000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1.25e-5, "0.0000125"),
        (1e-7, "1e-7"),
        (2.5e-10, "2.5e-10"),
        (5e-324, "5e-324"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_doubles_as_the_exporter_prints_them(value: float, text: str) -> None:
    assert double_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_reads_back_as_itself(value: float) -> None:
    text = double_text(value)
    assert float(text) == value
    assert "e" not in text or not 1e-6 <= abs(value) < 1e21


def test_ids() -> None:
    assert trace_id(bytes(range(16))) == b"\x20" + bytes(range(16)).hex().encode()
    assert span_id(b"\x01" * 8) == b"\x10" + b"01" * 8
    for absent in (b"", bytes(16)):
        assert trace_id(absent) == b"\x00"
    for absent in (b"", bytes(8)):
        assert span_id(absent) == b"\x00"


@pytest.mark.parametrize("size", [1, 8, 15, 17, 32])
def test_a_trace_id_of_the_wrong_length_is_refused(size: int) -> None:
    with pytest.raises(BadOtlp, match=f"a trace id has {size} bytes: it must have 16"):
        trace_id(b"\x01" * size)
