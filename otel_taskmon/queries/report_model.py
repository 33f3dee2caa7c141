"""What Reports, Statistics and Overview take and give: frozen dataclasses, no SQL, no client.

Everything counts **executions** (rows of ``celery_task_runs``, each once), by the time they ran: ``started_at``, and
the time of the outcome where nothing ran. Where tasks are counted instead, the field says so. Times are timezone-aware
UTC, durations nanoseconds, both raw: how they are written is the viewer's business. Every answer says what it is based
on.

Asked with ``reports.ask_report``, ``statistics.statistics``, ``statistics.statistics_rows`` (all rows, for a file),
``overview_page.ask_overview`` and ``queue_lengths.queue_depth_at``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from otel_taskmon.queries.filters import Per
from otel_taskmon.queries.model import SortKey, TaskFilter

OTHERS: Final = "Others"
"""Label of the row that stands for all that are not shown one by one."""
PARTS_SHOWN: Final = 14
"""Slices and lines that have a name of their own; the rest is "Others" (which names its members)."""
DEFAULT_TOP: Final = 20

ReportKey = Literal[
    "task_runs_by_state",
    "task_runs_by_app",
    "tasks_throughput",
    "apps_top_runs",
    "apps_top_cum_runtime",
    "tasks_top_runs",
    "tasks_top_max_runtime",
    "tasks_top_avg_runtime",
    "tasks_top_cum_runtime",
    "tasks_top_failed",
    "tasks_top_retried",
    "tasks_throughput_by_state",
    "tasks_throughput_by_app",
    "exceptions_throughput",
    "app_failures_over_time",
    "queue_length_over_time",
    "task_statistics",
]
"""Names of the 17 reports, in addresses too."""

Group = Literal["Overview", "Top Apps", "Top Tasks", "Over time", "Task analysis"]
Kind = Literal["parts", "ranking", "series", "table", "scatter"]
"""Parts of a whole (stacked bar or ring) · one bar per row, longest first · stacked columns over time (lines for queue
lengths) · a table of numbers · one point per row, x = runs, y = average runtime, both logarithmic."""
Unit = Literal["runs", "ns", "runs/min", "messages"]
Dimension = Literal["state", "app", "task", "exception", "queue", "window"]
"""What a row's label is."""
Source = Literal["executions", "hourly"]
"""Where an answer comes from: the rows themselves, or the hourly statistics that outlive them."""
Off = Literal["apps", "workers", "minutes", "log", "percentiles"]
"""What does not work, or not exactly, in an answer; ``OFF_TEXTS`` says it in words."""

OFF_TEXTS: Final[dict[Off, str]] = {
    "apps": "the app filter is off: a queue's length is not counted by app",
    "workers": "the worker filter is off: a queue's length is not counted by worker",
    "minutes": "begins and ends with whole hours, and nothing is told finer than by the hour",
    "log": "the log no longer has the oldest of these runs, so links lead to the ones it still has",
    "percentiles": "percentiles are within 1 % of the exact value",
}


@dataclass(frozen=True)
class ReportFilter:
    """Which executions; an empty tuple means "any", and "" among the apps is the unnamed app ("(none)").

    A range that ends before it begins holds nothing, and is no error.
    """

    since: datetime | None = None
    """Ran at or after; None: as far back as anything is kept of them one by one."""
    until: datetime | None = None
    """Ran before; None: now."""
    apps: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """One of the 17, as the navigation and the page need it."""

    key: ReportKey
    group: Group
    label: str
    """In the navigation."""
    heading: str
    """Over the picture; ``{top}`` stands for the number of rows asked for."""
    kind: Kind
    unit: Unit
    """Of ``ReportRow.value``."""
    dimension: Dimension
    """What ``ReportRow.label`` is."""
    sort: SortKey = "time"
    """Order of the log that a row leads to: "runtime" (longest first) for runtime reports, else newest first."""
    states: tuple[str, ...] = ()
    """Only executions in these states; empty: all."""
    failed: bool = False
    """Only failures that nobody expected (``is_error``: FAILURE and LOST without expected ``throws``)."""
    ran: bool = False
    """Only executions that have a runtime."""

    @property
    def has_top(self) -> bool:
        """Whether the number of rows can be chosen."""
        return self.kind == "ranking"

    def title(self, top: int = DEFAULT_TOP) -> str:
        """The heading with its number of rows."""
        return self.heading.format(top=top)


