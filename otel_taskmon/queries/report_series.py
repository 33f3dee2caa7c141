"""Reports over time: every line has every bucket, and what is too many lines becomes "Others"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import moment
from otel_taskmon.queries.report_model import (
    DEFAULT_TOP,
    NOTHING,
    OTHERS,
    PARTS_SHOWN,
    BasedOn,
    Report,
    ReportAnswer,
    ReportRow,
)
from otel_taskmon.queries.report_range import ReportRange
from otel_taskmon.queries.statements import statement

LEFT_OUT: Final[dict[str, list[str]]] = {"exception": ["", "celery.exceptions.Retry"]}
"""No exception at all, and Celery's own wrapper, which says nothing of the cause."""

Points = Mapping[int, int]
"""Number of the bucket -> executions."""


def series(client: Client, report: Report, asked: ReportRange, buckets: int) -> ReportAnswer:
    """Executions per bucket and line, the largest line first, "Others" last."""
    seconds = asked.bucket_seconds(buckets)
    answer = client.ask(
        statement("report_series", **asked.slots(), by=f"report_by_{report.dimension}"),
        asked.parameters()
        | {
            "failed_only": int(report.failed),
            "ran_only": int(report.ran),
            "states": list(report.states),
            "left_out": LEFT_OUT.get(report.dimension, []),
            "bucket_us": seconds * 1_000_000,
            "lines": PARTS_SHOWN,
        },
    )
    based_on, lines, members = NOTHING, list[tuple[str, bool, Points]](), list[ReportRow]()
    for others, label, points, total, found, runs, oldest, newest in answer.rows:
        based_on = BasedOn(runs, oldest, newest)
        if not total:
            continue
        lines.append((OTHERS if others else label, bool(others), dict(zip(*points, strict=True))))
        if others:
            found.sort(key=lambda member: (-member[1], member[0]))
            members = [ReportRow(name, value=count, count=count) for name, count in found]
    return ReportAnswer(
        report=report,
        rows=_filled(lines, asked.buckets(seconds), seconds),
        members=tuple(members),
        wanted=asked.wanted,
        based_on=based_on,
        as_of=asked.as_of,
        top=DEFAULT_TOP,
        rows_total=sum(not others for _, others, _ in lines) + len(members),
        bucket_seconds=seconds,
        source=asked.source,
        off=tuple(name for name in asked.off if name != "percentiles"),
    )


def _filled(lines: list[tuple[str, bool, Points]], buckets: range, seconds: int) -> tuple[ReportRow, ...]:
    whole = {bucket: sum(points.get(bucket, 0) for _, _, points in lines) for bucket in buckets}
    return tuple(
        ReportRow(
            label,
            value=points.get(bucket, 0),
            count=points.get(bucket, 0),
            share=points.get(bucket, 0) / whole[bucket] if whole[bucket] else None,
            start=moment(bucket * seconds * 1_000_000),
            end=moment((bucket + 1) * seconds * 1_000_000),
            others=others,
        )
        for label, others, points in lines
        for bucket in buckets
    )


def queue_lengths(client: Client, report: Report, asked: ReportRange, buckets: int) -> ReportAnswer:
    """Average length of each queue per bucket; a bucket without a sample has no value, which is not zero."""
    seconds = asked.bucket_seconds(buckets)
    answer = client.ask(
        statement("report_queue_lengths"), asked.parameters() | {"bucket_us": seconds * 1_000_000}
    )
    rows: list[ReportRow] = []
    samples, times = 0, []
    for queue, found, depths, counts, count, oldest, newest in answer.rows:
        samples += count
        times += [oldest, newest]
        points = {bucket: (depth, seen) for bucket, depth, seen in zip(found, depths, counts, strict=True)}
        for bucket in asked.buckets(seconds):
            depth, seen = points.get(bucket, (None, 0))
            start, end = moment(bucket * seconds * 1_000_000), moment((bucket + 1) * seconds * 1_000_000)
            rows.append(ReportRow(queue, value=depth, count=seen, start=start, end=end))
    return ReportAnswer(
        report=report,
        rows=tuple(rows),
        members=(),
        wanted=asked.wanted,
        based_on=BasedOn(samples, min(times), max(times)) if times else NOTHING,
        as_of=asked.as_of,
        top=DEFAULT_TOP,
        rows_total=len(answer.rows),
        bucket_seconds=seconds,
        source=asked.source,
        off=asked.off,
    )
