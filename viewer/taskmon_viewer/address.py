"""From an address to the view of the log that it asks for, and what of it could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, get_args

from otel_taskmon import semconv
from otel_taskmon.queries.model import Cursor, SortKey
from taskmon_viewer.cursors import decode_cursor
from taskmon_viewer.params import (
    DEFAULT_RANGE,
    FACETS,
    MAX_TRAIL,
    NO_PRIORITY,
    RANGES,
    LogParams,
    Per,
    time_text,
)
from taskmon_viewer.texts import clipped

MAX_VALUES: Final = 50
MAX_LENGTH: Final = 1_000
_SINGLE = ("q", "range", "since", "until", "per", "sort", "order", "page")
_DIRECTIONS = {"desc": True, "asc": False}


@dataclass(frozen=True)
class Ignored:
    """A parameter that was not used, and why."""

    parameter: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{clipped(self.parameter, 60)}={clipped(self.value, 60)}: {self.reason}"


def parse(
    query: Mapping[str, Sequence[str]], *, known: Iterable[str] = ()
) -> tuple[LogParams, list[Ignored]]:
    """The view an address asks for, and what of it could not be used (that part is at its default).

    ``known`` names parameters that mean something to the caller and are passed over here.
    """
    return _Parser(query, frozenset(known)).result()


class _Parser:
    def __init__(self, query: Mapping[str, Sequence[str]], known: frozenset[str]) -> None:
        self._query = query
        self._ignored: list[Ignored] = []
        for name, values in query.items():
            if name not in {*_SINGLE, *FACETS, "after"} | known:
                self._ignore(name, " ".join(values), "there is no such parameter")

    def result(self) -> tuple[LogParams, list[Ignored]]:
        since, until = self._time("since"), self._time("until")
        if since and until and since >= until:
            self._ignore("until", time_text(until), "it must be later than since")
            until = None
        params = LogParams(
            states=self._states(),
            priorities=self._priorities(),
            apps=self._values("app"),
            names=self._values("name"),
            exceptions=self._values("exception"),
            queues=self._values("queue"),
            workers=self._values("worker"),
            search=self._search(),
            since=since,
            until=until,
            range=self._choice("range", tuple(RANGES), DEFAULT_RANGE),
            per=self._choice("per", get_args(Per), "tasks"),  # type: ignore[arg-type]
            sort=self._choice("sort", get_args(SortKey), "time"),  # type: ignore[arg-type]
            descending=_DIRECTIONS[self._choice("order", tuple(_DIRECTIONS), "desc")],
        )
        if params.absolute and params.range != DEFAULT_RANGE:
            self._ignore("range", params.range, "since or until is given, which count more")
            params = replace(params, range=DEFAULT_RANGE)
        page, trail = self._position()
        return replace(params, page=page, trail=trail), self._ignored

    def _ignore(self, parameter: str, value: str, reason: str) -> None:
        self._ignored.append(Ignored(parameter, value, reason))

    def _single(self, parameter: str) -> str | None:
        values = self._query.get(parameter, ())
        for extra in values[1:]:
            self._ignore(parameter, extra, "it is given more than once; the first counts")
        return values[0] if values else None

    def _choice(self, parameter: str, allowed: tuple[str, ...], default: str) -> str:
        value = self._single(parameter)
        if value is None or value in allowed:
            return default if value is None else value
        self._ignore(parameter, value, f"allowed is one of {', '.join(allowed)}")
        return default

    def _values(self, parameter: str) -> tuple[str, ...]:
        kept: dict[str, None] = {}
        for value in self._query.get(parameter, ()):
            if len(value) > MAX_LENGTH:
                self._ignore(parameter, value, f"it is longer than {MAX_LENGTH:,} characters")
            elif len(kept) == MAX_VALUES and value not in kept:
                self._ignore(parameter, value, f"a filter takes at most {MAX_VALUES} values")
            else:
                kept[value] = None
        return tuple(kept)

    def _states(self) -> tuple[str, ...]:
        values = self._values("state")
        for value in values:
            if value not in semconv.STATES:
                self._ignore("state", value, f"allowed is one of {', '.join(semconv.STATES)}")
        return tuple(value for value in values if value in semconv.STATES)

    def _priorities(self) -> tuple[int | None, ...]:
        kept: list[int | None] = []
        for value in self._values("priority"):
            if value == NO_PRIORITY:
                kept.append(None)
            elif value.isascii() and value.isdigit() and int(value) <= 255:
                kept.append(int(value))
            else:
                self._ignore("priority", value, f"allowed is a number from 0 to 255, or {NO_PRIORITY}")
        return tuple(dict.fromkeys(kept))

    def _search(self) -> str:
        value = self._single("q") or ""
        if len(value) > MAX_LENGTH:
            self._ignore("q", value, f"it is longer than {MAX_LENGTH:,} characters")
            return ""
        return value

    def _time(self, parameter: str) -> datetime | None:
        value = self._single(parameter)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            moment = datetime.min.replace(tzinfo=UTC)
        if 1970 <= moment.year < 2100:
            return moment
        self._ignore(
            parameter, value, "allowed is an ISO 8601 time from 1970 to 2099 like 2026-11-22T17:00:00Z"
        )
        return None

    def _position(self) -> tuple[int, tuple[Cursor, ...]]:
        page_text = self._single("page")
        try:
            trail = tuple(decode_cursor(text) for text in self._query.get("after", ())[-MAX_TRAIL:])
        except ValueError:
            self._ignore(
                "after", self._query["after"][-1], "it is not the mark of a page; this is the first page"
            )
            return 1, ()
        if page_text is None:
            return len(trail) + 1, trail
        page = int(page_text) if page_text.isascii() and page_text.isdigit() and len(page_text) < 10 else 0
        if page <= len(trail) or (not trail and page > 1):
            self._ignore(
                "page",
                page_text,
                "its mark, the parameter after, is missing or does not fit; the page was counted anew",
            )
            return len(trail) + 1, trail
        return page, trail
