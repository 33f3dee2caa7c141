"""The view of the log as one value: what the page, its widgets, its address and the CSV route share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlencode

from otel_taskmon.queries.model import Cursor, SortKey, TaskFilter
from otel_taskmon.queries.report_model import LogView
from taskmon_viewer.cursors import encode_cursor

Per = Literal["tasks", "executions"]
RANGES: Final[dict[str, tuple[str, timedelta | None]]] = {
    "15m": ("Last 15 minutes", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "6h": ("Last 6 hours", timedelta(hours=6)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "all": ("All that is kept", None),
}
DEFAULT_RANGE: Final = "24h"
FACETS: Final[dict[str, str]] = {
    "state": "states",
    "app": "apps",
    "name": "names",
    "exception": "exceptions",
    "queue": "queues",
    "worker": "workers",
    "priority": "priorities",
}
"""Parameter -> field of ``LogParams``, of ``TaskFilter`` and of ``Facets``."""

RUN_FILTERS: Final[dict[str, object]] = {"ran_since": None, "ran_until": None, "failed": False, "ran": None}
"""Fields of ``LogParams`` and ``TaskFilter`` that no facet shows, and their values when they filter nothing."""

MAX_TRAIL: Final = 20
"""Pages that "previous" can walk back from a given address."""

NO_PRIORITY: Final = "none"


@dataclass(frozen=True)
class LogParams:
    """One view of the log; equal views have equal addresses."""

    states: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    priorities: tuple[int | None, ...] = ()
    search: str = ""
    range: str = DEFAULT_RANGE
    """Key of RANGES; of no meaning when ``since`` or ``until`` is set."""
    since: datetime | None = None
    until: datetime | None = None
    ran_since: datetime | None = None
    """With ``ran_until``, ``failed`` and ``ran`` what reports lead to: exactly the executions behind a number."""
    ran_until: datetime | None = None
    failed: bool = False
    ran: bool | None = None
    per: Per = "tasks"
    sort: SortKey = "time"
    descending: bool = True
    follow: bool = False
    """Whether the page asks again by itself; changes nothing of what is asked."""
    page: int = 1
    trail: tuple[Cursor, ...] = field(default=())
    """Cursors of the pages before this one, the last is the one this page follows; empty on the first page."""

    @property
    def absolute(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def after(self) -> Cursor | None:
        return self.trail[-1] if self.trail else None

    @property
    def narrowed(self) -> bool:
        """Whether any filter but the time range is set."""
        return (
            bool(self.search.strip())
            or any(getattr(self, name) for name in FACETS.values())
            or any(getattr(self, name) != nothing for name, nothing in RUN_FILTERS.items())
        )

    def task_filter(self, now: datetime) -> TaskFilter:
        """The rows wanted; a range like "last hour" ends at ``now`` and stays open to rows that come."""
        since = self.since
        if not self.absolute:
            width = RANGES[self.range][1]
            since = now - width if width else None
        return TaskFilter(
            since=since,
            until=self.until,
            search=self.search,
            states=self.states,
            apps=self.apps,
            names=self.names,
            exceptions=self.exceptions,
            queues=self.queues,
            workers=self.workers,
            priorities=self.priorities,
            ran_since=self.ran_since,
            ran_until=self.ran_until,
            failed=self.failed,
            ran=self.ran,
        )

    @classmethod
    def of_view(cls, view: LogView) -> LogParams:
        """The part of the log that a number of a report leads to."""
        wanted = view.filter
        shared = {name: getattr(wanted, name) for name in (*FACETS.values(), *RUN_FILTERS)}
        return cls(
            **shared,
            search=wanted.search,
            since=wanted.since,
            until=wanted.until,
            # what ran in a range may have been published long before it
            range=DEFAULT_RANGE if wanted.since or wanted.until else "all",
            per=view.per,
            sort=view.sort,
        )

    def changed(self, **changes: object) -> LogParams:
        """This view with other filters or another order: on its first page, since cursors belong to one view."""
        return replace(self, **{"page": 1, "trail": (), **changes})  # type: ignore[arg-type]

    def toggled(self, facet: str, value: str | int | None) -> LogParams:
        """This view with ``value`` put into or taken out of a facet's filter."""
        name = FACETS[facet]
        chosen: tuple[str | int | None, ...] = getattr(self, name)
        rest = tuple(v for v in chosen if v != value)
        return self.changed(**{name: rest if value in chosen else (*chosen, value)})

    def next_page(self, after: Cursor) -> LogParams:
        return replace(self, page=self.page + 1, trail=(*self.trail, after)[-MAX_TRAIL:])

    def previous_page(self) -> LogParams:
        """The page before; the first one where the address no longer knows the way."""
        trail = self.trail[:-1]
        return replace(self, page=self.page - 1 if trail else 1, trail=trail)

    def to_query(self) -> dict[str, str | list[str]]:
        """The parameters of its address; what is at its default is left out."""
        query: dict[str, str | list[str]] = {}
        if self.search:
            query["q"] = self.search
        for parameter, name in FACETS.items():
            values = getattr(self, name)
            if values:
                query[parameter] = [NO_PRIORITY if v is None else str(v) for v in values]
        if self.since is not None:
            query["since"] = time_text(self.since)
        if self.until is not None:
            query["until"] = time_text(self.until)
        if not self.absolute and self.range != DEFAULT_RANGE:
            query["range"] = self.range
        if self.ran_since is not None:
            query["ran_since"] = time_text(self.ran_since)
        if self.ran_until is not None:
            query["ran_until"] = time_text(self.ran_until)
        if self.failed:
            query["failed"] = "yes"
        if self.ran is not None:
            query["ran"] = "yes" if self.ran else "no"
        if self.per != "tasks":
            query["per"] = self.per
        if self.sort != "time":
            query["sort"] = self.sort
        if not self.descending:
            query["order"] = "asc"
        if self.follow:
            query["follow"] = "yes"
        if self.trail:
            query["page"] = str(self.page)
            query["after"] = [encode_cursor(cursor) for cursor in self.trail]
        return query

    def to_query_string(self) -> str:
        return urlencode(self.to_query(), doseq=True)


def time_text(moment: datetime) -> str:
    """ISO 8601, UTC, without needless zeros."""
    text = moment.astimezone(UTC).replace(tzinfo=None)
    return text.isoformat(timespec="auto" if text.microsecond else "seconds") + "Z"
