"""Masking of secrets in texts, and the question whether a key is a secret one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from otel_taskmon.payload import assignments, secret_texts
from otel_taskmon.payload.secret_keys import SecretKeys
from otel_taskmon.payload.secret_texts import Span
from otel_taskmon.settings import Settings

MASK: Final = "***"
SHORTEST_SECRET: Final = 5
"""``pwd=1`` is the shortest text that can hold a built-in secret."""
_ESCAPE: Final = re.compile(r"(?<!\\)\\++(?:[abfnrtv0]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})")
"""Of a ``repr`` or of JSON, nested as they may be."""


class Redactor:
    """What is masked under given settings; keeps no text."""

    def __init__(self, settings: Settings) -> None:
        builtins = settings.redact and settings.redact_builtins
        self._on = settings.redact
        self._builtins = builtins
        self.keys = SecretKeys(settings.redact_keys if settings.redact else (), builtins=builtins)
        self._own = [re.compile(pattern) for pattern in settings.redact_values] if settings.redact else []

    def is_secret_key(self, key: str) -> bool:
        return self._on and key in self.keys

    def spans(self, text: str) -> list[Span]:
        """Where the secrets are: sorted, not overlapping, not empty."""
        if not self._on:
            return []
        found = self._found(text)
        if "\\" in text:
            found += self._after_escapes(text)
        return _merged(found) if found else found

    def _after_escapes(self, text: str) -> Iterator[Span]:
        """In a text shown by repr or JSON, what follows a line break has an "n" in front of it.

        So lines with escapes are looked at again, with breaks in place of these; beside the first look, since what
        seems an escape may be a piece of a path.
        """
        position = 0
        while (escape := text.find("\\", position)) >= 0:
            start = text.rfind("\n", 0, escape) + 1
            position = text.find("\n", escape)
            position = len(text) if position < 0 else position
            line = text[start:position]
            broken = _ESCAPE.sub(_breaks, line)
            if broken != line:
                yield from ((start + first, start + last) for first, last in self._found(broken))

    def _found(self, text: str) -> list[Span]:
        """In no order; they may overlap."""
        found: list[Span] = []
        if len(text) >= SHORTEST_SECRET:
            if assignments.may_be_in(text) and self.keys.may_be_in(text):
                found += assignments.find(text, self.keys)
            if self._builtins:
                found += secret_texts.find(text)
        for pattern in self._own:
            found += (match.span() for match in pattern.finditer(text) if match.end() > match.start())
        return found

    def may_mask(self, json_text: str) -> bool:
        """False when neither a text nor a key in this JSON text, which has no escapes, would be masked."""
        if not self._on:
            return False
        return (
            bool(self._own)
            or self.keys.may_be_in(json_text)
            or (self._builtins and bool(secret_texts.find(json_text)))
        )

    def mask(self, text: str) -> tuple[str, bool]:
        """The text with each secret replaced by ``***``, and whether there was any."""
        spans = self.spans(text)
        if not spans:
            return text, False
        pieces: list[str] = []
        position = 0
        for start, end in spans:
            pieces += (text[position:start], MASK)
            position = end
        pieces.append(text[position:])
        return "".join(pieces), True


def _breaks(escape: re.Match[str]) -> str:
    return "\n" * len(escape[0])


def _merged(spans: list[Span]) -> list[Span]:
    spans.sort()
    merged = [spans[0]]
    for start, end in spans[1:]:
        last_start, last_end = merged[-1]
        if start <= last_end:
            merged[-1] = (last_start, max(last_end, end))
        else:
            merged.append((start, end))
    return merged
