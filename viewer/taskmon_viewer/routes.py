"""What the viewer serves beside its pages: the log as CSV, a sign of life, and the start page by its name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from otel_taskmon.errors import QueryFailed, StoreUnavailable
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.export import CSV_COLUMNS, csv_rows
from taskmon_viewer import csv_text
from taskmon_viewer.address import parse
from taskmon_viewer.params import LogParams

log = logging.getLogger(__name__)

EXPORT_PATH = "/api/export.csv"
HEALTH_PATH = "/healthz"
OVERVIEW_PATH = "/overview"
"""Streamlit knows its start page only as ``/``; every other page has a name, so people try this one."""
_DELIMITER_NAMES = {",": "comma", ";": "semicolon"}
RETRY_SECONDS = 5


def export_query(params: LogParams, delimiter: str) -> str:
    """The query string of the CSV with the rows of this view: same filters, all its pages, newest first."""
    query = params.changed(sort="time", descending=True, follow=False).to_query()
    if delimiter != ",":
        query["delimiter"] = _DELIMITER_NAMES[delimiter]
    return urlencode(query, doseq=True)


def routes(base_path: str, client: Callable[[], Client]) -> list[BaseRoute]:
    """Routes under ``base_path`` ("" or "/some/path"); ``client`` gives the store's client or raises
    StoreUnavailable."""

    async def export(request: Request) -> Response:
        return await _export(request, client)

    async def overview(request: Request) -> Response:
        query = request.url.query
        return RedirectResponse(f"{base_path}/?{query}" if query else f"{base_path}/")

    return [
        Route(f"{base_path}{EXPORT_PATH}", export, methods=["GET"]),
        Route(f"{base_path}{HEALTH_PATH}", _health, methods=["GET"]),
        Route(f"{base_path}{OVERVIEW_PATH}", overview, methods=["GET"]),
    ]


async def _health(_request: Request) -> Response:
    """Says that this process serves; whether the store answers is told by the pages."""
    return JSONResponse({"status": "ok"})


async def _export(request: Request, client: Callable[[], Client]) -> Response:
    query = parse_qs(request.url.query, keep_blank_values=True, max_num_fields=1_000)
    params, ignored = parse(query, known=("delimiter",))
    problems = [str(problem) for problem in ignored]
    delimiter = _delimiter(query.get("delimiter", [","])[0])
    if delimiter is None:
        problems.append(
            f"delimiter={query['delimiter'][0][:60]}: allowed is one of comma, semicolon, ',', ';'"
        )
    if problems or delimiter is None:
        return PlainTextResponse("\n".join(["wrong parameters:", *problems, ""]), 400)
    now = datetime.now(UTC)
    chunks = csv_text.csv_chunks(
        CSV_COLUMNS[params.per],
        _rows(client, params, now),
        delimiter,
    )
    try:
        # The first piece comes before the status line, so that a store that is away is a 503 and not an empty file.
        first = await anyio.to_thread.run_sync(next, chunks)
    except StoreUnavailable as error:
        return PlainTextResponse(f"{error}\n", 503, headers={"Retry-After": str(RETRY_SECONDS)})
    except QueryFailed as error:
        log.warning("the export failed: %s", error)
        return PlainTextResponse(f"{error}\n", 502)
    name = f"{params.per}-{now:%Y%m%dT%H%M%SZ}.csv"
    return StreamingResponse(
        csv_text.joined(first, chunks),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _delimiter(text: str) -> str | None:
    by_name = {name: sign for sign, name in _DELIMITER_NAMES.items()}
    return by_name.get(text, text if text in csv_text.DELIMITERS else None)


def _rows(client: Callable[[], Client], params: LogParams, now: datetime) -> Iterator[tuple[Any, ...]]:
    yield from csv_rows(client(), params.task_filter(now), per=params.per)
