"""From query rows to the cells of the log's table; pure."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

from otel_taskmon.queries.model import LogRow
from taskmon_viewer.components.table import Column, Row
from taskmon_viewer.links import task_href
from taskmon_viewer.report_values import zoned_clock
from taskmon_viewer.texts import clipped, day_and_clock, duration, named, short_payload, utc

CELL_LENGTH: Final = 300
"""Characters of a cell: a name of 10 000 must not fill the page's memory a hundred times."""

LEAST_WIDTH: Final = 1120
_EXCEPTION: Final = "Exception"
_TIME: Final = "Time (UTC)"
# What is looked for first stands first: where the window is narrow, the last columns are those out of sight.
_COLUMNS: Final = (
    Column(
        _TIME, "time", 136, sort="time", link=True, help="When the task was first published. Opens the task."
    ),
    Column("State", "state", 102),
    Column("Name", "name", 172),
    Column("App", "text", 74),
    Column("Arguments", "mono"),
    Column(_EXCEPTION, "error", help="Exception of the newest execution, or why it ended otherwise"),
    Column("Runtime", "number", 78, align="right", sort="runtime", help="Runtime of the newest execution"),
    Column(
        "Wait", "number", 70, align="right", sort="wait", help="Queue wait: published (or due) until started"
    ),
    Column(
        "Retries",
        "number",
        70,
        align="right",
        sort="retries",
        help="Retries, then executions if more than one",
    ),
    Column("Queue", "text", 66),
    Column("Worker", "text", 86),
    Column("Prio", "number", 40, align="right", help="Priority of the message"),
)


def columns() -> tuple[Column, ...]:
    """The log's columns, the same for tasks and executions."""
    return _COLUMNS


def row(task: LogRow, local: tzinfo | None = None) -> Row:
    """A row of either view; of executions when ``execution_id`` is set. ``local``: the reader's time zone, in which the
    time is said as well when it is hovered over."""
    cells = (
        day_and_clock(task.first_published_at),
        task.state,
        task.task_name,
        named(task.app),
        short_payload(task.args_short, task.kwargs_short),
        error_text(short_type(task.exc_type), task.exc_message, task.reason),
        duration(task.duration_ns),
        duration(task.queue_wait_ns),
        f"{task.retries} ({task.executions}×)" if task.executions > 1 else str(task.retries),
        task.queue or "–",
        task.worker or "–",
        "–" if task.priority is None else str(task.priority),
    )
    return Row(
        id=row_id(task.task_id, task.execution_id),
        cells=tuple(clipped(cell, CELL_LENGTH) for cell in cells),
        href=task_href(task.task_id, task.execution_id),
        titles={
            _TIME: f"{_both_clocks(task.first_published_at, local)}, task {task.task_id}",
            _EXCEPTION: error_text(task.exc_type, task.exc_message, task.reason),
        },
    )


def _both_clocks(moment: datetime, local: tzinfo | None) -> str:
    at = utc(moment, fraction=6)
    return at if local is None else f"{at} ({zoned_clock(moment, local)} {local})"


def short_type(exc_type: str) -> str:
    """An exception's class without its module."""
    return exc_type.rsplit(".", 1)[-1]


def error_text(exc_type: str, exc_message: str, reason: str) -> str:
    """The exception in one line, the cause of another end, or ``–``."""
    text = f"{exc_type}: {exc_message}" if exc_type and exc_message else exc_type or exc_message or reason
    return clipped(" ".join(text.split()), CELL_LENGTH) or "–"


def row_id(task_id: str, execution_id: str) -> str:
    """Unique among the rows of a page; ``split_row_id`` takes it apart."""
    return f"{execution_id}\n{task_id}" if execution_id else task_id


def split_row_id(text: str) -> tuple[str, str]:
    """(task id, execution id)."""
    execution_id, separator, task_id = text.partition("\n")
    return (task_id, execution_id) if separator else (text, "")
