"""Throughput in figures: averages over all minutes of a window, the empty ones too, and the fullest minute."""

from __future__ import annotations

from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import moment
from otel_taskmon.queries.report_model import DEFAULT_TOP, BasedOn, Report, ReportAnswer, ReportRow
from otel_taskmon.queries.report_range import HOUR_US, ReportRange
from otel_taskmon.queries.statements import statement

HOURS: Final = (1, 3, 6, 12, 24)
"""Windows that end with the range; one that would begin before it is left out."""
MINUTE_US: Final = 60_000_000


def windows(client: Client, report: Report, asked: ReportRange) -> ReportAnswer:
    """ "last N h" for the windows that fit, "overall", and "peak": the calendar minute with the most.

    From hourly statistics the peak is the fullest hour, as the average of its minutes.
    """
    since_us, until_us = asked.since_us, asked.until_us
    begins = [until_us - hours * HOUR_US for hours in HOURS]
    peak_us = HOUR_US if asked.source == "hourly" else MINUTE_US
    answer = client.ask(
        statement("report_windows", **asked.slots()),
        asked.parameters()
        | {
            "failed_only": int(report.failed),
            "ran_only": int(report.ran),
            "states": list(report.states),
            "bucket_us": peak_us,
            "window_us": begins,
        },
    )
    overall, counts, peak, peak_bucket, runs, oldest, newest = answer.only()
    rows: list[ReportRow] = []
    if runs:
        for hours, begin, count in zip(HOURS, begins, counts, strict=True):
            if begin >= since_us:
                rows.append(_row(f"last {hours} h", count, begin, until_us))
        rows.append(_row("overall", overall, since_us, until_us))
        rows.append(_row("peak", peak, peak_bucket * peak_us, (peak_bucket + 1) * peak_us))
    return ReportAnswer(
        report=report,
        rows=tuple(rows),
        members=(),
        wanted=asked.wanted,
        based_on=BasedOn(runs, oldest, newest),
        as_of=asked.as_of,
        top=DEFAULT_TOP,
        rows_total=len(rows),
        bucket_seconds=peak_us // 1_000_000,
        source=asked.source,
        off=tuple(name for name in asked.off if name != "percentiles"),
    )


def _row(label: str, count: int, since_us: int, until_us: int) -> ReportRow:
    per_minute = count * MINUTE_US / (until_us - since_us)
    return ReportRow(label, value=per_minute, count=count, start=moment(since_us), end=moment(until_us))
