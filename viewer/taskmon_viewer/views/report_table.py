"""The table beside a report's picture: the same rows, each a link to the executions behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from otel_taskmon.queries.report_model import ReportAnswer, ReportRow, Runtimes, drill_down
from taskmon_viewer.components.table import Column, Row, table
from taskmon_viewer.links import log_href
from taskmon_viewer.params import LogParams
from taskmon_viewer.report_values import (
    OTHERS_COLOR,
    colors,
    dimension_text,
    line_totals,
    share_text,
    value_text,
)
from taskmon_viewer.texts import clipped, duration, named, per_width

MAX_ROWS: Final = 200
_CELL_LENGTH: Final = 300
_SWATCH: Final = Column("", "swatch", 30)


def shown_rows(answer: ReportAnswer) -> list[ReportRow]:
    """The rows of the table: those of the picture, for a series one per line."""
    return line_totals(answer) if answer.report.kind == "series" else list(answer.rows)


def log_of(answer: ReportAnswer, row: ReportRow) -> LogParams:
    """The part of the log behind a row."""
    return LogParams.of_view(drill_down(answer, row))


def report_table(
    answer: ReportAnswer, rows: Sequence[ReportRow], *, key: str, height: str = "", members: bool = False
) -> int | None:
    """Draw at most ``MAX_ROWS`` rows; the number of the row that was opened just now, else None.

    ``members``: the rows are those of "Others", which have no colour of their own in the picture, nor points in it.
    """
    runtimes = any(row.runtimes is not None for row in rows)
    swatches = answer.report.kind in ("parts", "series") and not members
    over_time = answer.report.kind == "series" and not members
    known = colors(answer) if swatches else {}
    opened = table(
        _columns(answer, swatches, runtimes, over_time),
        [
            Row(
                id=str(number),
                cells=(
                    *((known.get(row.label, OTHERS_COLOR),) if swatches else ()),
                    *_cells(answer, row, runtimes, over_time),
                ),
                href="" if row.others else log_href(log_of(answer, row)),
            )
            for number, row in enumerate(rows[:MAX_ROWS])
        ],
        key=key,
        label=answer.report.title(answer.top),
        height=height,
        least_width=760 if runtimes else 0,
    )
    return int(opened) if opened is not None and opened.isdigit() else None


def _columns(answer: ReportAnswer, swatches: bool, runtimes: bool, over_time: bool) -> list[Column]:
    report = answer.report
    found = [_SWATCH] if swatches else []
    found.append(
        Column(dimension_text(report.dimension), "text", link=True, help="Opens these runs in the log")
    )
    if report.kind == "scatter":
        found.append(Column("App", "text", 90))
    if report.kind == "table":
        found.append(
            Column("Completed", "number", 120, "right", help="Average over all minutes of the window")
        )
    if over_time:
        found += [Column(label, "number", 110, "right", help=text) for label, text in _over_time(answer)]
    counted = "Samples" if report.dimension == "queue" else "Runs"
    found.append(Column(counted, "number", 76, "right"))
    if runtimes:
        found += [Column(name, "number", 84, "right") for name, _ in _RUNTIMES]
    if _shares(answer):
        found.append(Column("Share", "number", 70, "right"))
    return found


def _shares(answer: ReportAnswer) -> bool:
    counts = answer.report.kind != "table" and answer.report.dimension != "queue"
    return counts and any(row.share is not None for row in answer.rows)


_RUNTIMES: Final = (
    ("Average", "avg_ns"),
    ("p50", "p50_ns"),
    ("p95", "p95_ns"),
    ("p99", "p99_ns"),
    ("Max", "max_ns"),
    ("Total", "total_ns"),
)


def _over_time(answer: ReportAnswer) -> tuple[tuple[str, str], ...]:
    per = per_width(answer.bucket_seconds or 60)
    if answer.report.dimension == "queue":
        return (("Average", "Of all samples"), ("Peak", f"Most {per}"), ("Last", "The newest sample"))
    return (("Average/min", "Over all minutes of the range"), (f"Peak {per}", "The highest bar"))


def _over_time_cells(answer: ReportAnswer, row: ReportRow) -> list[str]:
    points = [each for each in answer.rows if (each.label, each.others) == (row.label, row.others)]
    values = [each.value for each in points if each.value is not None]
    peak = f"{max(values, default=0):,.0f}"
    if answer.report.dimension == "queue":
        weighted = sum((each.value or 0) * each.count for each in points)
        return [
            f"{weighted / row.count:,.1f}" if row.count else "–",
            peak,
            f"{values[-1]:,.0f}" if values else "–",
        ]
    wanted = answer.wanted
    minutes = (wanted.until - wanted.since).total_seconds() / 60 if wanted.since and wanted.until else 0
    return [f"{row.count / minutes:,.2f}" if minutes else "–", peak]


def _cells(answer: ReportAnswer, row: ReportRow, runtimes: bool, over_time: bool) -> list[str]:
    report = answer.report
    cells = [clipped(row.label if report.dimension == "window" else named(row.label), _CELL_LENGTH)]
    if report.kind == "scatter":
        cells.append(clipped(named(row.app), _CELL_LENGTH))
    if report.kind == "table":
        cells.append(value_text(row.value, report.unit))
    if over_time:
        cells += _over_time_cells(answer, row)
    cells.append(f"{row.count:,}")
    if runtimes:
        cells += [_runtime(row.runtimes, name) for _, name in _RUNTIMES]
    if _shares(answer):
        cells.append(share_text(row.share))
    return cells


def _runtime(runtimes: Runtimes | None, name: str) -> str:
    value: float | None = getattr(runtimes, name) if runtimes else None
    return duration(None if value is None else round(value))
