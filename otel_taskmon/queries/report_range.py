"""From a ReportFilter to the rows that answer it: its bounds in time, its source, its bound parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import BEGINNING_US, END_US, microseconds, moment
from otel_taskmon.queries.overview import bucket_seconds
from otel_taskmon.queries.report_model import Off, ReportFilter, Source
from otel_taskmon.queries.statements import statement

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
RECENT_US: Final = 24 * HOUR_US
"""What is younger than this is read from the executions, also where the range is answered from hourly statistics."""
GRACE_US: Final = HOUR_US
"""A range that begins this little before the oldest kept row is not worth losing its minutes: "the last 30 days"
should not change its source between being chosen and being asked."""

_PERCENTILES: Final = (
    *("runtimes", "runtimes_kept", "runtimes_merged", "runtime_percentile"),
    *("waits_kept", "wait_merged", "wait_percentile"),
)
"""Files that differ by the source: percentiles at once, or kept by group and merged afterwards."""


@dataclass(frozen=True)
class ReportRange:
    """A filter that is ready to be asked."""

    wanted: ReportFilter
    """With both bounds."""
    since_us: int
    until_us: int
    """Never before ``since_us``: a reversed range is an empty one."""
    source: Source
    off: tuple[Off, ...]
    as_of: datetime
    days: tuple[int, ...] | None = None
    """Begins, in seconds since the epoch, of the days that are read as a whole; None where each hour is asked for."""

    def parameters(self) -> dict[str, object]:
        """What ``report_source_…`` needs."""
        return {
            "since_us": self.since_us,
            "until_us": self.until_us,
            "recent_us": self._recent_us,
            "days": list(self.days or ()),
            "apps": list(self.wanted.apps),
            "queues": list(self.wanted.queues),
            "workers": list(self.wanted.workers),
        }

    @property
    def _recent_us(self) -> int:
        return microseconds(self.as_of) // HOUR_US * HOUR_US - RECENT_US

    def slots(self) -> dict[str, str]:
        """The files that read this source."""
        return {
            "source": f"report_source_{'daily' if self.days is not None else self.source}",
            **{name: f"report_{name}_{self.source}" for name in _PERCENTILES},
        }

    def bucket_seconds(self, buckets: int) -> int:
        """Width with which the range has about so many buckets; never finer than the source."""
        seconds = bucket_seconds(max(self.until_us - self.since_us, 1), buckets)
        return max(seconds, 3600) if self.source == "hourly" else seconds

    def buckets(self, seconds: int) -> range:
        """The numbers of all buckets of the range; ``number * seconds`` is a bucket's begin since the epoch."""
        if self.until_us <= self.since_us:
            return range(0)
        width = seconds * 1_000_000
        return range(self.since_us // width, (self.until_us - 1) // width + 1)

    def moved_back(self) -> ReportRange:
        """The range of equal length that ends where this one begins, of the same source."""
        since_us = max(2 * self.since_us - self.until_us, 0)
        wanted = replace(self.wanted, since=moment(since_us), until=moment(self.since_us))
        return replace(self, wanted=wanted, since_us=since_us, until_us=self.since_us, days=None)

    def by_day(self, client: Client) -> ReportRange:
        """The same range for a question that needs neither hours, workers nor exceptions: its days as a whole, where
        the statistics by the day say what those by the hour say. A day knows nothing of workers."""
        if self.source != "hourly":
            return self
        since_us = -(-self.since_us // DAY_US) * DAY_US
        until_us = min(self.until_us, self._recent_us) // DAY_US * DAY_US
        if self.wanted.workers or since_us >= until_us:
            return replace(self, days=())
        found = client.ask(statement("stats_whole_days"), {"since_us": since_us, "until_us": until_us}).rows
        return replace(self, days=tuple(row[0] for row in found))


def report_range(
    client: Client, wanted: ReportFilter, *, back_too: bool = False, samples: bool = False
) -> ReportRange:
    """The range of a report; ``back_too``: the same source must have the range before it as well.

    A range that begins before 1970 or ends after 2099 holds no more than what lies between, and is cut to it.

    ``samples``: of queue lengths, which have tables and a retention of their own and know neither apps nor workers.
    """
    as_of = datetime.now(UTC)
    until_us = microseconds(as_of if wanted.until is None else wanted.until)
    if wanted.since is not None:
        since_us = microseconds(wanted.since)
    else:
        (oldest,) = client.ask(statement("report_oldest")).only()
        since_us = until_us if oldest is None else microseconds(oldest)
    since_us, until_us = (min(max(bound_us, BEGINNING_US), END_US) for bound_us in (since_us, until_us))
    until_us = max(until_us, since_us)
    off: list[Off] = []
    source: Source = "executions"
    if samples:
        off += [name for name in ("apps", "workers") if getattr(wanted, name)]
    else:
        first_us = since_us - (until_us - since_us if back_too else 0)
        if wanted.since is not None and first_us < _kept_since_us(client, as_of) - GRACE_US:
            source = "hourly"
            since_us, until_us = since_us // HOUR_US * HOUR_US, -(-until_us // HOUR_US) * HOUR_US
            off += ["minutes", "percentiles", "log"]
    return ReportRange(
        wanted=replace(wanted, since=moment(since_us), until=moment(until_us)),
        since_us=since_us,
        until_us=until_us,
        source=source,
        off=tuple(off),
        as_of=as_of,
    )


def _kept_since_us(client: Client, as_of: datetime) -> int:
    kept = client.ask(statement("kept_hours"), {"table": "celery_task_runs"}).rows
    return microseconds(as_of - timedelta(hours=kept[0][0])) if kept and kept[0][0] else 0
