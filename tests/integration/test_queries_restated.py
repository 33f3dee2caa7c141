"""States that are made when they are read, in every count by state: tasks are counted as stored, then set right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from otel_taskmon.queries import overview
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.tasks import list_tasks, task_span
from tests.support.store import Store, running_store
from tests.support.stored_tasks import Event, Span, at, event, insert, ns, run, send

pytestmark = pytest.mark.integration

AHEAD = 30 * 3600
"""Seconds after the tasks' EPOCH: hours ahead of now."""


def started(task_id: str, *, app: str, first: float, at: float) -> list[Span | Event]:
    """Nothing is known of the worker's life, so it is gone unless this start is yet to come by our clock."""
    return [
        send(task_id, first=first, sent=first, app=app),
        event("received", task_id, at=at, received=at, first=first, app=app),
        event("started", task_id, at=at + 1, received=at, first=first, app=app),
    ]


RECORDS: list[Span | Event] = [
    send("sent", first=1, sent=1, app="shop"),
    send("due", first=2, sent=2, app="shop", eta=ns(60)),
    send("waits", first=3, sent=3, app="shop", eta=ns(AHEAD)),
    send("waits too", first=3700, sent=3700, app="mail", eta=ns(AHEAD)),
    send("failed to be sent", first=5, sent=5, app="mail", eta=ns(AHEAD), error="OSError"),
    *started("gone", first=6, app="shop", at=10),
    *started("gone too", first=3706, app="shop", at=3710),
    *started("gone in the mail", first=7, app="mail", at=11),
    *started("runs", first=8, app="shop", at=AHEAD),
    *started("is back", first=9, app="shop", at=12),
    run("is back", "SUCCESS", first=9, received=12, started=13, ended=20, app="shop"),
    run("said to be lost", "LOST", first=10, received=11, started=12, ended=20, app="shop"),
    send("waited", first=11, sent=11, app="shop", eta=ns(AHEAD)),
    run("waited", "FAILURE", first=11, received=12, started=13, ended=20, app="shop"),
    send("held", first=12, sent=12, app="mail"),
    event("received", "held", at=13, received=13, first=12, app="mail"),
]
STATES = {
    "sent": "SENT",
    "due": "SENT",
    "waits": "SCHEDULED",
    "waits too": "SCHEDULED",
    "failed to be sent": "FAILURE",
    "gone": "LOST",
    "gone too": "LOST",
    "gone in the mail": "LOST",
    "runs": "STARTED",
    "is back": "SUCCESS",
    "said to be lost": "LOST",
    "waited": "FAILURE",
    "held": "RECEIVED",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("queries")) as running:
        insert(running.client("ingest", autogenerate_session_id=False), RECORDS)
        yield running


def test_rows_say_the_state_that_is_made_when_read(reader: Client) -> None:
    rows = {row.task_id: row for row in list_tasks(reader, TaskFilter()).rows}
    assert {task_id: row.state for task_id, row in rows.items()} == STATES
    assert {task_id for task_id, row in rows.items() if row.reason == "worker gone"} == {
        task_id for task_id in STATES if task_id.startswith("gone")
    }
    assert {task_id for task_id, row in rows.items() if row.is_error} == {
        task_id for task_id, state in STATES.items() if state == "LOST" or task_id in ("waited", "failed to be sent")
    }  # fmt: skip
    assert rows["held"].reason == "worker gone, the broker delivers it again"


FILTERS = {
    "no filter": TaskFilter(),
    "an app": TaskFilter(apps=("shop",)),
    "a range": TaskFilter(since=at(3600), until=at(7200)),
    "a search": TaskFilter(search="gone"),
    "a search that finds many": TaskFilter(search="e"),
    "a stored state": TaskFilter(states=("FAILURE",)),
    "a stored state and an app": TaskFilter(states=("FAILURE", "SUCCESS"), apps=("shop",)),
    "lost": TaskFilter(states=("LOST",)),
    "scheduled and sent in an app": TaskFilter(states=("SCHEDULED", "SENT"), apps=("shop",)),
    "running": TaskFilter(states=("STARTED",)),
    "held": TaskFilter(states=("RECEIVED",), apps=("mail",)),
    "failed": TaskFilter(failed=True),
}


@pytest.mark.parametrize("case", FILTERS)
def test_counts_by_state_agree_with_the_rows(reader: Client, case: str) -> None:
    wanted = FILTERS[case]
    rows = list_tasks(reader, wanted).rows
    assert rows
    assert task_span(reader, wanted).count == len(rows)
    found = Counter[str]()
    for bucket in overview.histogram(reader, wanted).buckets:
        assert bucket.count > 0
        found[bucket.state] += bucket.count
    assert found == Counter(row.state for row in rows)

    facets = overview.facets(reader, wanted)
    whatever_state = TaskFilter(**{**vars(wanted), "states": ()})
    expected = Counter(row.state for row in list_tasks(reader, whatever_state).rows)
    assert {value.value: value.count for value in facets.states} == expected
    assert sum(value.count for value in facets.names) == len(rows)


@pytest.mark.parametrize("states", [(), ("FAILURE",)])
def test_the_largest_count_is_found_after_they_were_set_right(
    reader: Client, states: tuple[str, ...]
) -> None:
    (first, *_) = overview.facets(reader, TaskFilter(apps=("shop",), states=states), limit=1).states
    rows = list_tasks(reader, TaskFilter(apps=("shop",))).rows
    counts = Counter(row.state for row in rows)
    assert (first.value, first.count) == (("FAILURE", 1) if states else ("LOST", 3))
    assert counts[str(first.value)] == first.count
