"""Addresses, texts and pictures of reports; pure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest

from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import (
    BasedOn,
    Compared,
    LogView,
    QueueNow,
    ReportAnswer,
    ReportFilter,
    ReportKey,
    ReportRow,
    Runtimes,
)
from taskmon_viewer.address import parse
from taskmon_viewer.params import LogParams
from taskmon_viewer.report_charts import PICK, marks_text, picked, report_chart
from taskmon_viewer.report_params import ReportParams, parse_report_params
from taskmon_viewer.report_values import (
    LABEL_LENGTH,
    change_text,
    line_totals,
    plotted_ms,
    share_text,
    unique_labels,
    value_text,
    zone_text,
)
from taskmon_viewer.texts import per_width
from taskmon_viewer.views.overview_tables import QUEUE_COLUMNS, queue_cells

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOSTILE = "');alert(1)//<img src=x> datum.value"


def address_of(query: str) -> dict[str, list[str]]:
    return parse_qs(query, keep_blank_values=True)


@pytest.mark.parametrize(
    "params",
    [
        ReportParams(),
        ReportParams(report="tasks_top_failed", top=5, apps=("", "shop"), queues=("a&b",), workers=("w@x",)),
        ReportParams(since=NOW, until=NOW + timedelta(microseconds=7), zone="Europe/Berlin"),
        ReportParams(range="90d", search="päy", sort="wait_p95_ns", descending=True, page=3),
    ],
)
def test_an_address_holds_the_whole_view(params: ReportParams) -> None:
    assert parse_report_params(address_of(params.to_query_string())) == (params, [])


def test_what_a_report_leads_to_is_an_address_of_the_log() -> None:
    wanted = TaskFilter(
        ran_since=NOW,
        ran_until=NOW + timedelta(seconds=1),
        names=(HOSTILE,),
        apps=("",),
        failed=True,
        ran=False,
    )
    params = LogParams.of_view(LogView(wanted, "runtime"))
    again, ignored = parse(address_of(params.to_query_string()))
    assert (again, ignored) == (params, [])
    assert again.task_filter(NOW) == wanted
    assert (again.per, again.sort, again.range) == ("executions", "runtime", "all")


def test_a_range_ends_now_and_a_reversed_one_is_named() -> None:
    asked = ReportParams(range="1h").report_filter(NOW)
    assert (asked.since, asked.until) == (NOW - timedelta(hours=1), NOW)
    params, ignored = parse_report_params({"since": ["2026-07-02T00:00Z"], "until": ["2026-07-01T00:00Z"]})
    assert params.until is None
    assert [problem.parameter for problem in ignored] == ["until"]


def test_values_carry_units_and_small_ones_are_readable() -> None:
    assert value_text(4_200_000, "ns") == "4.20 ms"
    assert value_text(12_345, "runs") == "12,345"
    assert value_text(0.0333, "runs/min") == "0.03 per min"
    assert value_text(None, "messages") == "–"
    assert (share_text(0.5), share_text(0.0001), share_text(0), share_text(None)) == (
        "50.0 %",
        "< 0.1 %",
        "0.0 %",
        "–",
    )
    assert (per_width(60), per_width(300), per_width(3600)) == ("per min", "per 5 min", "per h")


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (112, 100, "+12 % against the range before"),
        (50, 100, "-50 % against the range before"),
        (100, 100, "as before"),
        (5, 0, "nothing before to compare with"),
        (None, None, "nothing before to compare with"),
        (5_000, 100, "50 times as much as before"),
    ],
)
def test_changes_are_said_in_words(now: float | None, before: float | None, said: str) -> None:
    assert change_text(Compared(now, before)) == said


def test_times_are_plotted_as_the_zone_reads_its_clock() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert plotted_ms(NOW, UTC) == NOW.timestamp() * 1000
    assert plotted_ms(NOW, berlin) - plotted_ms(NOW, UTC) == 2 * 3600 * 1000
    assert zone_text(berlin, "Europe/Berlin", NOW) == "Europe/Berlin (UTC+02:00)"
    assert zone_text(UTC, "UTC", NOW) == "UTC"


def test_long_labels_stay_different() -> None:
    found = unique_labels(["x" * 100, "x" * 101, "", "(none)", "a\nb"])
    assert len(set(found)) == 5
    assert all(len(label) <= 64 for label in found)


def test_a_long_name_keeps_its_beginning_and_what_it_does() -> None:
    (short,) = unique_labels(["company.warehouse.department.application.tasks.billing.send_reminder"])
    assert short.startswith("company.")
    assert short.endswith(".billing.send_reminder")
    assert len(short) == LABEL_LENGTH
    assert unique_labels(["n" * LABEL_LENGTH]) == ["n" * LABEL_LENGTH]


def test_marks_of_a_ranking_are_explained_and_are_not_told_by_colour() -> None:
    assert marks_text("p95") == "The bar ends at p95; ○ p50, △ p99."
    assert marks_text("avg") == "The bar ends at avg; ○ p50, ◇ p95, △ p99."
    rows = [ReportRow("a", 3, 3, 0.5, runtimes=RUNTIMES)]
    for value_is, shapes in (
        ("", []),
        ("p95", ["circle", "triangle-up"]),
        ("max", ["circle", "diamond", "triangle-up"]),
    ):
        spec = report_chart(answer("tasks_top_avg_runtime", rows), UTC, value_is=value_is).to_dict()
        assert [layer["mark"]["shape"] for layer in spec["layer"] if "shape" in layer["mark"]] == shapes


def test_every_picture_says_what_it_is_to_who_cannot_see_it() -> None:
    for key, report in REPORTS.items():
        rows = buckets() if report.kind == "series" else [ReportRow(HOSTILE, 3, 3, 0.5, runtimes=RUNTIMES)]
        said = report_chart(answer(key, rows), UTC).to_dict()["description"]
        assert said.startswith(report.title(20))


def test_the_overview_counts_consumers_as_the_page_of_the_queues_does() -> None:
    queue = QueueNow("mails", "redis", 3, 1, None, NOW, 7, 5_000_000)
    place = [column.label for column in QUEUE_COLUMNS].index("Consumers")
    assert queue_cells(queue, {"mails": 2})[place] == "2"
    assert queue_cells(queue, {"other": 2})[place] == "0", "workers tell their queues, and none takes from it"
    assert queue_cells(queue, {})[place] == "–", "nobody says"
    assert queue_cells(replace(queue, consumers=4), {"mails": 2})[place] == "4", "the broker knows best"


RUNTIMES = Runtimes(3, 1_000_000, 2e6, 2_000_000, 3_000_000, 3_000_000, 3_000_000, 6_000_000)


def answer(key: ReportKey, rows: list[ReportRow]) -> ReportAnswer:
    return ReportAnswer(
        report=REPORTS[key],
        rows=tuple(rows),
        members=(),
        wanted=ReportFilter(NOW, NOW + timedelta(minutes=2)),
        based_on=BasedOn(3, NOW, NOW),
        as_of=NOW,
        top=20,
        rows_total=len(rows),
        bucket_seconds=60,
        source="executions",
    )


def buckets() -> list[ReportRow]:
    return [
        ReportRow(label, value, value, start=NOW + timedelta(minutes=n), end=NOW + timedelta(minutes=n + 1))
        for label in (HOSTILE, "other")
        for n, value in enumerate((1, 2))
    ]


@pytest.mark.parametrize("key", REPORTS)
def test_what_users_wrote_is_only_data_of_a_picture(key: ReportKey) -> None:
    rows = buckets() if REPORTS[key].kind == "series" else [ReportRow(HOSTILE, 3, 3, 0.5, runtimes=RUNTIMES)]
    spec: dict[str, Any] = report_chart(answer(key, rows), UTC, value_is="avg").to_dict()
    (data,) = spec.pop("datasets").values()
    assert "alert(1)" in json.dumps(data)
    assert [point["row"] for point in data] == list(range(len(rows)))
    # beside the data it is listed where the order of the labels and their colours are
    places = [path for path, text in leaves(spec) if "alert(1)" in text]
    assert all("domain" in path or "sort" in path for path in places), places
    assert not [path for path, _ in leaves(spec) if {"href", "url"} & set(path)]


def leaves(node: object, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """Every text of a specification with the keys that lead to it."""
    if isinstance(node, dict):
        return [leaf for key, value in node.items() for leaf in leaves(value, (*path, key))]
    if isinstance(node, list):
        return [leaf for value in node for leaf in leaves(value, path)]
    return [(path, str(node))]


def test_a_click_names_a_row_and_anything_else_none() -> None:
    assert picked({PICK: [{"row": 3}]}) == 3
    others: list[Any] = [{}, {PICK: []}, {PICK: [{"row": "x"}]}, None, {PICK: [{}]}]
    for other in others:
        assert picked(other) is None


def test_lines_are_added_up_and_an_app_called_others_stays_itself() -> None:
    rows = [*buckets(), *(replace(row, label="Others") for row in buckets()[:2])]
    rows += [replace(row, label="Others", others=True) for row in buckets()[2:]]
    found = line_totals(answer("tasks_throughput_by_app", rows))
    assert [(row.label, row.others, row.count) for row in found] == [
        (HOSTILE, False, 3),
        ("other", False, 3),
        ("Others", False, 3),
        ("Others", True, 3),
    ]
    assert sum(row.share or 0 for row in found) == pytest.approx(1)
