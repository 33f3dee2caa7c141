"""One text, made harmless: secrets masked, then cut at a bound, valid Unicode.

Masking comes first and sees more than what is kept, so that no bound can cut a secret into a half that is not known as
one. Of a long text only that window is ever looked at.
"""

from __future__ import annotations

import re
from typing import Final

from otel_taskmon.payload.notes import REDACTED, TRUNCATED, UNSERIALISABLE
from otel_taskmon.payload.redaction import MASK, Redactor

LOOK_AHEAD: Final = 1_024
"""Characters behind a cut that masking sees; what is longer is known as a secret by its beginning."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
REPLACEMENT: Final = "\ufffd"


def grouped(number: int) -> str:
    """12345 as ``12 345``."""
    return f"{number:,}".replace(",", " ")


def more_characters(number: int) -> str:
    return f"… {grouped(number)} more characters"


def plain(text: str) -> str:
    """The same text as an exact ``str``: a subclass may have methods of its own."""
    return text if type(text) is str else str.__getitem__(text, slice(None))


def valid(text: str) -> tuple[str, int]:
    """The text without lone surrogates, which no UTF-8 can hold, and the note for that."""
    if text.isascii():
        return text, 0
    fixed, count = _SURROGATE.subn(REPLACEMENT, text)
    return fixed, UNSERIALISABLE if count else 0


def masked_and_cut(text: str, limit: int, redactor: Redactor) -> tuple[str, int, int]:
    """``(what is kept, characters left out, note bits)``; at most ``limit`` characters of the text are kept.

    A secret that reaches over the bound is replaced as a whole.
    """
    length = str.__len__(text)
    window = plain(text) if length <= limit else str.__getitem__(text, slice(0, limit + LOOK_AHEAD))
    spans = redactor.spans(window)
    flags = 0
    end = min(limit, length)
    if spans:
        pieces: list[str] = []
        position = 0
        for start, stop in spans:
            if start >= end:
                break
            pieces += (window[position:start], MASK)
            position = stop
            flags = REDACTED
        pieces.append(window[position:end])
        end = max(end, position)
        kept = "".join(pieces)
    else:
        kept = window[:end] if length > limit else window
    kept, invalid = valid(kept)
    left_out = length - end
    return kept, left_out, flags | invalid | (TRUNCATED if left_out else 0)


def cut_to_bytes(text: str, limit: int) -> str:
    """The longest beginning of a valid text that has at most ``limit`` bytes of UTF-8."""
    if len(text) * 4 <= limit or (len(text) <= limit and text.isascii()):
        return text
    return text[:limit].encode()[: max(0, limit)].decode(errors="ignore")


def bounded(text: str, max_bytes: int, redactor: Redactor) -> tuple[str, int]:
    """The masked text within ``max_bytes`` bytes of UTF-8, and note bits; what is left out is said at its end."""
    kept, left_out, flags = masked_and_cut(text, max_bytes, redactor)
    if not left_out and len(kept) * 4 <= max_bytes:
        return kept, flags
    if left_out or len(kept.encode()) > max_bytes:
        total = len(kept) + left_out
        kept = cut_to_bytes(kept, max_bytes - len(more_characters(total).encode()))
        return kept + more_characters(total - len(kept)), flags | TRUNCATED
    return kept, flags
