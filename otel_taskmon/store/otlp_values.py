"""OTLP attribute values as the text that the clickhouseexporter stores in its ``Map(String, String)`` columns.

The rules are those of the Collector's ``pcommon.Value.AsString`` (v1.67): integers decimal, booleans ``true`` and
``false``, doubles as JavaScript prints them, bytes in base64, arrays and maps as compact JSON with sorted keys; and the
pairs of a column sorted by key, as the exporter's client sorts them. One deliberate difference: the Collector turns a
whole array or map into an empty text when it holds a NaN or an infinity; here that number becomes a JSON string and
the rest stays.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_taskmon.store import rowbinary
from otel_taskmon.store.otlp_errors import BadOtlp

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
_NO_TRACE: Final = bytes(TRACE_ID_BYTES)
_NO_SPAN: Final = bytes(SPAN_ID_BYTES)
# Go's encoder escapes these two even where it leaves HTML alone; they end a line in JavaScript.
_GO_ESCAPES: Final = str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029"})
_key: Final = attrgetter("key")


def double_text(value: float) -> str:
    """``1.0`` → ``1``, ``1e21`` → ``1e+21``, ``1e-7`` → ``1e-7``; NaN and infinities as the Collector words them."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return _finite_text(value)


def _finite_text(value: float) -> str:
    # repr gives the shortest digits that read back as the same double, as Go's -1 precision does.
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    size = abs(value)
    if size != 0 and (size < 1e-6 or size >= 1e21):
        power = int(exponent) if exponent else 0
        return f"{mantissa.removesuffix('.0')}e{power:+d}"
    if exponent:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def text_of(value: AnyValue) -> str:
    """Any OTLP value as text; an absent one is ``''``."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "int_value":
        return str(value.int_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "double_value":
        return double_text(value.double_value)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    if kind in ("array_value", "kvlist_value"):
        return _json(value)
    return ""


def _json(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return f"[{','.join([_json(item) for item in value.array_value.values])}]"
    if kind == "kvlist_value":
        # Go keeps the last of equal keys and sorts keys by their bytes.
        pairs = {pair.key: pair.value for pair in value.kvlist_value.values}
        parts = [f"{_json_text(key)}:{_json(pairs[key])}" for key in sorted(pairs, key=str.encode)]
        return f"{{{','.join(parts)}}}"
    if kind is None:
        return "null"
    if kind in ("int_value", "bool_value") or (kind == "double_value" and math.isfinite(value.double_value)):
        return text_of(value)
    if kind == "double_value":
        return f'"{double_text(value.double_value)}"'
    if kind == "bytes_value" and not value.bytes_value:
        return "null"  # Go has no bytes here, which is not an empty text to its encoder
    return _json_text(text_of(value))


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_GO_ESCAPES)


def attribute_map(attributes: Sequence[KeyValue]) -> bytes:
    """Attributes as a RowBinary map, sorted by key."""
    return rowbinary.length(len(attributes)) + attribute_pairs(attributes)


def attribute_pairs(attributes: Iterable[KeyValue]) -> bytes:
    """The pairs of a RowBinary map without its length, sorted by key."""
    key_of, string = rowbinary.repeated_string, rowbinary.string
    parts: list[bytes] = []
    for pair in sorted(attributes, key=_key):
        value = pair.value
        parts.append(key_of(pair.key))
        # Asking for the text first spares the common case the look at which kind it is.
        parts.append(string(value.string_value or text_of(value)))
    return b"".join(parts)


def service_name(attributes: Sequence[KeyValue]) -> bytes:
    """``service.name`` of a resource as a RowBinary string; empty where there is none."""
    return rowbinary.string(service_text(attributes))


def service_text(attributes: Iterable[KeyValue]) -> str:
    """``service.name`` of a resource; ``''`` where there is none."""
    return next((text_of(pair.value) for pair in attributes if pair.key == "service.name"), "")


def trace_id(value: bytes) -> bytes:
    """A trace id as a RowBinary string of 32 hex digits; none or all zeros is ``''``.

    Raises BadOtlp when it has neither 0 nor 16 bytes (opentelemetry-proto: such ids are invalid).
    """
    return _identifier(value, TRACE_ID_BYTES, _NO_TRACE, "trace id")


def span_id(value: bytes) -> bytes:
    """A span id as a RowBinary string of 16 hex digits; as ``trace_id`` with 8 bytes."""
    return _identifier(value, SPAN_ID_BYTES, _NO_SPAN, "span id")


def trace_ids(values: Sequence[bytes]) -> bytes:
    """``trace_id`` of each, one after the other: the String column of a Native block."""
    return _identifiers(values, TRACE_ID_BYTES, trace_id)


def span_ids(values: Sequence[bytes]) -> bytes:
    """``span_id`` of each, one after the other: the String column of a Native block."""
    return _identifiers(values, SPAN_ID_BYTES, span_id)


def _identifiers(values: Sequence[bytes], size: int, one: Callable[[bytes], bytes]) -> bytes:
    if set(map(len, values)) == {size} and bytes(size) not in values:
        # All of them at once: the length in front of each is a separator that happens to be one byte.
        separator = chr(2 * size)
        return f"{separator}{b''.join(values).hex(separator, size)}".encode("ascii")
    return b"".join(map(one, values))


def _identifier(value: bytes, size: int, absent: bytes, what: str) -> bytes:
    if len(value) == size and value != absent:
        return rowbinary.length(2 * size) + value.hex().encode("ascii")
    if value and value != absent:
        raise BadOtlp(f"a {what} has {len(value)} bytes: it must have {size}, or none")
    return rowbinary.EMPTY
