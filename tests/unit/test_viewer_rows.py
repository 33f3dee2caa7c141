"""From query rows to what the components draw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from otel_taskmon.queries.model import (
    Execution,
    Facets,
    FacetValue,
    Histogram,
    HistogramBucket,
    Related,
    RelatedTask,
    TaskRow,
    TraceSpan,
)
from taskmon_viewer import charts, theme
from taskmon_viewer.params import LogParams
from taskmon_viewer.views.log_empty import loosened
from taskmon_viewer.views.log_facets import facet_groups
from taskmon_viewer.views.log_rows import CELL_LENGTH, columns, row, row_id, split_row_id
from taskmon_viewer.views.task_bars import execution_bars, trace_bars
from taskmon_viewer.views.task_facts import fact_groups
from taskmon_viewer.views.task_relatives import relative_rows
from taskmon_viewer.views.task_text import task_text

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TASK = TaskRow(
    task_id="t/1 &x", task_name="shop.pay", app="", state="FAILURE", reason="", executions=2, retries=1,
    first_published_at=NOON, published_at=NOON + timedelta(seconds=5), received_at=None, eta=None, expires=None,
    started_at=NOON + timedelta(seconds=6), ended_at=NOON + timedelta(seconds=7), duration_ns=1_000_000_000,
    queue_wait_ns=1_000_000, queue="mails", priority=None, redelivered=False, worker="celery@a", root_id="root",
    parent_id="t/1 &x", is_error=True, exc_type="shop.errors.Declined", exc_message="no\nmoney",
    args_short='["<img src=x onerror=alert(1)>"]', kwargs_short="{}", trace_id="abc",
)  # fmt: skip
EXECUTION = Execution(
    execution_id="e2", task_id="t/1 &x", task_name="shop.pay", app="", state="FAILURE", reason="", retries=1,
    first_published_at=NOON, published_at=NOON + timedelta(seconds=5), received_at=NOON + timedelta(seconds=5.5),
    started_at=NOON + timedelta(seconds=6), ended_at=NOON + timedelta(seconds=7), eta=None, expires=None,
    duration_ns=1_000_000_000, queue_wait_ns=1_000_000_000, queue_wait_raw_ns=1_000_000_000,
    prefetch_wait_ns=500_000_000, queue="mails", routing_key="mails", priority=None, redelivered=False,
    worker="celery@a", boot_id="b", pid=7, host="h", service="shop", environment="", release="1.2", root_id="root",
    parent_id="", group_id="g", group_index=3, chord_id="", args='["***"]', kwargs="{}", result="",
    payload_notes="args:redacted", exc_type="shop.errors.Declined", exc_message="no money",
    exc_stacktrace="Traceback:\n  pay.py", exc_fingerprint="ff", is_error=True, is_eager=False, trace_id="abc",
    span_id="s2", parent_span_id="s1",
)  # fmt: skip
FIRST = replace(
    EXECUTION,
    execution_id="e1",
    state="RETRY",
    retries=0,
    published_at=NOON,
    received_at=NOON + timedelta(seconds=1),
    started_at=NOON + timedelta(seconds=1),
    ended_at=NOON + timedelta(seconds=2),
)


def cell(task: TaskRow, label: str) -> str:
    place = [column.label for column in columns()].index(label)
    return row(task).cells[place]


def test_times_are_said_in_the_readers_zone_as_well() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert row(TASK).titles["Time (UTC)"] == "2026-11-22 12:00:00.000000 UTC, task t/1 &x"
    said = row(TASK, berlin).titles["Time (UTC)"]
    assert said == "2026-11-22 12:00:00.000000 UTC (2026-11-22 13:00:00 Europe/Berlin), task t/1 &x"
    titles = [group.title for group in fact_groups(TASK, EXECUTION, number=2, local=berlin)]
    assert titles[2] == "Times (UTC; Europe/Berlin is UTC+01:00), execution 2"


def test_a_row_says_each_column() -> None:
    assert len(row(TASK).cells) == len(columns())
    assert cell(TASK, "Time (UTC)") == "Nov 22 12:00:00.000"
    assert cell(TASK, "App") == "(none)"
    assert cell(TASK, "Prio") == "–"
    assert cell(replace(TASK, priority=0), "Prio") == "0"
    assert cell(TASK, "Wait") == "1.00 ms"
    assert cell(TASK, "Runtime") == "1.00 s"
    assert cell(TASK, "Retries") == "1 (2×)"
    assert cell(TASK, "Exception") == "Declined: no money"
    assert row(TASK).titles["Exception"] == "shop.errors.Declined: no money"
    assert cell(replace(TASK, exc_type="", exc_message="", reason="terminated"), "Exception") == "terminated"


def test_a_row_leads_to_its_task_whatever_its_id() -> None:
    assert row(TASK).href == "/task?id=t%2F1+%26x"
    evil = row(replace(TASK, task_id="javascript:alert(1)"))
    assert evil.href == "/task?id=javascript%3Aalert%281%29"
    one = row(replace(TASK, execution_id="e1"))
    assert one.href.endswith("&execution=e1")
    assert split_row_id(one.id) == ("t/1 &x", "e1")
    assert split_row_id(row_id("x", "")) == ("x", "")


def test_a_huge_name_does_not_fill_the_page() -> None:
    huge = row(replace(TASK, task_name="n" * 100_000, exc_message="m" * 100_000))
    assert max(len(text) for text in [*huge.cells, *huge.titles.values()]) == CELL_LENGTH


def test_facets_keep_chosen_values_that_nothing_has() -> None:
    facets = Facets(
        states=[FacetValue("SUCCESS", 9), FacetValue("LOST", 2), FacetValue("FAILURE", 1)],
        apps=[FacetValue("", 5), FacetValue("shop", 1)],
        exceptions=[FacetValue("a.Error", 3), FacetValue("b.Error", 2), FacetValue("c.Other", 1)],
        priorities=[FacetValue(None, 4)],
    )
    groups = {
        g.key: g for g in facet_groups(LogParams(queues=("gone",), apps=("",), priorities=(None,)), facets)
    }
    assert [(v.text, v.count, v.chosen) for v in groups["queue"].values] == [("gone", 0, True)]
    assert [(v.value, v.text, v.chosen) for v in groups["app"].values] == [
        ("", "(none)", True),
        ("shop", "shop", False),
    ]
    assert [(v.value, v.chosen) for v in groups["priority"].values] == [(None, True)]
    assert [v.text for v in groups["state"].values] == ["SUCCESS", "FAILURE", "LOST"]
    assert [v.text for v in groups["exception"].values] == ["a.Error", "b.Error", "Other"]
    assert [v.title for v in groups["exception"].values] == ["a.Error", "b.Error", "c.Other"]


def test_an_empty_view_offers_each_filter_to_drop() -> None:
    params = LogParams(search=" x ", apps=("",), states=("FAILURE", "LOST"), range="1h")
    offers = {name: (label, without) for name, label, without in loosened(params)}
    assert set(offers) == {"search", "apps", "states", "range"}
    assert offers["search"] == ("search “x”", replace(params, search=""))
    assert offers["states"][0] == "state = FAILURE or LOST"
    assert offers["apps"] == ("app = (none)", replace(params, apps=()))
    assert offers["range"][1].range == "all"
    assert [name for name, *_ in loosened(LogParams(range="all"))] == []
    assert [name for name, *_ in loosened(LogParams(until=NOON))] == ["range"]


def histogram(seconds: int, *buckets: tuple[int, str, int], width: int = 60) -> Histogram:
    found = [HistogramBucket(NOON + timedelta(seconds=at), state, count) for at, state, count in buckets]
    return Histogram(width, NOON + timedelta(seconds=7), NOON + timedelta(seconds=seconds), found)


def test_a_histogram_is_filled_with_zeros_from_end_to_end() -> None:
    rows = charts.histogram_rows(histogram(300, (60, "FAILURE", 2), (60, "SUCCESS", 5), (240, "SUCCESS", 1)))
    starts = sorted({r["start"] for r in rows})
    assert [(s - starts[0]) // 1000 for s in starts] == [0, 60, 120, 180, 240]
    assert starts[0] == int(NOON.timestamp()) * 1000
    assert {(r["start"] - starts[0]) // 1000: r["tasks"] for r in rows if r["state"] == "SUCCESS"} == {
        0: 0, 60: 5, 120: 0, 180: 0, 240: 1,
    }  # fmt: skip
    assert sum(r["tasks"] for r in rows) == 8


def test_a_histogram_of_nothing_is_still_an_axis() -> None:
    rows = charts.histogram_rows(histogram(120))
    assert {r["tasks"] for r in rows} == {0}
    assert len(rows) == 2


def test_the_chart_has_the_states_own_colours_and_a_brush() -> None:
    spec = charts.histogram_chart(histogram(120, (0, "FAILURE", 1), (0, "LOST", 1)), "tasks").to_dict()
    scale = spec["encoding"]["color"]["scale"]
    assert scale == {
        "domain": ["FAILURE", "LOST"],
        "range": [theme.look(s).color for s in ("FAILURE", "LOST")],
    }
    assert spec["encoding"]["x"]["scale"]["type"] == "utc"
    assert [p["name"] for p in spec["params"]] == [charts.BRUSH]


def test_a_brush_is_a_range_in_whole_seconds() -> None:
    low, high = NOON.timestamp() * 1000 + 400, NOON.timestamp() * 1000 + 61_900
    chosen = charts.brushed_range({charts.BRUSH: {"start": [high, low]}})
    assert chosen == (NOON, NOON + timedelta(seconds=61))
    nothings: list[object] = [{}, {charts.BRUSH: {}}, {charts.BRUSH: {"start": [low, low]}}, None]
    for nothing in nothings:
        assert charts.brushed_range(nothing) is None


def test_executions_show_waiting_holding_and_running() -> None:
    first, second = execution_bars([FIRST, EXECUTION])
    assert [(p.kind, p.start, p.end) for p in first.parts] == [("wait", 0, 1000), ("run", 1000, 2000)]
    assert [(p.kind, p.start, p.end) for p in second.parts] == [
        ("wait", 5000, 5500),
        ("prefetch", 5500, 6000),
        ("run", 6000, 7000),
    ]
    assert second.parts[-1].state == second.state == "FAILURE"
    assert "ran 1.00 s" in second.says


def test_clocks_that_differ_draw_nothing_backwards() -> None:
    skewed = replace(FIRST, published_at=NOON + timedelta(seconds=30), ended_at=NOON)
    (bar,) = execution_bars([skewed])
    assert all(part.end >= part.start for part in bar.parts)
    assert execution_bars([]) == []


def span(span_id: str, parent: str, kind: str, state: str = "", **more: object) -> TraceSpan:
    made = TraceSpan(
        span_id=span_id, parent_span_id=parent, name=f"x/{span_id}", kind=kind, service="shop", start=NOON,
        start_ns=2_000_000_000, duration_ns=5_000_000, status="Unset", task_id="t", task_name="shop.pay", state=state,
        retries=0, worker="", published_ns=None, attributes={},
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def test_a_trace_has_runs_publishes_and_other_spans() -> None:
    publish, run, query = trace_bars(
        [
            span("a", "", "Producer", start_ns=1_000_000_000),
            span("b", "a", "Consumer", "SUCCESS", published_ns=1_000_000_000, retries=2),
            span("c", "b", "Client", task_id="", task_name=""),
        ]
    )
    assert (publish.label, publish.state, publish.parts[0].kind) == ("publish shop.pay", "", "publish")
    assert (run.label, run.state, run.says) == ("shop.pay", "SUCCESS", "5.00 ms · retry 2")
    assert [(p.kind, p.start, p.end) for p in run.parts] == [("wait", 0, 1000), ("run", 1000, 1005)]
    assert (query.label, query.parent, query.parts[0].kind) == ("x/c", "b", "other")
    assert trace_bars([]) == []


def facts_of(task: TaskRow, execution: Execution | None) -> dict[str, str]:
    return {fact.label: fact.value for group in fact_groups(task, execution) for fact in group.facts}


def test_facts_name_everything_that_is_known() -> None:
    facts = facts_of(TASK, EXECUTION)
    assert facts["State"] == "FAILURE"
    assert facts["App"] == "(none)"
    assert facts["Published"] == "2026-11-22 12:00:05.000000"
    assert facts["Prefetch wait"] == "500 ms"
    assert facts["Release"] == "1.2"
    assert facts["Group"] == "g"
    assert facts["Parent"] == "this task"
    assert "ETA" not in facts


def test_facts_without_an_execution_come_from_the_task() -> None:
    facts = facts_of(replace(TASK, state="SENT", started_at=None, duration_ns=None), None)
    assert (facts["Started"], facts["Runtime"]) == ("–", "–")
    assert "Prefetch wait" not in facts


def test_facts_say_which_execution_they_are_of() -> None:
    titles = [group.title for group in fact_groups(TASK, EXECUTION, number=2)]
    assert titles == ["Task", "Lineage", "Times (UTC), execution 2", "Where, execution 2"]
    assert [group.title for group in fact_groups(TASK, EXECUTION)][2:] == ["Times (UTC)", "Where"]


def test_what_never_ran_has_no_start() -> None:
    assert facts_of(TASK, replace(EXECUTION, duration_ns=None, state="REVOKED"))["Started"] == "–"


def test_a_clock_behind_is_told() -> None:
    skewed = replace(EXECUTION, queue_wait_ns=0, queue_wait_raw_ns=-40_000_000)
    notes = [f.note for group in fact_groups(TASK, skewed) for f in group.facts if f.label == "Queue wait"]
    assert notes == ["the clocks differ: measured −40 ms"]


def test_links_lead_to_relatives_only() -> None:
    hrefs = {f.label: f.href for group in fact_groups(TASK, EXECUTION) for f in group.facts if f.href}
    assert hrefs == {"Root": "/task?id=root"}


def test_relatives_are_rows_once() -> None:
    parent = RelatedTask("p", "shop.order", "SUCCESS", NOON, 5)
    child = RelatedTask("c", "shop.mail", "SENT", None, None)
    both = relative_rows(Related(root=parent, parent=parent, children=[child], children_total=1))
    assert [(r.cells[0], r.id) for r in both] == [("root, parent", "p"), ("child", "c")]
    assert relative_rows(Related(None, None, [], 0)) == []


def test_the_text_of_a_task_has_every_execution_with_its_cause() -> None:
    text = task_text(TASK, [FIRST, EXECUTION])
    assert "Task t/1 &x" in text
    assert "Execution 1: RETRY on celery@a, retries 0" in text
    assert "Execution 2: FAILURE on celery@a, retries 1" in text
    assert "exception: shop.errors.Declined: no money" in text
    assert "Secrets were masked" in text
    assert text.count("      pay.py") == 2
