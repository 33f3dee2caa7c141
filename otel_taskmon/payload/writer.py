"""Writes one value as JSON text within bounds of bytes, items, depth and characters.

Bytes are counted while writing. Each open container has the bytes for its marker and its closing bracket set aside, so
that it can be closed whenever the room ends, and the text is valid at any cut.
"""

from __future__ import annotations

import json.encoder
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from otel_taskmon.payload.containers import container_kind, field_names, first_items, first_pairs, length
from otel_taskmon.payload.keys import key_text
from otel_taskmon.payload.notes import REDACTED, TRUNCATED, UNSERIALISABLE
from otel_taskmon.payload.redaction import MASK, Redactor
from otel_taskmon.payload.texts import LOOK_AHEAD, grouped, masked_and_cut, more_characters, plain
from otel_taskmon.payload.values import as_text, described, enum_value, integer, short
from otel_taskmon.settings import Settings

FOR_CLOSING: Final = 64
"""Bytes set aside per open container: ``,"…":"999 999 999 999 more items"}`` is shorter."""
ROOM_FOR_A_STRING: Final = 96
"""Where less room is left a string is left out, not cut."""
LONGEST_KEY: Final = 256
MOST_BESIDE_A_NAME: Final = 32
"""Items of a container that says of one value what it is called."""
_NAMES: Final = ("name", "key")
_MASK_JSON: Final = f'"{MASK}"'
_NO_NUMBERS: Final = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
_PAIR: Final = (list, tuple)
# what json.dumps(ensure_ascii=False) makes a string with; in C where there is C
_quoted: Final[Callable[[str], str]] = json.encoder.encode_basestring


def _key_of_pair(first: Any) -> str:
    """Of a key and its value, as in a list of headers; "" where it is none."""
    if type(first) is bytes:
        first = first[:LONGEST_KEY].decode("latin-1")
    return first if type(first) is str else ""


