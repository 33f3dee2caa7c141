"""The CSV's text, and its route's answers that need no store."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from otel_taskmon.errors import StoreUnavailable
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import Cursor
from taskmon_viewer.address import parse
from taskmon_viewer.csv_text import cell, csv_chunks
from taskmon_viewer.params import LogParams
from taskmon_viewer.routes import export_query, routes
from tests.support.asgi import get


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        (-5, "-5"),
        (1.5, "1.5"),
        (True, "true"),
        ("plain", "plain"),
        ("=cmd()", "'=cmd()"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\n=x", "'\n=x"),
        ("a=b", "a=b"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=3))), "2026-01-02T00:04:05.000000Z"),
    ],
)
def test_a_cell_is_plain_and_no_formula(value: object, text: str) -> None:
    assert cell(value) == text


@given(
    st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.none() | st.integers()), max_size=20),
    st.sampled_from([",", ";"]),
)
def test_any_rows_can_be_read_back(rows: list[tuple[str, int | None]], delimiter: str) -> None:
    text = b"".join(csv_chunks(("name", "count"), rows, delimiter)).decode()
    read = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert read[0] == ["name", "count"]
    assert read[1:] == [[cell(name), cell(count)] for name, count in rows]


def test_rows_are_taken_as_the_pieces_are() -> None:
    taken = 0

    def rows() -> Iterator[tuple[str]]:
        nonlocal taken
        while True:
            taken += 1
            yield ("x" * 1000,)

    chunks = csv_chunks(("name",), rows(), ",")
    assert len(next(chunks)) < 100_000
    assert taken < 100
    before = taken
    next(chunks)
    assert before < taken < before + 100


def test_a_lone_surrogate_ends_no_file() -> None:
    assert b"".join(csv_chunks(("a",), [("x\ud800y",)], ",")) == b"a\r\nx?y\r\n"


def test_the_query_keeps_the_filters_and_drops_the_place() -> None:
    cursor = Cursor(5, datetime(2026, 11, 22, tzinfo=UTC), "id")
    params = LogParams(states=("FAILURE",), apps=("",), per="executions", sort="runtime", descending=False)
    query = parse_qs(export_query(params.next_page(cursor), ";"), keep_blank_values=True)
    assert query.pop("delimiter") == ["semicolon"]
    assert parse(query) == (LogParams(states=("FAILURE",), apps=("",), per="executions"), [])


def _away() -> Client:
    raise StoreUnavailable("the store at http://127.0.0.1:1 does not answer")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("state=BOGUS", "state=BOGUS: allowed is one of"),
        ("range=9x", "range=9x"),
        ("delimiter=%7C", "delimiter=|: allowed is one of comma, semicolon"),
        ("colour=red", "colour=red: there is no such parameter"),
        ("since=now", "since=now"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_reason(query: str, reason: str) -> None:
    answer = get(Starlette(routes=routes("", _away)), "/api/export.csv", query)
    assert answer.status == 400
    assert reason in answer.text


def test_a_store_that_is_away_is_told_before_the_first_byte() -> None:
    answer = get(Starlette(routes=routes("", _away)), "/api/export.csv", "delimiter=%3B")
    assert answer.status == 503
    assert "does not answer" in answer.text
    assert int(answer.headers["retry-after"]) > 0


def test_routes_stand_under_the_base_path() -> None:
    app = Starlette(routes=routes("/viewer", _away))
    assert get(app, "/viewer/healthz").text == '{"status":"ok"}'
    assert get(app, "/viewer/api/export.csv").status == 503
    assert get(app, "/api/export.csv").status == 404


def test_the_start_page_has_a_name_too() -> None:
    app = Starlette(routes=routes("/viewer", _away))
    found = get(app, "/viewer/overview", "range=1h&app=mails")
    assert (found.status, found.headers["location"]) == (307, "/viewer/?range=1h&app=mails")
    assert get(app, "/viewer/overview").headers["location"] == "/viewer/"
