"""What was done to a payload, so that "empty" never looks like "removed"."""

from __future__ import annotations

from typing import Final, NamedTuple

TRUNCATED: Final = 1
"""Something was left out for its size, its depth or because nested data is truncated."""
REDACTED: Final = 2
"""A secret was masked."""
UNSERIALISABLE: Final = 4
"""Something stands there as a short description only, since it cannot be written as JSON."""
DROPPED: Final = 8
"""The value could not be read at all."""
_WORDS: Final = ("truncated", "redacted", "unserialisable", "dropped")


class Encoded(NamedTuple):
    """A text ready to leave the process, and what was done to it, as ``("args:redacted", "args:truncated")``."""

    text: str
    notes: tuple[str, ...] = ()


def as_notes(part: str, flags: int) -> tuple[str, ...]:
    """The notes of one part, sorted."""
    if not flags:
        return ()
    return tuple(sorted(f"{part}:{word}" for bit, word in enumerate(_WORDS) if flags & (1 << bit)))