@dataclass(frozen=True)
class BasedOn:
    """All executions of the filter, whatever part of them the report shows (for queue lengths: samples)."""

    count: int
    oldest: datetime | None
    newest: datetime | None


NOTHING: Final = BasedOn(0, None, None)


@dataclass(frozen=True)
class Runtimes:
    """Runtimes of the executions behind a row that have one, in nanoseconds; None where none has."""

    count: int
    min_ns: int | None
    avg_ns: float | None
    p50_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    max_ns: int | None
    total_ns: int


@dataclass(frozen=True)
class ReportRow:
    """A slice, bar, point of a line, line of the table or dot.

    ``drill_down(answer, row)`` gives the part of the log that it stands for, with ``count`` executions in it.
    """

    label: str
    """State, app ("" is the unnamed one), task name, exception class, queue, or window ("last 1 h", "overall", "peak");
    ``OTHERS`` where ``others`` is set. Written by users: never shown as markup."""
    value: float | None
    """In the report's unit. Counts are whole numbers; None only for a queue without a sample in the bucket."""
    count: int
    """Executions behind it. For queue lengths: samples."""
    share: float | None = None
    """Of all rows of the report together, from 0 to 1; for series of all series in the same bucket."""
    start: datetime | None = None
    """Series: the bucket's begin, a multiple of the width (it may lie before ``since``). Windows: the begin."""
    end: datetime | None = None
    """Series and windows: the end, which is not part of it."""
    others: bool = False
    """It stands for ``answer.members``."""
    app: str | None = None
    """Of a dot."""
    runtimes: Runtimes | None = None
    """Rows of the runtime reports and dots."""


