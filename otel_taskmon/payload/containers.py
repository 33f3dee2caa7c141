"""The containers of the standard library, read by the storage that a subclass inherits, never by its own methods."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

_LENGTH: Final[dict[type, Callable[[Any], int]]] = {
    list: list.__len__,
    tuple: tuple.__len__,
    set: set.__len__,
    frozenset: frozenset.__len__,
    deque: deque.__len__,
    dict: dict.__len__,
}
_ITERATE: Final[dict[type, Callable[[Any], Iterator[Any]]]] = {
    list: list.__iter__,
    tuple: tuple.__iter__,
    set: set.__iter__,
    frozenset: frozenset.__iter__,
    deque: deque.__iter__,
}


def container_kind(value: object) -> type | None:
    """The class of ``_LENGTH`` that the value is an instance of; None for what is no container.

    By ``type()`` and ``issubclass``: ``isinstance`` would ask the value's ``__class__``, which may be a property.
    """
    kind = type(value)
    if kind in _LENGTH:
        return kind
    for known in _LENGTH:
        if issubclass(kind, known):
            return known
    return None


def length(value: Any, kind: type) -> int:
    """Number of items."""
    return _LENGTH[kind](value)


def first_items(value: Any, kind: type, limit: int) -> list[Any]:
    """The first items; sets of texts or of numbers in order, so that equal sets give equal texts.

    One call in C makes the list, so another thread that changes the container cannot come between.
    """
    items = list(islice(_ITERATE[kind](value), limit))
    if (kind is set or kind is frozenset) and {type(item) for item in items} in ({str}, {int}):
        items.sort()
    return items


def first_pairs(value: Any, limit: int) -> list[tuple[Any, Any]]:
    """The first keys and values of a dict."""
    return list(islice(dict.items(value), limit))


def field_names(value: tuple[Any, ...]) -> tuple[str, ...]:
    """What the items of a named tuple are called; () of any other."""
    for kind in type.__dict__["__mro__"].__get__(type(value)):
        names = type.__dict__["__dict__"].__get__(kind).get("_fields")
        if names is not None:
            return names if type(names) is tuple and all(type(name) is str for name in names) else ()
    return ()
