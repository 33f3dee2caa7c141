"""The 17 reports: one function, which answers each fresh from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import (
    DEFAULT_TOP,
    NOTHING,
    OTHERS,
    PARTS_SHOWN,
    BasedOn,
    Kind,
    Report,
    ReportAnswer,
    ReportFilter,
    ReportKey,
    ReportRow,
    Runtimes,
)
from otel_taskmon.queries.report_range import ReportRange, report_range
from otel_taskmon.queries.report_series import queue_lengths, series
from otel_taskmon.queries.report_windows import windows
from otel_taskmon.queries.statements import statement

BUCKETS: Final = 90
DOTS_SHOWN: Final = 20_000
NO_LIMIT: Final = 2**32 - 1

_VALUES: Final[dict[ReportKey, str]] = {
    "apps_top_cum_runtime": "total",
    "tasks_top_cum_runtime": "total",
    "tasks_top_max_runtime": "max",
    "tasks_top_avg_runtime": "avg",
}
"""What a ranking is ordered by; the others by the number of executions."""


def ask_report(
    client: Client, key: ReportKey, wanted: ReportFilter, *, top: int = DEFAULT_TOP, buckets: int = BUCKETS
) -> ReportAnswer:
    """The answer of one report.

    ``top``: rows of a ranking. ``buckets``: about how many a series has; the width is chosen so that a person can say
    it. Raises ValueError for a ``top`` or ``buckets`` below 1, StoreUnavailable and QueryFailed as every question.
    """
    if top < 1 or buckets < 1:
        raise ValueError(f"top and buckets must be at least 1, not {top} and {buckets}")
    report = REPORTS[key]
    asked = report_range(client, wanted, samples=report.dimension == "queue")
    if report.dimension == "queue":
        return queue_lengths(client, report, asked, buckets)
    return _KINDS[report.kind](client, report, asked, top, buckets)


def ranking(
    client: Client, report: Report, asked: ReportRange, *, top: int = DEFAULT_TOP, value: str = ""
) -> ReportAnswer:
    """The ``top`` largest rows; ``value`` names the order, by default the report's own."""
    rows, total, based_on = _ranked(client, report, asked, value or _VALUES.get(report.key, "runs"), top)
    return report_answer(report, asked, rows, based_on, top=top, rows_total=total)


def _parts(client: Client, report: Report, asked: ReportRange, _top: int, _buckets: int) -> ReportAnswer:
    rows, total, based_on = _ranked(client, report, asked, "runs", NO_LIMIT)
    shown, rest = rows[:PARTS_SHOWN], rows[PARTS_SHOWN:]
    if rest:
        count = sum(row.count for row in rest)
        shares = sum(row.share or 0 for row in rest)
        shown.append(ReportRow(OTHERS, value=count, count=count, share=shares, others=True))
    return report_answer(report, asked, shown, based_on, members=tuple(rest), rows_total=total)


def _top(client: Client, report: Report, asked: ReportRange, top: int, _buckets: int) -> ReportAnswer:
    return ranking(client, report, asked, top=top)


def _dots(client: Client, report: Report, asked: ReportRange, _top: int, _buckets: int) -> ReportAnswer:
    rows, total, based_on = _ranked(client, report, asked, "avg", DOTS_SHOWN)
    return report_answer(report, asked, rows, based_on, rows_total=total)


def _series(client: Client, report: Report, asked: ReportRange, _top: int, buckets: int) -> ReportAnswer:
    return series(client, report, asked, buckets)


def _windows(client: Client, report: Report, asked: ReportRange, _top: int, _buckets: int) -> ReportAnswer:
    return windows(client, report, asked)


_KINDS: Final[dict[Kind, Callable[[Client, Report, ReportRange, int, int], ReportAnswer]]] = {
    "parts": _parts,
    "ranking": _top,
    "series": _series,
    "table": _windows,
    "scatter": _dots,
}


def report_answer(
    report: Report,
    asked: ReportRange,
    rows: list[ReportRow],
    based_on: BasedOn,
    *,
    rows_total: int,
    members: tuple[ReportRow, ...] = (),
    top: int = DEFAULT_TOP,
) -> ReportAnswer:
    """Rows of a report that was asked for this range, with all that is said beside them."""
    return ReportAnswer(
        report=report,
        rows=tuple(rows),
        members=members,
        wanted=asked.wanted,
        based_on=based_on,
        as_of=asked.as_of,
        top=top,
        rows_total=rows_total,
        bucket_seconds=None,
        source=asked.source,
        off=asked.off if report.ran else tuple(name for name in asked.off if name != "percentiles"),
    )


def _ranked(
    client: Client, report: Report, asked: ReportRange, value: str, limit: int
) -> tuple[list[ReportRow], int, BasedOn]:
    """Rows in order, how many there are in all, and what they are based on."""
    asked = asked.by_day(client)
    by = "task_and_app" if report.kind == "scatter" else report.dimension
    slots = asked.slots() | {"by": f"report_by_{by}", "value": f"report_value_{value}"}
    if not report.ran:
        slots["report_figures"] = "report_figures_off"
    answer = client.ask(
        statement("report_ranking", **slots),
        asked.parameters() | counted_parameters(report) | {"limit": limit},
    )
    if not answer.rows:
        return [], 0, NOTHING
    records = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    first = records[0]
    # An average or a maximum is no part of a whole.
    whole = first["value_of_all"] if value in ("runs", "total") else None
    rows = [report_row(report, record, whole) for record in records if record["counted"]]
    based_on = BasedOn(first["runs_of_all"], first["oldest_of_all"], first["newest_of_all"])
    return rows, first["labels"], based_on


def counted_parameters(report: Report) -> dict[str, object]:
    """What ``report_counted`` needs."""
    return {
        "failed_only": int(report.failed),
        "ran_only": int(report.ran),
        "states": list(report.states),
    }


def report_row(report: Report, record: Mapping[str, Any], whole: int | None) -> ReportRow:
    """A row of a ranking; ``record`` has the columns of ``report_ranking``, ``whole`` is what all values come to."""
    return ReportRow(
        label=record["label"],
        value=record["value"],
        count=record["counted"],
        share=record["value"] / whole if whole else None,
        app=record["its_app"] if report.kind == "scatter" else None,
        runtimes=_runtimes(record) if report.ran else None,
    )


def _runtimes(record: Mapping[str, Any]) -> Runtimes:
    p50, p95, p99 = (round(value) for value in record["runtimes"])
    return Runtimes(
        count=record["counted"],
        min_ns=record["min_ns"],
        avg_ns=record["total_ns"] / record["counted"],
        p50_ns=p50,
        p95_ns=p95,
        p99_ns=p99,
        max_ns=record["max_ns"],
        total_ns=record["total_ns"],
    )