class JsonWriter:
    """Writes one value; use it once. ``flags`` holds the note bits afterwards."""

    def __init__(self, settings: Settings, redactor: Redactor) -> None:
        self.flags = 0
        self._redactor = redactor
        self._outer_only = settings.truncate_nested_data
        self._room = settings.payload_max_bytes
        self._max_items = settings.payload_max_items
        self._max_depth = settings.payload_max_depth
        self._max_string = settings.payload_max_string
        self._out: list[str] = []
        self._open: set[int] = set()

    def text_of(self, value: object, *, is_result: bool = False, names: Sequence[str] = ()) -> str:
        """The JSON text. ``is_result``: with truncated nested data, a list of nothing but containers is ``[]``."""
        if is_result and self._outer_only and self._holds_only_containers(value):
            return "[]"
        if not self._write(value, 0, names):
            self.flags |= TRUNCATED  # a number with more digits than the whole text may have
            return _quoted(described(value))
        return "".join(self._out)

    def _holds_only_containers(self, value: object) -> bool:
        kind = container_kind(value)
        if kind is None or kind is dict:
            return False
        items = first_items(value, kind, self._max_items)
        kinds = [container_kind(item) for item in items]
        if None in kinds:
            return False
        if len(items) < length(value, kind) or any(
            length(item, known) for item, known in zip(items, kinds, strict=True) if known is not None
        ):
            self.flags |= TRUNCATED
        return True

    def _put(self, piece: str) -> bool:
        size = len(piece) if piece.isascii() else len(piece.encode())
        if size > self._room:
            return False
        self._room -= size
        self._out.append(piece)
        return True

    def _take_back(self, mark: int) -> None:
        for piece in self._out[mark:]:
            self._room += len(piece.encode())
        del self._out[mark:]

    def _write(self, value: Any, depth: int, names: Sequence[str] = ()) -> bool:
        """Write a value; False, and nothing is written, when there is no room for it."""
        kind = type(value)
        if kind is str:
            return self._string(value)
        if kind is int:
            return self._integer(value)
        if value is None or kind is bool:
            return self._put("null" if value is None else "true" if value else "false")
        known = container_kind(value)
        if known is not None:
            return self._container(value, known, depth, names)
        if issubclass(kind, Enum):
            return self._write(enum_value(value), depth)
        if issubclass(kind, float):
            text = float.__repr__(value)
            return self._put(_NO_NUMBERS.get(text, text))
        if issubclass(kind, int):
            return self._integer(value)
        if issubclass(kind, str):
            return self._string(plain(value))
        text_and_rest = as_text(value, self._max_string + LOOK_AHEAD)
        if text_and_rest is None:
            self.flags |= UNSERIALISABLE
            return self._string(short(value))
        return self._string(*text_and_rest)

    def _integer(self, value: Any) -> bool:
        digits = integer(value)
        if digits is None:
            self.flags |= TRUNCATED
            return self._put(f'"… a number of {grouped(int.bit_length(value))} bits"')
        if len(digits) >= 13 and self._redactor.spans(digits):
            self.flags |= REDACTED
            digits = _MASK_JSON
        return self._put(digits)

    def _string(self, value: str, unread: int = 0) -> bool:
        kept, left_out, flags = masked_and_cut(value, self._max_string, self._redactor)
        left_out += unread
        self.flags |= flags
        if self._put(_quoted(kept + more_characters(left_out)) if left_out else _quoted(kept)):
            return True
        if self._room < ROOM_FOR_A_STRING:
            return False
        total = len(kept) + left_out
        room = self._room - len(more_characters(total).encode()) - 2
        # the bound is on what JSON makes of the text, which may be six times as long: come nearer from above
        kept = kept[:room]
        while (size := len(_quoted(kept).encode()) - 2) > room:
            kept = kept[: min(len(kept) - 1, len(kept) * room // size)]
        self.flags |= TRUNCATED
        return self._put(_quoted(kept + more_characters(total - len(kept))))

    def _container(self, value: Any, kind: type, depth: int, names: Sequence[str]) -> bool:
        is_object = kind is dict
        count = length(value, kind)
        if count == 0 or (self._outer_only and depth):
            self.flags |= TRUNCATED if count else 0
            return self._put("{}" if is_object else "[]")
        if id(value) in self._open:
            self.flags |= UNSERIALISABLE
            return self._put('"<circular reference>"')
        if depth >= self._max_depth:
            self.flags |= TRUNCATED
            return self._put(f'"… {grouped(count)} items"')
        if self._room < FOR_CLOSING + ROOM_FOR_A_STRING:
            return False
        self._room -= FOR_CLOSING
        self._out.append("{" if is_object else "[")
        self._open.add(id(value))
        written = self._pairs(value, depth) if is_object else self._items(value, kind, depth, names)
        self._open.discard(id(value))
        self._close(count - written, "," if written else "", is_object)
        return True

    def _close(self, left_out: int, separator: str, is_object: bool) -> None:
        closing = "}" if is_object else "]"
        if left_out > 0:
            self.flags |= TRUNCATED
            said = f"{grouped(left_out)} more items"
            closing = f'{separator}"…":"{said}"}}' if is_object else f'{separator}"… {said}"]'
        self._room += FOR_CLOSING - len(closing.encode())
        self._out.append(closing)

    def _items(self, value: Any, kind: type, depth: int, names: Sequence[str]) -> int:
        items = first_items(value, kind, self._max_items)
        if kind is tuple and type(value) is not tuple:
            names = field_names(value) or names
        elif depth and len(items) == 2 and kind in _PAIR:
            names = ("", _key_of_pair(items[0]))
        for written, item in enumerate(items):
            mark = len(self._out)
            name = names[written] if written < len(names) else ""
            if not ((not written or self._put(",")) and self._write_under(name, item, depth)):
                self._take_back(mark)
                return written
        return len(items)

    def _pairs(self, value: Any, depth: int) -> int:
        seen: set[str] = set()
        pairs = first_pairs(value, self._max_items)
        is_named = self._name_a_secret(pairs)
        for key, item in pairs:
            mark = len(self._out)
            name, whole = key_text(key)
            if not whole:
                self.flags |= UNSERIALISABLE
            shown = self._shown_key(name, seen)
            start = "," if seen else ""
            masked = is_named and item is not None and name.lower() == "value"
            if not (
                self._put(f"{start}{_quoted(shown)}:")
                and (self._mask() if masked else self._write_under(name, item, depth))
            ):
                self._take_back(mark)
                break
            seen.add(shown)
        return len(seen)

    def _write_under(self, name: str, item: Any, depth: int) -> bool:
        if name and item is not None and self._redactor.is_secret_key(name):
            return self._mask()
        return self._write(item, depth + 1)

    def _mask(self) -> bool:
        self.flags |= REDACTED
        return self._put(_MASK_JSON)

    def _name_a_secret(self, pairs: Sequence[tuple[Any, Any]]) -> bool:
        """As ``{"name": "DB_PASSWORD", "value": …}`` does."""
        return 1 < len(pairs) <= MOST_BESIDE_A_NAME and any(
            type(key) is str
            and type(item) is str
            and key.lower() in _NAMES
            and self._redactor.is_secret_key(item)
            for key, item in pairs
        )

    def _shown_key(self, name: str, seen: set[str]) -> str:
        shown, left_out, flags = masked_and_cut(name, LONGEST_KEY, self._redactor)
        self.flags |= flags
        if left_out:
            shown += more_characters(left_out)
        unique, number = shown, 2
        while unique in seen:  # keys that JSON cannot tell apart, as 1 and "1": both stay
            unique, number = f"{shown} ({number})", number + 1
        return unique
