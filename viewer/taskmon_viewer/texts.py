"""From values to what a person reads: durations with units, UTC times, JSON laid out. No Streamlit here."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

NONE_LABEL = "(none)"
"""Shown for "" (no app, no queue …) and for no priority."""

_MARKDOWN = re.compile(r"""([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/"'])""")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Would turn around the words of ours that follow on the same line."""
_LINE_BREAKS = re.compile(r"\s+")


def safe_label(text: str, *, limit: int = 120) -> str:
    """``text`` fit for a place that Streamlit renders as Markdown (labels, options, captions, messages).

    All punctuation is escaped, so that no image, link, colour, LaTeX or icon comes of it, line breaks become spaces,
    marks of writing direction are left out, and it is cut to ``limit`` characters.
    """
    flat = plain_label(text, limit=limit)
    # An address without brackets is made a link even when its punctuation is escaped; a zero-width space ends that.
    return _MARKDOWN.sub(r"\\\1", flat.replace("://", ":\u200b//").replace("www.", "www\u200b."))


def plain_label(text: str, *, limit: int = 120) -> str:
    """``text`` in one line, for a place that shows it as it is (options of selectbox and multiselect)."""
    return clipped(_LINE_BREAKS.sub(" ", _DIRECTION_MARKS.sub("", text)).strip(), limit)


def clipped(text: str, limit: int) -> str:
    """At most ``limit`` characters, the last of them "…" when some were left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def page_title(text: str) -> str:
    """The title of the browser's tab and of its history: what is shown, then the product."""
    return f"{plain_label(text, limit=80)} · taskmon"


def named(value: str | int | None) -> str:
    """A facet's value as shown."""
    return NONE_LABEL if value is None or value == "" else str(value)


def duration(ns: int | None) -> str:
    """A duration in the unit that suits it: ``0.42 ms``, ``12 ms``, ``1.23 s``, ``2 min 03 s``, ``1 h 05 min``."""
    if ns is None:
        return "–"
    if ns < 0:
        return "−" + duration(-ns)
    ms = ns / 1e6
    if ms < 9.995:
        return f"{ms:.2f} ms" if ns else "0 ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    seconds = ns / 1e9
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def clock(moment: datetime | None, *, fraction: int = 3) -> str:
    """``2026-11-22 17:05:09.123`` in UTC; the zone is said by the heading or by ``utc``."""
    if moment is None:
        return "–"
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text[: -(6 - fraction)] if 0 < fraction < 6 else text if fraction else text[:-7]


def day_and_clock(moment: datetime) -> str:
    """``Nov 22 17:05:09.123`` in UTC, for narrow columns; what is kept is younger than a year."""
    at = moment.astimezone(UTC)
    return f"{_MONTHS[at.month - 1]} {at.day:02d} {at:%H:%M:%S}.{at.microsecond // 1000:03d}"


def utc(moment: datetime | None, *, fraction: int = 3) -> str:
    """As ``clock``, with the zone."""
    return f"{clock(moment, fraction=fraction)} UTC" if moment else "–"


def width_text(seconds: int) -> str:
    """A bucket's width: ``30 s``, ``5 min``, ``1 h``, ``1 d``."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def per_width(seconds: int) -> str:
    """``per 30 s``, ``per 5 min``, ``per h``."""
    return "per " + width_text(seconds).removeprefix("1 ")


def count_text(count: int, one: str, many: str | None = None) -> str:
    """``1 task``, ``12,345 tasks``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def age_text(hours: int) -> str:
    """``30 days``, ``36 hours``: how long rows are kept."""
    return count_text(hours // 24, "day") if hours % 24 == 0 else count_text(hours, "hour")


def short_payload(args: str, kwargs: str) -> str:
    """Arguments in one line; what is empty is left out, and nothing at all is ``–``."""
    parts = [part for part in (args, kwargs) if part not in ("", "[]", "()", "{}", "null")]
    return _LINE_BREAKS.sub(" ", "  ".join(parts)) or "–"


def pretty_json(text: str) -> str:
    """JSON text laid out over lines; anything else as it is. Numbers keep every digit."""
    try:
        value = json.loads(text, parse_float=_Digits, parse_int=_Digits)
    except (ValueError, RecursionError):
        return text
    return _lay_out(value)


class _Digits(str):
    """A number's own digits: reading 0.10 or a 30-digit id as a float would show another number."""

    __slots__ = ()


def _lay_out(value: object, indent: str = "") -> str:
    deeper = indent + "  "
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, list) and value:
        inner = ",\n".join(deeper + _lay_out(item, deeper) for item in value)
        return f"[\n{inner}\n{indent}]"
    if isinstance(value, dict) and value:
        pairs = (
            f"{deeper}{json.dumps(key, ensure_ascii=False)}: {_lay_out(item, deeper)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(pairs) + f"\n{indent}}}"
    return json.dumps(value, ensure_ascii=False)


_NOTE_TEXTS = {
    "truncated": "Cut: nested or large data was shortened before it left the worker.",
    "redacted": "Secrets were masked (***) before it left the worker.",
    "unserialisable": "What is no JSON is shown as text or by its type.",
    "dropped": "Removed before it left the worker.",
}


def payload_notes(notes: str) -> dict[str, list[str]]:
    """``args:truncated,kwargs:redacted`` as part -> sentences; words not known here are shown as they are."""
    found: dict[str, list[str]] = {}
    for note in filter(None, (n.strip() for n in notes.split(","))):
        part, _, what = note.partition(":")
        found.setdefault(part, []).append(_NOTE_TEXTS.get(what, what or part))
    return found