@dataclass(frozen=True)
class ReportAnswer:
    """A report's rows in the order in which they are shown; series line by line, each with every bucket (zero filled).

    Rows without anything are left out, so an answer without runs has no rows (a series neither).
    """

    report: Report
    rows: tuple[ReportRow, ...]
    members: tuple[ReportRow, ...]
    """What "Others" consists of, largest first, each over the whole range; empty where there are no others."""
    wanted: ReportFilter
    """The filter with both bounds set, as it was answered."""
    based_on: BasedOn
    as_of: datetime
    """When the store was asked."""
    top: int
    rows_total: int
    """Rankings: how many there are in all, of which ``top`` are shown."""
    bucket_seconds: int | None
    """Series: the width of the buckets, chosen by the range. Table: of the peak (a minute, or an hour)."""
    source: Source
    off: tuple[Off, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The lines of a series (or the rows of another report) in their order, each once, "Others" last."""
        return tuple(dict.fromkeys(row.label for row in self.rows))


@dataclass(frozen=True)
class LogView:
    """A part of the log that a number leads to."""

    filter: TaskFilter
    sort: SortKey = "time"
    """Descending: newest first, longest first."""
    per: Per = "executions"


StatisticsColumn = Literal[
    "task_name", "app", "runs", "succeeded", "failed", "retried", "never_started", "lost", "failure_rate", "retry_rate",
    "min_ns", "avg_ns", "max_ns", "total_ns", "p50_ns", "p95_ns", "p99_ns", "wait_p95_ns", "runtime_share",
]  # fmt: skip
"""Columns of the statistics in their order; sorting works by each, over all pages."""


@dataclass(frozen=True)
class StatisticsRow:
    """All executions of one task name in one app. Durations and rates are None where there is nothing to tell."""

    task_name: str
    app: str
    runs: int
    """Executions, those that never started among them."""
    succeeded: int
    failed: int
    """Failures that nobody expected (``is_error``): FAILURE and LOST without expected ``throws``."""
    retried: int
    """Executions that ended with RETRY."""
    never_started: int
    """Executions of which nothing ran: revoked, expired, rejected."""
    lost: int
    """**Tasks** whose newest execution began in the range and is LOST, those whose worker is gone without a word among
    them (these have no row among the executions, so ``lost`` may be larger than ``failed``)."""
    failure_rate: float | None
    """failed / runs, from 0 to 1."""
    retry_rate: float | None
    """retried / runs."""
    min_ns: int | None
    avg_ns: float | None
    max_ns: int | None
    total_ns: int
    p50_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    wait_p95_ns: int | None
    """Queue wait."""
    runtime_share: float | None
    """Of the runtime of all rows of all pages."""
    trend: tuple[int, ...] = ()
    """Executions per bucket of ``StatisticsPage.bucket_seconds`` from the begin to the end of the range."""


@dataclass(frozen=True)
class StatisticsPage:
    """Some rows of the statistics."""

    rows: tuple[StatisticsRow, ...]
    rows_total: int
    """On all pages together."""
    wanted: ReportFilter
    based_on: BasedOn
    as_of: datetime
    bucket_seconds: int
    trend_since: datetime
    """Where the trends' first bucket begins."""
    source: Source
    off: tuple[Off, ...] = ()


@dataclass(frozen=True)
class Compared:
    """A number and the same of the range of equal length before it; None where there is nothing to measure."""

    now: float | None
    before: float | None

    @property
    def change(self) -> float | None:
        """Relative: 0.5 is half as much again; None without a before to compare with."""
        if self.now is None or not self.before:
            return None
        return self.now / self.before - 1


@dataclass(frozen=True)
class QueueNow:
    """A queue's last known depth in the range, and what ran of it."""

    queue: str
    broker: str
    depth: int | None
    """Messages waiting, at ``sampled_at``; None for a queue that was never sampled."""
    unacked: int | None
    consumers: int | None
    sampled_at: datetime | None
    runs: int
    wait_p95_ns: int | None


@dataclass(frozen=True)
class WorkerSeen:
    """A worker node from its signs of life in the range (heartbeats are kept for 7 days) and what it ran."""

    worker: str
    first_seen: datetime | None
    last_seen: datetime | None
    """None for a worker that is known only from what it ran."""
    boots: int
    """Lives of the worker that were seen."""
    running: int | None
    """Executions that its last heartbeat named; None when no heartbeat was seen."""
    online: bool
    """It gave a sign of life in the last 30 seconds of the range and did not say goodbye since."""
    runs: int


@dataclass(frozen=True)
class Overview:
    """The first page. ``overview_page.drill_down`` leads from its numbers to the log, ``drill_down`` here from the
    rows of its reports."""

    wanted: ReportFilter
    before: ReportFilter
    """The range of equal length that ends where ``wanted`` begins."""
    tasks: Compared
    """**Tasks** first published in the range."""
    failed: Compared
    """Those **tasks** of them that failed for now (``is_error``: FAILURE and LOST, without expected ``throws``)."""
    runs: Compared
    """Executions that ran in the range, as everything below."""
    runtime_p95_ns: Compared
    wait_p95_ns: Compared
    throughput: ReportAnswer
    """``tasks_throughput_by_state`` of the same range."""
    failing: ReportAnswer
    """``tasks_top_failed``: the first few."""
    slowest: ReportAnswer
    """The first few task names by p95 runtime."""
    queues: tuple[QueueNow, ...]
    workers: tuple[WorkerSeen, ...]
    based_on: BasedOn
    as_of: datetime
    source: Source
    off: tuple[Off, ...] = ()


@dataclass(frozen=True)
class QueueDepthAt:
    """How long an execution's queue was when it began."""

    depth: int
    unacked: int | None
    sampled_at: datetime
    """The last sample before the start."""


def drill_down(answer: ReportAnswer, row: ReportRow) -> LogView:
    """The part of the log behind a row of ``rows`` or ``members``: exactly ``row.count`` executions.

    "Others" leads to all its members by name, which may be thousands; a page may open ``answer.members`` instead. A
    point of a queue's length (whose ``count`` are samples) leads to what began in that queue meanwhile.
    """
    report, wanted = answer.report, answer.wanted
    since, until = wanted.since, wanted.until
    if row.start is not None and (since is None or row.start > since):
        since = row.start
    if row.end is not None and (until is None or row.end < until):
        until = row.end
    chosen = TaskFilter(
        ran_since=since,
        ran_until=until,
        states=report.states,
        apps=wanted.apps,
        queues=wanted.queues,
        workers=wanted.workers,
        failed=report.failed,
        ran=True if report.ran else None,
    )
    labels = tuple(member.label for member in answer.members) if row.others else (row.label,)
    match report.dimension:
        case "state":
            chosen = replace(chosen, states=labels)
        case "app":
            chosen = replace(chosen, apps=labels)
        case "task":
            chosen = replace(chosen, names=labels, apps=chosen.apps if row.app is None else (row.app,))
        case "exception":
            chosen = replace(chosen, exceptions=labels)
        case "queue":
            chosen = replace(chosen, queues=labels, apps=(), workers=())
        case "window":
            pass
    return LogView(chosen, report.sort)
