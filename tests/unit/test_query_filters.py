"""Which rows a filter has asked, and by what a search is looked for."""

from __future__ import annotations

import pytest

from otel_taskmon.queries.filters import filter_parameters, rare_pieces, source_slots
from otel_taskmon.queries.model import TaskFilter


@pytest.mark.parametrize(
    ("search", "pieces"),
    [
        ("Customer-12@", ["-12", "12@", "r-1"]),
        ("customer-1", []),  # a single piece with a digit leaves too much
        ("finish order", []),
        ("11111", []),  # one piece, however often
        ("ünï-12345", ["-12", "123", "234", "345"]),
        ("é1é2é3é4", []),
        ("٣٤٥٦٧", []),
        ("12", []),
        ("", []),
    ],
)
def test_pieces_with_digits_are_enough_where_there_are_some(search: str, pieces: list[str]) -> None:
    assert rare_pieces(search) == pieces
    assert filter_parameters(TaskFilter(search=search))["search_pieces"] == pieces
    slots = source_slots("tasks", TaskFilter(search=search))
    if search:
        assert slots["search_pieces"] == ("search_pieces_rare" if pieces else "search_pieces_all")


@pytest.mark.parametrize("state", ["SENT", "SCHEDULED", "STARTED", "LOST"])
def test_states_that_are_made_when_read_are_asked_of_the_view(state: str) -> None:
    wanted = TaskFilter(states=("SUCCESS", state))
    for shows_state in (True, False):
        slots = source_slots("tasks", wanted, shows_state=shows_state)
        assert (slots["source"], slots["counted_source"]) == ("source_tasks", "source_counted_seen")


def test_tasks_are_read_as_stored_where_no_such_state_is_asked_for_or_shown() -> None:
    wanted = TaskFilter(states=("SUCCESS", "RECEIVED"), apps=("shop",))
    assert source_slots("tasks", wanted)["source"] == "source_tasks"
    assert source_slots("tasks", wanted, shows_state=False)["source"] == "source_tasks_stored"
    assert source_slots("tasks", wanted)["counted_source"] == "source_counted_stored"
    for narrowed in (TaskFilter(failed=True), TaskFilter(ran=True)):
        slots = source_slots("tasks", narrowed, shows_state=False)
        assert (slots["source"], slots["counted_source"]) == ("source_tasks_ran", "source_counted_seen")
    assert source_slots("executions", wanted, shows_state=False)["source"] == "source_executions"
