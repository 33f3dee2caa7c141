"""A small protobuf writer for the messages of OTLP's ``common.proto``: what a span or an event is mostly made of.

The SDK's encoder builds a Python object per attribute; at two or three dozen attributes a task that is most of the
cost of a span. Bytes here equal its bytes after parsing, with two exceptions where it would leave the attribute out:
text with lone surrogates is escaped, an integer beyond 64 bits becomes text.
Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.util.types import AnyValue

_KEYS_AT_MOST: Final = 2_048
_double = struct.Struct("<d").pack


def _slow_varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_NINE_FROM, _NINE_UNTIL = 1 << 56, 1 << 63
"""Times in ns since the epoch are in here, of 1972 and later."""


def nine_bytes(number: int) -> bytes:
    """``_slow_varint`` of a number that takes nine bytes, as every time does."""
    return bytes(
        (
            number & 0x7F | 0x80,
            number >> 7 & 0x7F | 0x80,
            number >> 14 & 0x7F | 0x80,
            number >> 21 & 0x7F | 0x80,
            number >> 28 & 0x7F | 0x80,
            number >> 35 & 0x7F | 0x80,
            number >> 42 & 0x7F | 0x80,
            number >> 49 & 0x7F | 0x80,
            number >> 56,
        )
    )


VARINTS: Final = tuple(_slow_varint(n) for n in range(2_048))
"""Of the numbers that are asked for most, at their places."""


def varint(number: int) -> bytes:
    """``number`` (not negative) as a base-128 varint."""
    return VARINTS[number] if number < 2_048 else _slow_varint(number)


def utf8(text: str) -> bytes:
    """Always valid UTF-8: one bad character would make a server refuse the whole request."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def _text_head(size: int) -> bytes:
    """What stands before text of ``size`` bytes in a KeyValue: the value's field, and within it ``string_value``."""
    inner = b"\x0a" + varint(size)
    return b"\x12" + varint(len(inner) + size) + inner


_TEXT_HEADS: Final = tuple(_text_head(n) for n in range(1_024))
_TRUE, _FALSE = b"\x10\x01", b"\x10\x00"
_NINE_HEAD: Final = b"\x12\x0a\x18"
_NOTHING: Final[Mapping[str, AnyValue]] = {}

# Keys come back with every task; users may still make them up, hence the bound.
_keys: dict[str, bytes] = {}


def _key(name: str) -> bytes:
    if len(_keys) >= _KEYS_AT_MOST:
        _keys.clear()
    raw = utf8(name)
    _keys[name] = encoded = b"\x0a" + varint(len(raw)) + raw
    return encoded


def any_value(value: AnyValue) -> bytes:
    """The body of an ``AnyValue``.

    Raises TypeError for what OpenTelemetry does not allow in an attribute.
    """
    if value is None:
        return b""
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, str):
        raw = utf8(value)
        return b"\x0a" + varint(len(raw)) + raw
    if isinstance(value, int):
        if 0 <= value < 2_048:
            return b"\x18" + VARINTS[value]
        if -(1 << 63) <= value < 1 << 63:
            return b"\x18" + _slow_varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        return any_value(str(value))
    if isinstance(value, float):
        return b"\x21" + _double(value)
    if isinstance(value, bytes):
        return b"\x3a" + varint(len(value)) + value
    if isinstance(value, Sequence):
        items = b"".join(delimited(b"\x0a", any_value(item)) for item in value)
        return delimited(b"\x2a", items)
    if isinstance(value, Mapping):
        parts: list[bytes] = []
        attributes(parts, b"\x0a", {str(key): item for key, item in value.items()})
        return delimited(b"\x32", b"".join(parts))
    raise TypeError(f"no attribute value: {type(value).__name__}")


def delimited(tag: bytes, body: bytes) -> bytes:
    """A field of bytes: tag, length, body."""
    return tag + varint(len(body)) + body


def attributes(
    out: list[bytes], tag: bytes, items: Mapping[str, AnyValue], but: Mapping[str, AnyValue] = _NOTHING
) -> None:
    """Append each item as a ``KeyValue`` in the field ``tag``, leaving out those whose names are in ``but``.

    Raises TypeError for a value of an unknown type.
    """
    keys, heads, varints = _keys, _TEXT_HEADS, VARINTS
    for name, value in items.items():
        if name in but:
            continue
        key = keys.get(name) or _key(name)
        if type(value) is str:
            raw = value.encode() if value.isascii() else utf8(value)
            size = len(raw)
            head = heads[size] if size < 1_024 else _text_head(size)
            size += len(key) + len(head)
            out += (tag, varints[size] if size < 2_048 else _slow_varint(size), key, head, raw)
        elif type(value) is int and _NINE_FROM <= value < _NINE_UNTIL:
            out += (tag, varint(len(key) + 12), key, _NINE_HEAD, nine_bytes(value))
        else:
            if type(value) is int and 0 <= value < _NINE_FROM:
                raw = b"\x18" + (varints[value] if value < 2_048 else _slow_varint(value))
            else:
                raw = any_value(value)
            head = b"\x12" + varint(len(raw))
            out += (tag, varint(len(key) + len(head) + len(raw)), key, head, raw)
