"""The Queues page without a broker and a store: its address, its words, its pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from otel_taskmon.broker import QueueDepth, WaitingTask
from otel_taskmon.queries.queue_history import QueueBucket, QueueFlow, QueueHistory, QueueSample
from taskmon_viewer import queue_charts
from taskmon_viewer.queue_params import MAX_TRAIL, QueueParams, parse_queue_params
from taskmon_viewer.queue_values import (
    QUEUE_COLUMNS,
    WAITING_COLUMNS,
    drain_text,
    queue_cells,
    queue_states,
    rate_text,
    span_text,
    waiting_cells,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOSTILE = "');alert(1)//<img src=x> datum.value"


@pytest.mark.parametrize(
    "params",
    [
        QueueParams(),
        QueueParams(queue="a&b ü", range="7d", app="", task="shop.pay", task_id="x/y", priority=0),
        QueueParams(app="shop", trail=(100, 250)),
    ],
)
def test_an_address_holds_the_whole_view(params: QueueParams) -> None:
    query = parse_qs(params.to_query_string(), keep_blank_values=True)
    assert parse_queue_params(query) == (params, [])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"range": ["90d"]}, "range"),
        ({"priority": ["-1"]}, "priority"),
        ({"start": ["200", "100"]}, "start"),
        ({"start": ["1" * 30]}, "start"),
        ({"per": ["tasks"]}, "per"),
    ],
)
def test_what_cannot_be_used_is_named_and_at_its_default(query: dict[str, list[str]], said: str) -> None:
    params, ignored = parse_queue_params(query)
    assert params == QueueParams()
    assert [problem.parameter for problem in ignored] == [said]


def test_pages_go_on_and_back() -> None:
    params = QueueParams(queue="q").next_page(100).next_page(260)
    assert (params.start, params.previous_page().start, params.previous_page().previous_page().start) == (
        260,
        100,
        0,
    )
    assert params.changed(task="t").trail == ()
    for position in range(300, 300 + 2 * MAX_TRAIL):
        params = params.next_page(position)
    assert len(params.trail) == MAX_TRAIL


@pytest.mark.parametrize(
    ("depth", "published", "taken", "said"),
    [
        (0, 10, 0, "empty"),
        (None, 10, 0, "unknown"),
        (100, 10, 0, "nothing is taken"),
        (100, 300, 300, "steady: as much in as out"),
        (100, 600, 300, "grows by 1.00 per s"),
        (10, 0, 300, "10 s"),
        (300, 0, 300, "5 min 00 s"),
        (10**9, 299, 300, "over a year"),
    ],
)
def test_the_time_to_drain(depth: int | None, published: int, taken: int, said: str) -> None:
    assert drain_text(depth, QueueFlow(published, taken)) == said


def test_rates_and_lengths_of_time() -> None:
    assert [rate_text(rate) for rate in (0, 0.05, 2.4)] == ["0", "3.0 per min", "2.40 per s"]
    assert [span_text(None), span_text(timedelta(seconds=-3)), span_text(timedelta(hours=2))] == [
        "unknown", "0 s", "2 h 00 min",
    ]  # fmt: skip


def test_workers_that_take_from_a_queue_count_where_the_broker_tells_no_consumers() -> None:
    live = [
        QueueDepth("a", 3, 0, None, None),
        QueueDepth("b", 1, 0, 4, None),
        QueueDepth("c", 1, 0, None, None),
    ]
    told = {
        state.queue: state.consumers for state in queue_states(live, [], {}, {"a": 2, "b": 1, "d": 1}, NOW)
    }
    assert told == {"a": 2, "b": 4, "c": 0, "d": 1}
    silent = {state.queue: state.consumers for state in queue_states(live, [], {}, {}, NOW)}
    assert silent == {"a": None, "b": 4, "c": None}, "nobody says anything, so nothing is known"


def test_the_broker_s_own_lengths_come_before_samples() -> None:
    samples = [QueueSample("a", "redis", 7, 1, 2, NOW), QueueSample("b", "redis", 9, None, None, NOW)]
    live = [QueueDepth("a", 3, 0, None, int((NOW.timestamp() - 61) * 1e9))]
    by_broker = {state.queue: state for state in queue_states(live, samples, {"c": QueueFlow(1, 2)}, {}, NOW)}
    assert (by_broker["a"].depth, by_broker["a"].consumers) == (3, 2)
    assert by_broker["a"].oldest == timedelta(seconds=61)
    assert by_broker["b"].depth is None, "a sample must not pass for what the broker says now"
    by_samples = queue_states(None, samples, {}, {}, NOW)
    assert [(state.queue, state.depth, state.sampled_at) for state in by_samples] == [
        ("b", 9, NOW),
        ("a", 7, NOW),
    ]
    assert len(queue_cells(by_samples[0])) == len(QUEUE_COLUMNS)
    assert queue_cells(by_samples[0])[2] == "unknown"


def test_what_a_message_does_not_say_is_unknown() -> None:
    silent = WaitingTask(
        4, "q", None, "", "", "", None, None, None, None, None, None, (), 12, "the message is not JSON"
    )
    cells = dict(zip((column.label for column in WAITING_COLUMNS), waiting_cells(silent, NOW), strict=True))
    assert cells["Task"] == "unknown: the message is not JSON"
    assert {cells[name] for name in ("App", "Task id", "Age", "Retries")} == {"unknown"}
    assert cells["Arguments"] == "the message is not JSON"


def test_pictures_say_gaps_and_carry_no_text_of_users() -> None:
    bucket = QueueBucket(NOW, None, None, None, 3, 0, None, None)
    full = QueueBucket(NOW + timedelta(minutes=1), 2.5, 4, 61, 0, 3, 10**9, 2 * 10**9)
    history = QueueHistory(HOSTILE, NOW, NOW, 60, (bucket, full), 1)
    charts = [
        make(history) for make in (queue_charts.depth_chart, queue_charts.wait_chart, queue_charts.flow_chart)
    ]
    for chart in charts:
        assert HOSTILE not in chart.to_json()
    depths, waits, flows = (chart.data["values"] for chart in charts)
    assert [row["value"] for row in depths] == [None, None, 2.5, 4]
    assert [row["text"] for row in depths] == ["no sample", "no sample", "2.5", "4"]
    assert [row["value"] for row in waits] == [None, None, 1, 2]
    assert [row["value"] for row in flows] == [3, 0, 0, 3]
    assert queue_charts.oldest_text(history) == "The longest wait seen in the queue was 1 min 01 s."
