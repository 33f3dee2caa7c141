"""The 17 reports, in the order of the navigation."""

from __future__ import annotations

from typing import Final

from otel_taskmon.queries.report_model import Group, Report, ReportKey

_ALL: Final = (
    Report("task_runs_by_state", "Overview", "Task runs by state", "Task runs by state", "parts", "runs", "state"),
    Report("task_runs_by_app", "Overview", "Task runs by app", "Task runs by app", "parts", "runs", "app"),
    Report(
        "tasks_throughput", "Overview", "Throughput", "Completed tasks per minute", "table", "runs/min", "window",
        states=("SUCCESS",),
    ),
    Report(
        "apps_top_runs", "Top Apps", "Top apps by total task runs", "Top {top} apps by total task runs", "ranking",
        "runs", "app",
    ),
    Report(
        "apps_top_cum_runtime", "Top Apps", "Top apps by total task runtime", "Top {top} apps by total task runtime",
        "ranking", "ns", "app", sort="runtime", ran=True,
    ),
    Report(
        "tasks_top_runs", "Top Tasks", "Top tasks by runs", "Top {top} tasks by runs", "ranking", "runs", "task",
    ),
    Report(
        "tasks_top_max_runtime", "Top Tasks", "Top tasks by max runtime", "Top {top} tasks by longest single runtime",
        "ranking", "ns", "task", sort="runtime", ran=True,
    ),
    Report(
        "tasks_top_avg_runtime", "Top Tasks", "Top tasks by avg runtime", "Top {top} tasks by average runtime",
        "ranking", "ns", "task", sort="runtime", ran=True,
    ),
    Report(
        "tasks_top_cum_runtime", "Top Tasks", "Top tasks by total runtime", "Top {top} tasks by total runtime",
        "ranking", "ns", "task", sort="runtime", ran=True,
    ),
    Report(
        "tasks_top_failed", "Top Tasks", "Top tasks by failed runs", "Top {top} tasks by failed runs", "ranking",
        "runs", "task", failed=True,
    ),
    Report(
        "tasks_top_retried", "Top Tasks", "Top tasks by retried runs", "Top {top} tasks by retried runs", "ranking",
        "runs", "task", states=("RETRY",),
    ),
    Report(
        "tasks_throughput_by_state", "Over time", "Throughput by state", "Executed tasks by state", "series", "runs",
        "state",
    ),
    Report(
        "tasks_throughput_by_app", "Over time", "Throughput by app", "Completed tasks by app", "series", "runs", "app",
        states=("SUCCESS",),
    ),
    Report(
        "exceptions_throughput", "Over time", "Exceptions over time", "Exceptions", "series", "runs", "exception",
    ),
    Report(
        "app_failures_over_time", "Over time", "App failures over time", "Failed tasks by app", "series", "runs", "app",
        failed=True,
    ),
    Report(
        "queue_length_over_time", "Over time", "Queue length over time", "Messages waiting by queue", "series",
        "messages", "queue",
    ),
    Report(
        "task_statistics", "Task analysis", "Task runs vs. runtime", "Task runs vs. average runtime (logarithmic)",
        "scatter", "ns", "task", sort="runtime", ran=True,
    ),
)  # fmt: skip

REPORTS: Final[dict[ReportKey, Report]] = {report.key: report for report in _ALL}
"""Key -> report, in the order of the navigation."""


def grouped() -> dict[Group, list[Report]]:
    """The reports under their five groups."""
    groups: dict[Group, list[Report]] = {}
    for report in _ALL:
        groups.setdefault(report.group, []).append(report)
    return groups
