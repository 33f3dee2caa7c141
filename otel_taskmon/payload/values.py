"""Short, readable texts for Python values that JSON has no word for.

No code of the user's runs here: no ``__repr__``, ``__str__``, ``__iter__``, ``__len__`` or ``__class__`` of a class
that is not of the standard library, and no ``__dict__`` is read. (The one exception, ``tzinfo.utcoffset``, is guarded.)
"""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from otel_taskmon._safely import SoftTimeLimitExceeded

_MODULE: Final = type.__dict__["__module__"].__get__
_QUALNAME: Final = type.__dict__["__qualname__"].__get__
_ARGS: Final = BaseException.__dict__["args"].__get__
LONGEST_NAME: Final = 200
Text = tuple[str, int]
"""A text, and how much of the value is not in it (bytes or characters)."""
LONGEST_INTEGER_BITS: Final = 4_096
"""Longer integers are described: their decimal text takes time in the square of their length."""


def type_name(kind: type) -> str:
    """``module.Class``, without ``builtins``; not by way of a metaclass, which may be anybody's."""
    name, module = _QUALNAME(kind), _MODULE(kind)
    text = name if type(name) is str else "?"
    if type(module) is str and module != "builtins":
        text = f"{module}.{text}"
    return text[:LONGEST_NAME]


def described(value: object) -> str:
    """``<module.Class object>``."""
    return f"<{type_name(type(value))} object>"


def integer(value: int) -> str | None:
    """Decimal digits, also of a subclass; None when there are too many."""
    return int.__repr__(value) if int.bit_length(value) <= LONGEST_INTEGER_BITS else None


def _datetime(value: datetime) -> str:
    if _QUALNAME(type(value)) == "NaTType":
        return (
            "NaT"  # of pandas: a datetime that is none, and would show as the first of January of the year 1
        )
    try:
        return datetime.isoformat(value)
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001 - a time zone of the user's raised what it liked
        return datetime.isoformat(datetime.replace(value, tzinfo=None))


def _time(value: time) -> str:
    try:
        return time.isoformat(value)
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001
        return time.isoformat(time.replace(value, tzinfo=None))


def _bytes(value: bytes, limit: int) -> Text:
    # sliced before repr, which makes up to four characters of each byte
    return repr(bytes.__getitem__(value, slice(0, limit))), max(0, bytes.__len__(value) - limit)


def _bytearray(value: bytearray, limit: int) -> Text:
    start = bytes(bytearray.__getitem__(value, slice(0, limit)))
    return repr(start), max(0, bytearray.__len__(value) - limit)


def _range(value: range) -> str:
    parts = [integer(part) or "…" for part in (value.start, value.stop, value.step)]
    return f"range({', '.join(parts if value.step != 1 else parts[:2])})"


def _exception(value: BaseException, limit: int) -> Text:
    shown: list[str] = []
    left_out = 0
    for argument in _ARGS(value)[:8]:
        kind = type(argument)
        if kind is str:
            shown.append(repr(argument[:limit]))
            left_out += max(0, len(argument) - limit)
        elif argument is None or kind in (bool, float):
            shown.append(repr(argument))
        elif kind is int:
            shown.append(integer(argument) or "…")
        else:
            shown.append(described(argument))
    return f"{type_name(type(value))}({', '.join(shown)})", left_out


_EXACT: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (datetime, _datetime),  # before date, which it is a subclass of
    (date, date.isoformat),
    (time, _time),
    (timedelta, timedelta.__str__),
    (Decimal, Decimal.__str__),
)
"""Subclasses too: these methods look at nothing that a subclass can change."""
_LONG: Final[tuple[tuple[type, Callable[[Any, int], Text]], ...]] = (
    (bytes, _bytes),
    (bytearray, _bytearray),
    (BaseException, _exception),
)
_BY_TYPE: Final[dict[type, Callable[[Any], str]]] = {
    UUID: UUID.__str__,
    complex: complex.__repr__,
    range: _range,
    Fraction: Fraction.__str__,
    type(...): lambda _: "...",
}


def as_text(value: object, limit: int) -> Text | None:
    """The value as text that says all of it; None when there is no such text without running the user's code.

    Of a long value only the first ``limit`` bytes or characters are read, so the text has at least as many.
    """
    kind = type(value)
    exact = _BY_TYPE.get(kind)
    if exact is not None:
        return exact(value), 0
    for known, text in _EXACT:
        if issubclass(kind, known):
            return text(value), 0
    for known, long_text in _LONG:
        if issubclass(kind, known):
            return long_text(value, limit)
    if issubclass(kind, PurePath) and _MODULE(kind) in ("pathlib", "pathlib._local"):
        return str(value), 0
    return None


def enum_value(value: Enum) -> object:
    """What a member is in JSON: of ``IntEnum`` and ``StrEnum`` the value, of others ``Class.NAME``."""
    kind = type(value)
    for simple in (int, str, float):
        if issubclass(kind, simple):
            return simple.__getnewargs__(value)[0]
    try:
        name = object.__getattribute__(value, "_name_")
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001 - an enum class of the user's own making
        name = None
    return f"{type_name(kind)}.{name}" if type(name) is str else described(value)


def short(value: Any) -> str:
    """A description for what has no text of its own."""
    if issubclass(type(value), type):
        return f"<class {type_name(value)!r}>"
    kind = type(value)
    if kind in (types.FunctionType, types.BuiltinFunctionType):
        name = object.__getattribute__(value, "__qualname__")
        return f"<function {name[:LONGEST_NAME]}>" if type(name) is str else "<function>"
    return described(value)
