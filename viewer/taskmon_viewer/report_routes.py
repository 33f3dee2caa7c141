"""Reports and statistics as CSV."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from otel_taskmon.errors import QueryFailed, StoreUnavailable
from otel_taskmon.queries import reports, statistics
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.report_model import ReportAnswer, ReportRow
from taskmon_viewer import csv_text
from taskmon_viewer.report_params import ReportParams, parse_report_params

log = logging.getLogger(__name__)
REPORT_CSV_PATH: Final = "/api/report.csv"
STATISTICS_CSV_PATH: Final = "/api/statistics.csv"
RETRY_SECONDS: Final = 5
Table = tuple[Sequence[str], Iterable[Sequence[Any]]]

_COLUMNS: Final = (
    *("label", "others", "app", "value", "unit", "count", "share", "start", "end"),
    *("min_ns", "avg_ns", "p50_ns", "p95_ns", "p99_ns", "max_ns", "total_ns"),
)
"""Every report's, so that one program reads them all; what a report has no value for is empty."""


def report_routes(base_path: str, client: Callable[[], Client], top: int) -> list[BaseRoute]:
    """Routes under ``base_path``. ``top``: rows of a ranking whose address names no number."""

    def report(params: ReportParams, now: datetime) -> Table:
        answer = reports.ask_report(client(), params.report, params.report_filter(now), top=params.top or top)
        return _COLUMNS, _rows(answer)

    def statistics_table(params: ReportParams, now: datetime) -> Table:
        rows = statistics.statistics_rows(
            client(),
            params.report_filter(now),
            search=params.search,
            sort=params.sort,
            descending=params.descending,
        )
        return statistics.COLUMNS, ([getattr(row, name) for name in statistics.COLUMNS] for row in rows)

    return [
        _route(f"{base_path}{REPORT_CSV_PATH}", report, lambda params: params.report),
        _route(f"{base_path}{STATISTICS_CSV_PATH}", statistics_table, lambda _params: "task_statistics"),
    ]


def _rows(answer: ReportAnswer) -> Iterator[Sequence[Any]]:
    """What the picture shows, then what its "Others" consist of."""
    for row in answer.rows:
        yield _row(answer, row, "total" if row.others else "")
    for member in answer.members:
        yield _row(answer, member, "member")


def _row(answer: ReportAnswer, row: ReportRow, others: str) -> Sequence[Any]:
    runtimes = [getattr(row.runtimes, name) if row.runtimes else None for name in _COLUMNS[9:]]
    unit = answer.report.unit
    return [row.label, others, row.app, row.value, unit, row.count, row.share, row.start, row.end, *runtimes]


def _route(
    path: str, table: Callable[[ReportParams, datetime], Table], name: Callable[[ReportParams], str]
) -> Route:
    async def answer(request: Request) -> Response:
        query = parse_qs(request.url.query, keep_blank_values=True, max_num_fields=1_000)
        params, ignored = parse_report_params(query)
        if ignored:
            return PlainTextResponse("\n".join(["wrong parameters:", *map(str, ignored), ""]), 400)
        now = datetime.now(UTC)

        def first_piece() -> tuple[bytes, Iterator[bytes]]:
            header, rows = table(params, now)
            pieces = csv_text.csv_chunks(header, rows, ",")
            return next(pieces), pieces

        try:
            first, rest = await anyio.to_thread.run_sync(first_piece)
        except StoreUnavailable as error:
            return PlainTextResponse(f"{error}\n", 503, headers={"Retry-After": str(RETRY_SECONDS)})
        except QueryFailed as error:
            log.warning("a report as CSV failed: %s", error)
            return PlainTextResponse(f"{error}\n", 502)
        return StreamingResponse(
            csv_text.joined(first, rest),
            media_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{name(params)}-{now:%Y%m%dT%H%M%SZ}.csv"',
                "Cache-Control": "no-store",
            },
        )

    return Route(path, answer, methods=["GET"])
