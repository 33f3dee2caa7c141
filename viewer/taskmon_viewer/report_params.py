"""The view of Overview, Reports and Statistics as one value: what page, widgets, address and CSV routes share."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, get_args
from urllib.parse import urlencode

from otel_taskmon.queries.report_model import ReportFilter, ReportKey, StatisticsColumn
from taskmon_viewer.address_reader import AddressReader, Ignored
from taskmon_viewer.params import time_text

REPORT_RANGES: Final[dict[str, tuple[str, timedelta | None]]] = {
    "15m": ("Last 15 minutes", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "6h": ("Last 6 hours", timedelta(hours=6)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "90d": ("Last 90 days", timedelta(days=90)),
    "400d": ("Last 400 days", timedelta(days=400)),
    "all": ("All that is kept one by one", None),
}
DEFAULT_RANGE: Final = "24h"
FIRST_REPORT: Final[ReportKey] = "task_runs_by_state"
DEFAULT_SORT: Final[StatisticsColumn] = "task_name"
UTC_NAME: Final = "UTC"
MAX_TOP: Final = 200
MAX_PAGE: Final = 1_000_000
_FILTERS: Final = {"app": "apps", "queue": "queues", "worker": "workers"}
_KNOWN: Final = frozenset(
    {"range", "since", "until", "zone", *_FILTERS, "report", "top", "q", "sort", "order", "page"}
)


@dataclass(frozen=True)
class ReportParams:
    """One view; equal views have equal addresses."""

    range: str = DEFAULT_RANGE
    """Key of REPORT_RANGES; of no meaning when ``since`` or ``until`` is set."""
    since: datetime | None = None
    until: datetime | None = None
    zone: str = UTC_NAME
    """Name of the time zone in which times are typed and shown."""
    apps: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    report: ReportKey = FIRST_REPORT
    top: int | None = None
    """None: the setting's."""
    search: str = ""
    sort: StatisticsColumn = DEFAULT_SORT
    descending: bool = False
    page: int = 1

    @property
    def absolute(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def narrowed(self) -> bool:
        """Whether any filter but the time range is set."""
        return bool(self.apps or self.queues or self.workers or self.search.strip())

    @property
    def tz(self) -> tzinfo:
        return UTC if self.zone == UTC_NAME else zoneinfo.ZoneInfo(self.zone)

    def report_filter(self, now: datetime) -> ReportFilter:
        """The executions wanted; a range like "last hour" ends at ``now``."""
        since, until = self.since, self.until
        if not self.absolute:
            width = REPORT_RANGES[self.range][1]
            since, until = (now - width if width else None), now
        return ReportFilter(since, until, self.apps, self.queues, self.workers)

    def changed(self, **changes: object) -> ReportParams:
        """This view with other filters: on its first page."""
        return replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]

    def shared(self) -> ReportParams:
        """What stays when one goes from one of these pages to another: range, zone, filters."""
        return ReportParams(
            self.range, self.since, self.until, self.zone, self.apps, self.queues, self.workers
        )

    def to_query(self) -> dict[str, str | list[str]]:
        """The parameters of its address; what is at its default is left out."""
        query: dict[str, str | list[str]] = {}
        if self.report != FIRST_REPORT:
            query["report"] = self.report
        if self.since is not None:
            query["since"] = time_text(self.since)
        if self.until is not None:
            query["until"] = time_text(self.until)
        if not self.absolute and self.range != DEFAULT_RANGE:
            query["range"] = self.range
        if self.zone != UTC_NAME:
            query["zone"] = self.zone
        for parameter, name in _FILTERS.items():
            if getattr(self, name):
                query[parameter] = list(getattr(self, name))
        if self.top is not None:
            query["top"] = str(self.top)
        if self.search:
            query["q"] = self.search
        if self.sort != DEFAULT_SORT:
            query["sort"] = self.sort
        if self.descending:
            query["order"] = "desc"
        if self.page != 1:
            query["page"] = str(self.page)
        return query

    def to_query_string(self) -> str:
        return urlencode(self.to_query(), doseq=True)


def parse_report_params(
    query: Mapping[str, Sequence[str]], *, known: Iterable[str] = ()
) -> tuple[ReportParams, list[Ignored]]:
    """The view an address asks for, and what of it could not be used (that part is at its default)."""
    reader = AddressReader(query, _KNOWN | frozenset(known))
    since, until = reader.bounds("since", "until")
    top = reader.number("top", 1, MAX_TOP, 0)
    params = ReportParams(
        range=reader.choice("range", tuple(REPORT_RANGES), DEFAULT_RANGE),
        since=since,
        until=until,
        zone=_zone(reader),
        apps=reader.values("app"),
        queues=reader.values("queue"),
        workers=reader.values("worker"),
        report=reader.choice("report", get_args(ReportKey), FIRST_REPORT),  # type: ignore[arg-type]
        top=top or None,
        search=reader.text("q"),
        sort=reader.choice("sort", get_args(StatisticsColumn), DEFAULT_SORT),  # type: ignore[arg-type]
        descending=reader.choice("order", ("asc", "desc"), "asc") == "desc",
        page=reader.number("page", 1, MAX_PAGE, 1),
    )
    if params.absolute and params.range != DEFAULT_RANGE:
        reader.ignore("range", params.range, "since or until is given, which count more")
        params = replace(params, range=DEFAULT_RANGE)
    return params, reader.ignored


def _zone(reader: AddressReader) -> str:
    name = reader.single("zone") or UTC_NAME
    if name == UTC_NAME:
        return UTC_NAME
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        reader.ignore("zone", name, "allowed is the name of a time zone like Europe/Berlin")
        return UTC_NAME
    return name
