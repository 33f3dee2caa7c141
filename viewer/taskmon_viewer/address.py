"""From an address to the view of the log that it asks for, and what of it could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, get_args

from otel_taskmon import semconv
from otel_taskmon.queries.model import Cursor, SortKey
from taskmon_viewer.address_reader import AddressReader, Ignored
from taskmon_viewer.cursors import decode_cursor
from taskmon_viewer.params import (
    DEFAULT_RANGE,
    FACETS,
    MAX_TRAIL,
    NO_PRIORITY,
    RANGES,
    RUN_FILTERS,
    LogParams,
    Per,
)

_KNOWN: Final = frozenset(
    {"q", "range", "since", "until", "per", "sort", "order", "follow", "page", "after", *FACETS, *RUN_FILTERS}
)
_DIRECTIONS: Final = {"desc": True, "asc": False}


def parse(
    query: Mapping[str, Sequence[str]], *, known: Iterable[str] = ()
) -> tuple[LogParams, list[Ignored]]:
    """The view an address asks for, and what of it could not be used (that part is at its default).

    ``known`` names parameters that mean something to the caller and are passed over here.
    """
    reader = AddressReader(query, _KNOWN | frozenset(known))
    since, until = reader.bounds("since", "until")
    ran_since, ran_until = reader.bounds("ran_since", "ran_until")
    params = LogParams(
        states=_states(reader),
        priorities=_priorities(reader),
        apps=reader.values("app"),
        names=reader.values("name"),
        exceptions=reader.values("exception"),
        queues=reader.values("queue"),
        workers=reader.values("worker"),
        search=reader.text("q"),
        since=since,
        until=until,
        range=reader.choice("range", tuple(RANGES), DEFAULT_RANGE),
        ran_since=ran_since,
        ran_until=ran_until,
        failed=reader.flag("failed") is True,
        ran=reader.flag("ran"),
        per=reader.choice("per", get_args(Per), "tasks"),  # type: ignore[arg-type]
        sort=reader.choice("sort", get_args(SortKey), "time"),  # type: ignore[arg-type]
        descending=_DIRECTIONS[reader.choice("order", tuple(_DIRECTIONS), "desc")],
        follow=reader.flag("follow") is True,
    )
    if params.absolute and params.range != DEFAULT_RANGE:
        reader.ignore("range", params.range, "since or until is given, which count more")
        params = replace(params, range=DEFAULT_RANGE)
    page, trail = _position(reader)
    return replace(params, page=page, trail=trail), reader.ignored


def _states(reader: AddressReader) -> tuple[str, ...]:
    values = reader.values("state")
    for value in values:
        if value not in semconv.STATES:
            reader.ignore("state", value, f"allowed is one of {', '.join(semconv.STATES)}")
    return tuple(value for value in values if value in semconv.STATES)


def _priorities(reader: AddressReader) -> tuple[int | None, ...]:
    kept: list[int | None] = []
    for value in reader.values("priority"):
        if value == NO_PRIORITY:
            kept.append(None)
        elif value.isascii() and value.isdigit() and int(value) <= 255:
            kept.append(int(value))
        else:
            reader.ignore("priority", value, f"allowed is a number from 0 to 255, or {NO_PRIORITY}")
    return tuple(dict.fromkeys(kept))


def _position(reader: AddressReader) -> tuple[int, tuple[Cursor, ...]]:
    page_text, marks = reader.single("page"), reader.all("after")
    try:
        trail = tuple(decode_cursor(text) for text in marks[-MAX_TRAIL:])
    except ValueError:
        reader.ignore("after", marks[-1], "it is not the mark of a page; this is the first page")
        return 1, ()
    if page_text is None:
        return len(trail) + 1, trail
    page = int(page_text) if page_text.isascii() and page_text.isdigit() and len(page_text) < 10 else 0
    if page <= len(trail) or (not trail and page > 1):
        reader.ignore(
            "page",
            page_text,
            "its mark, the parameter after, is missing or does not fit; the page was counted anew",
        )
        return len(trail) + 1, trail
    return page, trail
