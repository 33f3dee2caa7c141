"""The view of the log and its address: the same both ways, and wrong parts are named, never fatal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_taskmon import semconv
from otel_taskmon.queries.model import Cursor, SortKey
from taskmon_viewer.address import parse
from taskmon_viewer.address_reader import MAX_LENGTH, MAX_VALUES
from taskmon_viewer.cursors import decode_cursor, encode_cursor
from taskmon_viewer.params import MAX_TRAIL, RANGES, LogParams, Per
from taskmon_viewer.routes import export_query

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
MOMENTS = st.integers(86_400 * 10**6, 4_070_908_800 * 10**6).map(
    lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
CURSORS = st.builds(
    Cursor,
    value=st.none() | st.integers(-(2**62), 2**62),
    first_published_at=MOMENTS,
    task_id=TEXTS,
    execution_id=TEXTS,
)


def texts() -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(TEXTS, max_size=4, unique=True).map(tuple)


@st.composite
def views(draw: st.DrawFn) -> LogParams:
    bounds = sorted(draw(st.lists(MOMENTS, min_size=2, max_size=2, unique=True)))
    absolute = draw(st.booleans())
    trail = tuple(draw(st.lists(CURSORS, max_size=3)))
    return LogParams(
        states=tuple(draw(st.lists(st.sampled_from(semconv.STATES), max_size=3, unique=True))),
        apps=draw(texts()),
        names=draw(texts()),
        exceptions=draw(texts()),
        queues=draw(texts()),
        workers=draw(texts()),
        priorities=tuple(draw(st.lists(st.none() | st.integers(0, 255), max_size=3, unique=True))),
        search=draw(TEXTS),
        range="24h" if absolute else draw(st.sampled_from(list(RANGES))),
        since=bounds[0] if absolute else None,
        until=bounds[1] if absolute and draw(st.booleans()) else None,
        per=draw(st.sampled_from(get_args(Per))),
        sort=draw(st.sampled_from(get_args(SortKey))),
        descending=draw(st.booleans()),
        follow=draw(st.booleans()),
        page=len(trail) + 1,
        trail=trail,
    )


@given(views())
def test_a_view_comes_back_from_its_address(params: LogParams) -> None:
    query = parse_qs(params.to_query_string(), keep_blank_values=True)
    assert parse(query) == (params, [])


def test_the_first_view_has_an_empty_address() -> None:
    assert LogParams().to_query_string() == ""
    assert parse({}) == (LogParams(), [])


def test_the_unnamed_app_and_no_priority_are_values() -> None:
    params, ignored = parse({"app": [""], "priority": ["none", "0"]})
    assert (params.apps, params.priorities, ignored) == (("",), (None, 0), [])


@pytest.mark.parametrize(
    ("query", "parameter", "reason"),
    [
        ({"state": ["BOGUS"]}, "state", "SUCCESS"),
        ({"priority": ["high"]}, "priority", "0 to 255"),
        ({"priority": ["256"]}, "priority", "0 to 255"),
        ({"priority": ["²"]}, "priority", "0 to 255"),
        ({"range": ["9x"]}, "range", "15m, 1h"),
        ({"since": ["yesterday"]}, "since", "ISO 8601"),
        ({"since": ["0001-01-01T00:00:00+14:00"]}, "since", "1970"),
        ({"until": ["2200-01-01"]}, "until", "2099"),
        ({"per": ["rows"]}, "per", "executions"),
        ({"sort": ["name"]}, "sort", "runtime"),
        ({"order": ["up"]}, "order", "asc"),
        ({"after": ["%%%"]}, "after", "mark"),
        ({"after": ["bnVsbA"]}, "after", "mark"),
        ({"after": ["é"]}, "after", "mark"),
        ({"page": ["3"]}, "page", "after"),
        ({"q": ["x" * (MAX_LENGTH + 1)]}, "q", "longer"),
        ({"name": ["x" * (MAX_LENGTH + 1)]}, "name", "longer"),
        ({"colour": ["red"]}, "colour", "no such parameter"),
    ],
)
def test_a_wrong_part_is_named_and_the_rest_stands(
    query: dict[str, list[str]], parameter: str, reason: str
) -> None:
    params, ignored = parse({"queue": ["mails"], **query})
    assert params == LogParams(queues=("mails",))
    assert [problem.parameter for problem in ignored] == [parameter]
    assert reason in str(ignored[0])


def test_an_end_before_its_beginning_is_ignored() -> None:
    params, ignored = parse({"since": ["2026-11-22T10:00:00Z"], "until": ["2026-11-22T09:00:00Z"]})
    assert params.since == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert params.until is None
    assert [problem.parameter for problem in ignored] == ["until"]


def test_a_range_beside_fixed_bounds_is_ignored() -> None:
    params, ignored = parse({"since": ["2026-11-22"], "range": ["1h"]})
    assert params == LogParams(since=datetime(2026, 11, 22, tzinfo=UTC))
    assert [problem.parameter for problem in ignored] == ["range"]


def test_times_without_a_zone_are_utc_and_others_become_it() -> None:
    params, _ = parse({"since": ["2026-11-22T10:00:00"], "until": ["2026-11-22T13:00:00+02:00"]})
    assert (params.since, params.until) == (
        datetime(2026, 11, 22, 10, tzinfo=UTC),
        datetime(2026, 11, 22, 11, tzinfo=UTC),
    )


def test_a_second_value_of_a_single_parameter_is_named() -> None:
    params, ignored = parse({"range": ["1h", "7d"]})
    assert params.range == "1h"
    assert [problem.value for problem in ignored] == ["7d"]


def test_a_filter_takes_a_bounded_number_of_values() -> None:
    params, ignored = parse({"name": [f"task-{n}" for n in range(MAX_VALUES + 2)]})
    assert len(params.names) == MAX_VALUES
    assert len(ignored) == 2


def test_what_is_said_of_a_long_value_is_short() -> None:
    _, ignored = parse({"x" * 5000: ["y" * 5000]})
    assert len(str(ignored[0])) < 200


def test_parameters_known_to_the_caller_are_passed_over() -> None:
    assert parse({"delimiter": [";"]}, known=("delimiter",)) == (LogParams(), [])


@pytest.mark.parametrize(
    ("params", "since", "until"),
    [
        (LogParams(range="1h"), NOW - timedelta(hours=1), None),
        (LogParams(range="all"), None, None),
        (LogParams(until=NOW), None, NOW),
        (LogParams(since=NOW - timedelta(days=2)), NOW - timedelta(days=2), None),
    ],
)
def test_the_filter_has_the_range(params: LogParams, since: datetime | None, until: datetime | None) -> None:
    wanted = params.task_filter(NOW)
    assert (wanted.since, wanted.until) == (since, until)


def test_the_filter_has_every_facet_and_the_search() -> None:
    params = LogParams(states=("FAILURE",), apps=("",), priorities=(None,), search="x", workers=("w",))
    wanted = params.task_filter(NOW)
    assert (wanted.states, wanted.apps, wanted.priorities) == (("FAILURE",), ("",), (None,))
    assert (wanted.search, wanted.workers) == ("x", ("w",))


def test_toggling_puts_in_and_takes_out_and_goes_to_the_first_page() -> None:
    cursor = Cursor(None, NOW, "id")
    on_page_two = LogParams().next_page(cursor)
    chosen = on_page_two.toggled("app", "").toggled("app", "shop")
    assert (chosen.apps, chosen.page, chosen.trail) == (("", "shop"), 1, ())
    assert chosen.toggled("app", "").apps == ("shop",)


def test_pages_are_walked_forth_and_back() -> None:
    cursors = [Cursor(n, NOW, f"id-{n}") for n in range(3)]
    first = LogParams(sort="runtime")
    third = first.next_page(cursors[0]).next_page(cursors[1])
    assert (third.page, third.after) == (3, cursors[1])
    assert third.previous_page() == first.next_page(cursors[0])
    assert third.previous_page().previous_page() == first


def test_the_way_back_is_bounded_and_ends_at_the_first_page() -> None:
    params = LogParams()
    for n in range(MAX_TRAIL + 10):
        params = params.next_page(Cursor(n, NOW, "x" * 36))
    assert len(params.to_query_string()) < 2_500
    assert parse(parse_qs(params.to_query_string())) == (params, [])
    for _ in range(MAX_TRAIL):
        params = params.previous_page()
    assert (params.page, params.trail) == (1, ())


@given(CURSORS)
def test_a_cursor_comes_back_from_its_text(cursor: Cursor) -> None:
    text = encode_cursor(cursor)
    assert decode_cursor(text) == cursor
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_cursor(text: str) -> None:
    try:
        decode_cursor(text)
    except ValueError:
        return
    assert encode_cursor(decode_cursor(text))


@given(
    st.dictionaries(
        st.sampled_from(["q", "state", "page", "after", "since", "x"]), st.lists(TEXTS, min_size=1)
    )
)
def test_no_address_is_fatal(query: dict[str, list[str]]) -> None:
    params, _ = parse(query)
    assert parse(parse_qs(params.to_query_string(), keep_blank_values=True))[0] == params


def test_following_is_part_of_the_address_and_of_no_csv() -> None:
    params, ignored = parse({"follow": ["yes"], "page": ["1"]})
    assert (params.follow, ignored) == (True, [])
    assert params.to_query() == {"follow": "yes"}
    assert params.toggled("state", "FAILURE").follow
    assert export_query(params, ",") == ""
