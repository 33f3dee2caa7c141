"""Questions that are asked side by side, and the answers that are kept."""

from __future__ import annotations

import threading
from typing import Final

from streamlit.testing.v1 import AppTest

from otel_taskmon.errors import StoreUnavailable
from taskmon_viewer import cache
from taskmon_viewer.ahead import ask_ahead

DEADLINE: Final = 20
MEETING: Final = threading.Barrier(4)
ASKED: Final[list[str]] = []


def _page_that_asks() -> None:
    import streamlit as st

    from taskmon_viewer.ahead import ask_ahead
    from tests.unit.test_viewer_ahead import ASKED, DEADLINE, MEETING

    @st.cache_data(show_spinner=False)
    def question(name: str) -> str:
        ASKED.append(name)
        MEETING.wait(DEADLINE)  # passes only when all three are asked at the same time
        return f"answer to {name}"

    ask_ahead(lambda: question("a"), lambda: question("b"), lambda: question("c"))
    MEETING.wait(DEADLINE)
    for name in ("a", "b", "c"):
        st.text(question(name))


def test_questions_are_asked_at_the_same_time_and_once() -> None:
    page = AppTest.from_function(_page_that_asks, default_timeout=2 * DEADLINE).run()
    assert not page.exception
    assert [text.value for text in page.text] == ["answer to a", "answer to b", "answer to c"]
    assert sorted(ASKED) == ["a", "b", "c"]


def _page_whose_store_is_away() -> None:
    import streamlit as st

    from otel_taskmon.errors import StoreUnavailable
    from taskmon_viewer.ahead import ask_ahead
    from tests.unit.test_viewer_ahead import refuse

    ask_ahead(refuse)
    try:
        refuse()
    except StoreUnavailable:
        st.text("told by the page")


def refuse() -> None:
    raise StoreUnavailable("nobody answers")


def test_a_failure_is_met_where_the_page_asks_itself() -> None:
    page = AppTest.from_function(_page_whose_store_is_away, default_timeout=DEADLINE).run()
    assert not page.exception
    assert [text.value for text in page.text] == ["told by the page"]


def test_outside_a_page_nothing_is_asked_ahead() -> None:
    asked: list[int] = []
    ask_ahead(lambda: asked.append(1))
    assert asked == []


def test_a_refresh_forgets_every_kept_answer() -> None:
    kept = {name for name, value in vars(cache).items() if type(value) is type(cache._page)}
    known = {name for name, value in vars(cache).items() if any(value is each for each in cache._KEPT)}
    assert kept - {"_connected"} == known
    assert {"_first_page", "_page", "_facets", "_report", "_statistics"} <= known
