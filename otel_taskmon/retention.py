"""How long rows are kept: the settings, applied to the tables that are there as their TTL.

The engine deletes by itself, in the background and with no traffic. Where rows are kept for days, a whole part goes
when its last row is due; below ``ROW_WISE_HOURS``, or where failures are kept longer, rows go one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from otel_taskmon._setting_ages import Age, Forever
from otel_taskmon.errors import SettingError
from otel_taskmon.migrate import Database
from otel_taskmon.queries.statements import statement
from otel_taskmon.settings import RetentionSettings

ROW_WISE_HOURS: Final = 72
"""Partitions are days: with whole parts alone, a cut to one hour would delete nothing for a day."""
_QUEUE_DEPTH_HOURS: Final = 90 * 24
_METRICS_HOURS: Final = 7 * 24
_EVENTS_HOURS: Final = 7 * 24
"""At most: once a task has ended, nothing asks when it was received and started but its own row."""

_Group = Literal["tasks", "events", "statistics", "queue_depth", "metrics"]


@dataclass(frozen=True)
class _Table:
    """``column`` is the time that ages; ``no_failure`` names the condition file of a table that knows failures."""

    column: str
    group: _Group
    no_failure: str = ""
    whole_parts: bool = True
    """False for a table without partitions by time: a part of it is hardly ever due as a whole."""


_TABLES: Final[Mapping[str, _Table]] = {
    "otel_traces": _Table("Timestamp", "tasks", "no_failure_status"),
    "otel_traces_trace_id_ts": _Table("Start", "tasks"),
    "otel_logs": _Table("Timestamp", "events"),
    "celery_task_runs": _Table("started_at", "tasks", "no_failure_flag"),
    "celery_task_sends": _Table("sent_at", "tasks"),
    "celery_task_events": _Table("ts", "events"),
    "celery_tasks": _Table("changed_at", "tasks", "no_failure_flag"),
    "celery_worker_boots": _Table("heard_at", "tasks", whole_parts=False),
    "celery_task_stats_1h": _Table("hour", "statistics"),
    "celery_task_stats_1d": _Table("day", "statistics"),
    "celery_queue_depth": _Table("ts", "queue_depth"),
    "otel_metrics_gauge": _Table("TimeUnix", "metrics"),
    "otel_metrics_sum": _Table("TimeUnix", "metrics"),
    "otel_metrics_histogram": _Table("TimeUnix", "metrics"),
    "otel_metrics_exponential_histogram": _Table("TimeUnix", "metrics"),
    "otel_metrics_summary": _Table("TimeUnix", "metrics"),
}
TABLES: Final = tuple(_TABLES)
"""Tables whose rows age; ``audit`` and ``saved_views`` are kept until somebody deletes them."""


@dataclass(frozen=True)
class Keeping:
    """How long one table keeps its rows; ``failures`` is None where they go with the others."""

    table: str
    age: Age
    failures: Age | None = None

    @property
    def hours(self) -> list[int]:
        """The numbers of its TTL, in their order; empty where rows are kept for ever."""
        return [age for age in (self.age, self.failures) if isinstance(age, int)]

    @property
    def by_row(self) -> bool:
        """Whether rows go one by one."""
        short = isinstance(self.age, int) and self.age < ROW_WISE_HOURS
        return short or self.failures is not None or not _TABLES[self.table].whole_parts

    def __str__(self) -> str:
        said = f"{self.table}: {_said(self.age)}"
        return said if self.failures is None else f"{said}, failures {_said(self.failures)}"


def _said(age: Age) -> str:
    return "for ever" if isinstance(age, Forever) else f"{age} h"


def wanted(settings: RetentionSettings) -> tuple[Keeping, ...]:
    """What the settings mean for each table.

    Raises SettingError for a table that does not exist or has no age, and for failures that would go before the rest.
    """
    for table in settings.table_max_age:
        if table not in _TABLES:
            raise SettingError("TASKMON_TABLE_MAX_AGE", table, f"one of the tables {', '.join(TABLES)}")
    failures = settings.failures_max_age
    if failures is not None and _longer(settings.data_max_age, failures):
        raise SettingError(
            "TASKMON_FAILURES_MAX_AGE",
            failures,
            f"not less than TASKMON_DATA_MAX_AGE ({settings.data_max_age})",
        )
    return tuple(_keeping(name, table, settings) for name, table in _TABLES.items())


def _keeping(name: str, table: _Table, settings: RetentionSettings) -> Keeping:
    if name in settings.table_max_age:
        return Keeping(name, settings.table_max_age[name])
    if table.group == "events":
        most = settings.data_max_age
        return Keeping(name, min(most, _EVENTS_HOURS) if isinstance(most, int) else most)
    if table.group != "tasks":
        ages: Mapping[_Group, Age] = {
            "statistics": settings.statistics_max_age,
            "queue_depth": _QUEUE_DEPTH_HOURS,
            "metrics": _METRICS_HOURS,
        }
        return Keeping(name, ages[table.group])
    failures = settings.failures_max_age
    if failures is None or not _longer(failures, settings.data_max_age):
        return Keeping(name, settings.data_max_age)
    if table.no_failure:
        return Keeping(name, settings.data_max_age, failures)
    # without the times of its trace, a span that is kept would not be found
    return Keeping(name, failures if name == "otel_traces_trace_id_ts" else settings.data_max_age)


def _longer(one: Age, other: Age) -> bool:
    if isinstance(other, Forever):
        return False
    return isinstance(one, Forever) or one > other


def time_column(table: str) -> str:
    """The column by which the rows of one of TABLES age."""
    return _TABLES[table].column


def changes(database: Database, settings: RetentionSettings) -> list[Keeping]:
    """The tables that keep their rows for another time than the settings say. Raises SettingError."""
    found = {
        str(row[0]): row[1:]
        for row in database.fetch(statement("retention_current"), {"tables": list(TABLES)})
    }
    return [each for each in wanted(settings) if each.table in found and differs(found[each.table], each)]


def apply(database: Database, settings: RetentionSettings) -> list[Keeping]:
    """Bring the tables to the settings; those that changed. Deleting begins at once, in the background.

    Raises SettingError; errors of a statement pass through as the database raises them, and the next run goes on.
    """
    changed = changes(database, settings)
    for each in changed:
        apply_one(database, each)
    return changed


def differs(current: Sequence[object], keeping: Keeping) -> bool:
    """Whether a table keeps its rows for another time; ``current`` is its row of ``retention_current`` but the name."""
    hours, with_failures, by_row, _ = current
    if not keeping.hours:
        return hours != []
    return not (
        list(hours) == keeping.hours  # type: ignore[call-overload]  # an Array of the answer
        and bool(with_failures) == (keeping.failures is not None)
        and bool(by_row) == keeping.by_row
    )


def apply_one(database: Database, keeping: Keeping) -> None:
    """Bring one table to what ``changes`` said of it."""
    table = _TABLES[keeping.table]
    bound: dict[str, object] = {"table": keeping.table, "column": table.column}
    if isinstance(keeping.age, Forever):
        database.execute(statement("retention_for_ever"), bound)
        return
    # The way first: it decides what the new TTL does to the rows that are there.
    database.execute(statement("retention_by_row" if keeping.by_row else "retention_by_part"), bound)
    bound["hours"] = keeping.age
    if keeping.failures is None:
        question = statement("retention_keep")
    elif isinstance(keeping.failures, Forever):
        question = statement("retention_keep_failures_for_ever", no_failure=table.no_failure)
    else:
        question = statement("retention_keep_failures", no_failure=table.no_failure)
        bound["failure_hours"] = keeping.failures
    database.execute(question, bound)
