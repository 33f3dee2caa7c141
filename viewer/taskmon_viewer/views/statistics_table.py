"""From rows of the statistics to the cells of their table, and where each cell leads; pure."""

from __future__ import annotations

from typing import Final

from otel_taskmon.queries.report_model import StatisticsColumn, StatisticsPage, StatisticsRow
from otel_taskmon.queries.statistics import Counted, Measured, drill_down
from taskmon_viewer.components.table import Column, Row
from taskmon_viewer.links import log_href
from taskmon_viewer.params import LogParams
from taskmon_viewer.report_values import share_text
from taskmon_viewer.texts import clipped, duration, named

LEAST_WIDTH: Final = 1860
_CELL_LENGTH: Final = 300
_SHOWN: Final[tuple[tuple[str, StatisticsColumn, int, str], ...]] = (
    ("App", "app", 96, "Name of the app"),
    ("Runs", "runs", 76, "Executions, those that never started among them"),
    ("Succeeded", "succeeded", 98, "Executions that ended well"),
    ("Failed", "failed", 76, "Executions that failed, expected exceptions left out"),
    ("Retried", "retried", 82, "Executions that asked for a retry"),
    ("Not started", "never_started", 104, "Revoked, expired or rejected before anything ran"),
    ("Lost", "lost", 68, "Tasks whose process or worker is gone"),
    ("Failure rate", "failure_rate", 104, "Failed of all executions"),
    ("Retry rate", "retry_rate", 96, "Retried of all executions"),
    ("Min", "min_ns", 78, "Shortest runtime"),
    ("Average", "avg_ns", 88, "Average runtime"),
    ("p50", "p50_ns", 78, "Half of the runtimes are shorter"),
    ("p95", "p95_ns", 78, "95 % of the runtimes are shorter"),
    ("p99", "p99_ns", 78, "99 % of the runtimes are shorter"),
    ("Max", "max_ns", 82, "Longest runtime"),
    ("Total", "total_ns", 96, "All runtimes together"),
    ("Share", "runtime_share", 76, "Of all runtime of this table, all its pages"),
    ("Wait p95", "wait_p95_ns", 92, "95 % of the queue waits are shorter"),
)
"""Heading, column, pixels, help; after the name and the trend."""
_COUNTED: Final[dict[StatisticsColumn, Counted]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "retried": "retried",
    "never_started": "never_started",
    "lost": "lost",
}
_MEASURED: Final[dict[StatisticsColumn, Measured]] = {"max_ns": "runtime", "wait_p95_ns": "wait"}
_LEADS: Final[dict[StatisticsColumn, Counted | Measured]] = {**_COUNTED, **_MEASURED}
_BY_LABEL: Final = {label: name for label, name, _, _ in _SHOWN}


def columns(trend: str) -> list[Column]:
    """``trend``: what one point of the trend is, for its help."""
    return [
        Column(
            "Name", "text", 230, sort="task_name", link=True, help="Opens all runs of this task in the log"
        ),
        Column("Trend", "spark", 110, help=f"Runs over the range, one point is {trend}"),
        *(
            Column(
                label,
                "text" if name == "app" else "number",
                width,
                "left" if name == "app" else "right",
                sort=name,
                help=text,
            )
            for label, name, width, text in _SHOWN
        ),
    ]


def table_row(page: StatisticsPage, number: int) -> Row:
    """The row of that number, with links for every count that is not 0."""
    row = page.rows[number]
    return Row(
        id=str(number),
        cells=(
            clipped(named(row.task_name), _CELL_LENGTH),
            ",".join(map(str, row.trend)),
            *(_cell(row, name) for _, name, _, _ in _SHOWN),
        ),
        href=log_href(_log(page, row, "runs")),
        links={
            label: log_href(_log(page, row, _LEADS[name]))
            for label, name, _, _ in _SHOWN
            if name in _LEADS and getattr(row, name)
        },
    )


def opened_log(page: StatisticsPage, opened: str) -> LogParams | None:
    """The part of the log that a click asks for; ``opened`` as the table gives it."""
    number, _, label = opened.partition("\n")
    if not number.isdigit() or int(number) >= len(page.rows):
        return None
    name = _BY_LABEL.get(label)
    what = _LEADS.get(name, "runs") if name else "runs"
    return _log(page, page.rows[int(number)], what)


def _log(page: StatisticsPage, row: StatisticsRow, what: Counted | Measured) -> LogParams:
    return LogParams.of_view(drill_down(page, row, what))


def _cell(row: StatisticsRow, name: StatisticsColumn) -> str:
    value = getattr(row, name)
    if name == "app":
        return clipped(named(value), _CELL_LENGTH)
    if name.endswith("_ns"):
        nothing = value is None or (name == "total_ns" and row.max_ns is None)
        return "–" if nothing else duration(round(value))
    if name in ("failure_rate", "retry_rate", "runtime_share"):
        return share_text(value)
    return f"{value:,}"
