"""What stands around the log, against a plain computation: facets, histogram, CSV, and what an outage looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from otel_taskmon.errors import QueryFailed, StoreUnavailable
from otel_taskmon.queries import overview
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.export import CSV_COLUMNS, csv_rows
from otel_taskmon.queries.model import FacetValue, TaskFilter, TaskPage
from otel_taskmon.queries.tasks import list_executions, list_tasks, task_span
from tests.support.made_tasks import EVERYTHING, MADE, RECORDS, SINCE, UNTIL, Made, narrowed
from tests.support.processes import free_port
from tests.support.store import Store, running_store
from tests.support.stored_tasks import at, insert

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("queries")) as running:
        writer = running.client("ingest", autogenerate_session_id=False)
        for start in range(0, len(RECORDS), 100):
            insert(writer, RECORDS[start : start + 100])
        yield running


def test_facets_obey_all_filters_but_their_own(reader: Client) -> None:
    wanted = narrowed(TaskFilter(states=("SUCCESS",), queues=("q1",), priorities=(None, 0)))

    def counted(value: Callable[[Made], Any], *, but: str) -> list[FacetValue]:
        rows = [
            m
            for m in MADE
            if (but == "state" or m.state == "SUCCESS")
            and (but == "queue" or m.queue == "q1")
            and (but == "priority" or m.priority in (None, 0))
        ]
        return [FacetValue(v, n) for v, n in Counter(map(value, rows)).items()]

    def ordered(values: list[FacetValue]) -> list[tuple[str, int]]:
        return sorted((repr(v.value), v.count) for v in values)

    facets = overview.facets(reader, wanted)
    assert ordered(facets.states) == ordered(counted(lambda m: m.state, but="state"))
    assert ordered(facets.queues) == ordered(counted(lambda m: m.queue, but="queue"))
    assert ordered(facets.priorities) == ordered(counted(lambda m: m.priority, but="priority"))
    assert ordered(facets.apps) == ordered(counted(lambda m: m.app, but=""))
    assert ordered(facets.names) == ordered(counted(lambda m: m.name, but=""))
    assert ordered(facets.workers) == ordered(counted(lambda m: m.worker, but=""))
    assert facets.exceptions == []
    for values in (facets.states, facets.names, facets.priorities):
        assert [v.count for v in values] == sorted((v.count for v in values), reverse=True)


def test_a_chosen_value_is_never_cut_off(reader: Client) -> None:
    rarest = overview.facets(reader, EVERYTHING).names[-1]
    chosen = narrowed(TaskFilter(names=(str(rarest.value),)))
    assert rarest in overview.facets(reader, chosen, limit=1).names


def test_histogram_counts_every_task_once_in_its_bucket(reader: Client) -> None:
    histogram = overview.histogram(reader, EVERYTHING, buckets=20)
    assert (histogram.since, histogram.until) == (SINCE, UNTIL)
    assert histogram.bucket_seconds == 3600
    found = {(b.start, b.state): b.count for b in histogram.buckets}

    def bucket(m: Made) -> datetime:
        second = int(at(m.first).timestamp())
        return at(m.first).replace(microsecond=0) - timedelta(seconds=second % 3600)

    assert found == dict(Counter((bucket(m), m.state) for m in MADE))


def test_histogram_without_bounds_holds_everything(reader: Client) -> None:
    histogram = overview.histogram(reader, TaskFilter())
    assert sum(b.count for b in histogram.buckets) == task_span(reader, TaskFilter()).count
    width = timedelta(seconds=histogram.bucket_seconds)
    assert all(histogram.since - width <= b.start < histogram.until for b in histogram.buckets)


def test_csv_has_every_row_and_column(reader: Client) -> None:
    rows = [dict(zip(CSV_COLUMNS["tasks"], row, strict=True)) for row in csv_rows(reader, EVERYTHING)]
    made = {m.task_id: m for m in MADE}
    assert [r["task_id"] for r in rows] == [
        r.task_id for r in list_tasks(reader, EVERYTHING, limit=1000).rows
    ]
    for row in rows:
        m = made[row["task_id"]]
        assert (row["state"], row["args"], row["executions"]) == (
            m.state, m.args, 0 if m.state == "SENT" else m.retries + 1,
        )  # fmt: skip
    executions = [
        dict(zip(CSV_COLUMNS["executions"], row, strict=True))
        for row in csv_rows(reader, EVERYTHING, per="executions")
    ]
    assert len(executions) == task_span(reader, EVERYTHING, per="executions").count
    assert all(row["first_published_at"].tzinfo is not None for row in executions)


def test_no_rows_is_no_error(reader: Client) -> None:
    nothing = TaskFilter(since=at(-90_000), until=at(-80_000))
    assert list_tasks(reader, nothing) == TaskPage([], None)
    assert list_executions(reader, nothing) == TaskPage([], None)
    assert list(csv_rows(reader, nothing)) == []
    assert overview.histogram(reader, nothing).buckets == []
    backwards = TaskFilter(since=UNTIL, until=SINCE)
    assert list_tasks(reader, backwards) == TaskPage([], None)
    assert overview.histogram(reader, backwards).buckets == []


def test_an_outage_is_no_empty_answer(store: Store, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        connect(f"http://127.0.0.1:{free_port()}")
    with running_store(tmp_path_factory.mktemp("away")) as other:
        client = connect(other.url)
        assert list_tasks(client, TaskFilter()).rows == []
        other.child.stop()
        for ask in (list_tasks, list_executions, task_span, overview.facets, overview.histogram):
            with pytest.raises(StoreUnavailable, match="does not answer"):
                ask(client, TaskFilter())
        with pytest.raises(StoreUnavailable):
            next(csv_rows(client, TaskFilter()))


def test_an_error_of_the_store_is_told_apart_from_an_outage(reader: Client, store: Store) -> None:
    with pytest.raises(QueryFailed, match=r"47|UNKNOWN_IDENTIFIER"):
        reader.ask("SELECT nothing FROM otel.celery_tasks_latest")
    with pytest.raises(QueryFailed):
        connect(store.url, "admin", "wrong")
