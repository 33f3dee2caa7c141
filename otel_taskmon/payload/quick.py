"""The common payload in one go: small, of JSON's own types, and without anything that could be a secret.

:class:`~otel_taskmon.payload.writer.JsonWriter` counts and masks piece by piece. Where a look at the types and one
search through the whole text show that it would change nothing, the same text is made here in a tenth of the time.
Whatever is in doubt goes to the writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring as _quoted
from typing import Any, Final

from otel_taskmon.payload.redaction import Redactor
from otel_taskmon.payload.writer import LONGEST_KEY
from otel_taskmon.settings import Settings

MOST_BYTES: Final = 2_048
"""Longer texts are the writer's: it searches string by string, and only as far as it keeps them."""
MOST_CHARACTERS: Final = 1_024
"""Of one string."""
MOST_ITEMS: Final = 64
"""In all containers together."""
MOST_DEPTH: Final = 4
SET_ASIDE: Final = 512
"""The writer wants this much more room than the text takes, for closing what it has opened."""
_INTEGERS: Final = range(-(2**63), 2**63)
_WORDS: Final = {None: "null", True: "true", False: "false"}


class QuickJson:
    """Whole JSON texts of plain values, under given settings."""

    def __init__(self, settings: Settings, redactor: Redactor) -> None:
        self._redactor = redactor
        self._depth = 1 if settings.truncate_nested_data else min(MOST_DEPTH, settings.payload_max_depth)
        self._items = min(MOST_ITEMS, settings.payload_max_items)
        self._characters = min(MOST_CHARACTERS, settings.payload_max_string)
        self._bytes = min(MOST_BYTES, settings.payload_max_bytes - SET_ASIDE)
        self._secret_names: dict[tuple[str, ...], bool] = {}

    def text_of(self, value: Any, names: Sequence[str] = ()) -> str | None:
        """The text that the writer would make; None where only the writer can tell.

        ``names`` are those of the parameters that the items go to.
        """
        kind = type(value)
        if kind is bool or value is None:
            return _WORDS[value]
        if kind is int:
            value = [value]
            text = self._whole(value, list)
            return text and text[1:-1]
        if kind is not list and kind is not tuple and kind is not dict:
            return None
        if not value:
            return "{}" if kind is dict else "[]"
        if names and self._any_secret(names):
            return None
        return self._whole(value, kind)

    def texts_of(self, args: Any, kwargs: Any, names: Sequence[str]) -> tuple[str, str] | None:
        """As ``text_of`` for each, with one search for secrets; None where that is not enough to tell for both."""
        kind = type(args)
        if (kind is not list and kind is not tuple) or type(kwargs) is not dict:
            return None
        if args and names and self._any_secret(names):
            return None
        said = self._unmasked(args, kind) if args else "[]"
        named = self._unmasked(kwargs, dict) if kwargs and said is not None else "{}"
        # what seems to reach from one into the other is in doubt, and nothing in either is hidden by the break
        if said is None or named is None or self._redactor.may_mask(f"{said}\n{named}"):
            return None
        return said, named

    def _whole(self, value: Any, kind: type) -> str | None:
        text = self._unmasked(value, kind)
        return None if text is None or self._redactor.may_mask(text) else text

    def _unmasked(self, value: Any, kind: type) -> str | None:
        """Not searched yet; behind a backslash a secret may begin where no search would look for one."""
        pieces: list[str] = []
        try:
            if self._put(value, kind, 1, 0, pieces) < 0:
                return None
            text = "".join(pieces)
            size = len(text) if text.isascii() else len(text.encode())
        except (TypeError, ValueError, RuntimeError):
            return None  # no valid Unicode, or another thread has put something into it meanwhile
        return None if size > self._bytes or "\\" in text else text

    def _put(self, container: Any, kind: type, depth: int, items: int, pieces: list[str]) -> int:
        """How many items there are, with ``items`` that were counted before; -1 where one is not plain."""
        items += len(container)
        if items > self._items:
            return -1
        named = kind is dict
        before = "{" if named else "["
        for key, item in container.items() if named else enumerate(container):
            if named:
                if type(key) is not str or len(key) > LONGEST_KEY:
                    return -1
                before = f"{before}{_quoted(key)}:"
            its = type(item)
            if its is str:
                if len(item) > self._characters:
                    return -1
                pieces.append(before + _quoted(item))
            elif its is int:
                if item not in _INTEGERS:
                    return -1
                pieces.append(f"{before}{item}")
            elif item is None or its is bool:
                pieces.append(before + _WORDS[item])
            elif its is float:
                if item - item != 0.0:  # JSON has no word for infinity, nor for what is no number
                    return -1
                pieces.append(f"{before}{item!r}")
            elif its is list or its is tuple or its is dict:
                if depth >= self._depth:
                    return -1
                pieces.append(before)
                items = self._put(item, its, depth + 1, items, pieces)
                if items < 0:
                    return -1
            else:
                return -1
            before = ","
        # in an empty one the opening bracket was never said
        end = "}" if named else "]"
        pieces.append(end if before == "," else before + end)
        return items

    def _any_secret(self, names: Sequence[str]) -> bool:
        parameters = tuple(names)
        found = self._secret_names.get(parameters)
        if found is None:
            found = any(self._redactor.is_secret_key(name) for name in parameters[: self._items])
            if len(self._secret_names) < 1_024:
                self._secret_names[parameters] = found
        return found
