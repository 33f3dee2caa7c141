"""What the queries take and give: frozen dataclasses, no SQL, no client.

Times are timezone-aware UTC datetimes; durations are integers in nanoseconds; text is ``""`` where unknown, never None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

UNNAMED = ""
"""The app of tasks whose name gives none; shown as "(none)"."""

SortKey = Literal["time", "runtime", "wait", "retries"]


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks; an empty tuple means "any". All fields are combined with AND, values of one field with OR."""

    since: datetime | None = None
    """First published at or after; None: as far back as rows are kept."""
    until: datetime | None = None
    """First published before; None: now."""
    states: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    priorities: tuple[int | None, ...] = ()
    """None stands for "no priority"."""
    search: str = ""
    """Case-insensitive, in name, app, task id (a part is enough), arguments and exception text."""
    ran_since: datetime | None = None
    """Ran at or after: by ``started_at``, and by the time of the outcome where nothing ran. Of a task: its newest
    execution; a task that neither ran nor ended is outside every such range."""
    ran_until: datetime | None = None
    """Ran before."""
    failed: bool = False
    """Only failures that nobody expected (``is_error``): FAILURE and LOST, without expected ``throws``."""
    ran: bool | None = None
    """True: only what has a runtime; False: only what ended without having run."""


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: the sort value of its last row, then the key that never moves."""

    value: int | None
    """Sort value (ns or count); None for sort by time and for rows without a value."""
    first_published_at: datetime
    task_id: str
    execution_id: str = ""


@dataclass(frozen=True)
class LogRow:
    """What the log shows of a task, its executions folded, or of an execution.

    Of ``celery_tasks_latest`` or ``celery_task_runs``, with a short payload: that of the newest execution.
    """

    task_id: str
    task_name: str
    app: str
    state: str
    reason: str
    executions: int
    retries: int
    first_published_at: datetime
    eta: datetime | None
    duration_ns: int | None
    queue_wait_ns: int | None
    queue: str
    priority: int | None
    worker: str
    exc_type: str
    exc_message: str
    args_short: str
    """First 200 characters of args, then of kwargs, as stored."""
    kwargs_short: str
    execution_id: str = ""
    """Set only in the view with one row per execution."""


@dataclass(frozen=True, kw_only=True)
class TaskRow(LogRow):
    """A row of the log with all that is known of it."""

    published_at: datetime | None
    received_at: datetime | None
    expires: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    redelivered: bool
    root_id: str
    parent_id: str
    is_error: bool
    trace_id: str


@dataclass(frozen=True)
class LogPage:
    """As ``TaskPage`` with rows that say what the log shows, which takes a third less to read."""

    rows: list[LogRow]
    next: Cursor | None


@dataclass(frozen=True)
class TaskPage:
    """One page of rows and the cursors of its neighbours."""

    rows: list[TaskRow]
    next: Cursor | None
    """Give as ``after`` for the page that follows; None on the last."""


@dataclass(frozen=True)
class TaskSpan:
    """What an answer is based on."""

    count: int
    oldest: datetime | None
    newest: datetime | None
    kept_hours: int | None
    """How long rows are kept at least (from the table's TTL), None when for ever."""


@dataclass(frozen=True)
class FacetValue:
    value: str | int | None
    count: int


@dataclass(frozen=True)
class Facets:
    """Values with counts, most frequent first; each facet obeys all filters but its own."""

    states: list[FacetValue] = field(default_factory=list)
    apps: list[FacetValue] = field(default_factory=list)
    names: list[FacetValue] = field(default_factory=list)
    exceptions: list[FacetValue] = field(default_factory=list)
    queues: list[FacetValue] = field(default_factory=list)
    workers: list[FacetValue] = field(default_factory=list)
    priorities: list[FacetValue] = field(default_factory=list)


@dataclass(frozen=True)
class HistogramBucket:
    start: datetime
    state: str
    count: int


@dataclass(frozen=True)
class Histogram:
    """Tasks over time by state; buckets without tasks are left out (the reader fills with zero)."""

    bucket_seconds: int
    since: datetime
    until: datetime
    buckets: list[HistogramBucket]


@dataclass(frozen=True)
class Execution:
    """One run of a task: a row of ``celery_task_runs``."""

    execution_id: str
    task_id: str
    task_name: str
    app: str
    state: str
    reason: str
    retries: int
    first_published_at: datetime
    published_at: datetime | None
    received_at: datetime | None
    started_at: datetime
    ended_at: datetime
    eta: datetime | None
    expires: datetime | None
    duration_ns: int | None
    queue_wait_ns: int | None
    queue_wait_raw_ns: int | None
    prefetch_wait_ns: int | None
    queue: str
    routing_key: str
    priority: int | None
    redelivered: bool
    worker: str
    boot_id: str
    pid: int
    host: str
    service: str
    environment: str
    release: str
    root_id: str
    parent_id: str
    group_id: str
    group_index: int | None
    chord_id: str
    args: str
    kwargs: str
    result: str
    payload_notes: str
    exc_type: str
    exc_message: str
    exc_stacktrace: str
    exc_fingerprint: str
    is_error: bool
    is_eager: bool
    trace_id: str
    span_id: str
    parent_span_id: str


@dataclass(frozen=True)
class RelatedTask:
    """A root, parent or child task, enough for a link."""

    task_id: str
    task_name: str
    state: str
    started_at: datetime | None
    duration_ns: int | None


@dataclass(frozen=True)
class Related:
    root: RelatedTask | None
    parent: RelatedTask | None
    children: list[RelatedTask]
    children_total: int


@dataclass(frozen=True)
class TraceSpan:
    """One span of a trace (``otel_traces``), with what a waterfall needs."""

    span_id: str
    parent_span_id: str
    name: str
    kind: str
    service: str
    start: datetime
    start_ns: int
    """Since the epoch."""
    duration_ns: int
    status: str
    task_id: str
    task_name: str
    state: str
    retries: int
    worker: str
    published_ns: int | None
    attributes: dict[str, str]
