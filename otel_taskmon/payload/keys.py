"""The text of a dict's key: JSON knows only texts."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from otel_taskmon.payload.texts import plain
from otel_taskmon.payload.values import as_text, enum_value, integer, short

LONGEST_KEY_PART: Final = 2_048
"""More than is ever shown of a key."""


def key_text(key: Any, *, inside: bool = False) -> tuple[str, bool]:
    """``(text, is it all of the key)``: ``1`` and ``null`` as ``json.dumps`` has them, ``(1, 2)`` for a tuple."""
    if issubclass(type(key), Enum):
        key = enum_value(key)
    kind = type(key)
    if kind is str:
        return key, True
    if key is None or kind is bool:
        return ("null" if key is None else "true" if key else "false"), True
    if issubclass(kind, str):
        return plain(key), True
    if issubclass(kind, int):
        digits = integer(key)
        return digits or short(key), digits is not None
    if issubclass(kind, float):
        return float.__repr__(key), True
    if issubclass(kind, tuple) and not inside and tuple.__len__(key) <= 8:
        parts = [key_text(part, inside=True) for part in tuple.__iter__(key)]
        return f"({', '.join(text for text, _ in parts)})", all(whole for _, whole in parts)
    text = as_text(key, LONGEST_KEY_PART)
    return (short(key), False) if text is None else (text[0], True)
