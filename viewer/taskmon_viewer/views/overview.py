"""The first page: a range beside the one before it, and what stands out. Every number leads to the log."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from otel_taskmon.queries.overview_page import Figure, drill_down
from otel_taskmon.queries.report_model import Compared, LogView, Overview, ReportAnswer
from taskmon_viewer import cache, queue_cache
from taskmon_viewer.ahead import ask_ahead
from taskmon_viewer.components.cards import Card, Tone, cards
from taskmon_viewer.components.go import go
from taskmon_viewer.components.table import Column, Row, table
from taskmon_viewer.links import OVERVIEW_PAGE, go_to_log, log_href, report_params
from taskmon_viewer.params import LogParams
from taskmon_viewer.report_charts import marks_text
from taskmon_viewer.report_params import ReportParams
from taskmon_viewer.report_values import change_text
from taskmon_viewer.texts import clipped, duration, per_width, safe_label
from taskmon_viewer.views.ignored import say_ignored
from taskmon_viewer.views.outage import shown_with_store
from taskmon_viewer.views.overview_tables import QUEUE_COLUMNS, WORKER_COLUMNS, queue_cells, worker_cells
from taskmon_viewer.views.report_bar import report_bar
from taskmon_viewer.views.report_coverage import coverage, nothing_ran
from taskmon_viewer.views.report_picture import picture
from taskmon_viewer.views.report_table import log_of

_CELL_LENGTH = 300


def render() -> None:
    params, ignored = report_params(OVERVIEW_PAGE)
    now = cache.as_of()
    wanted = params.report_filter(now)
    ask_ahead(lambda: cache.first_page(wanted), lambda: queue_cache.workers(now))
    report_bar(params)
    say_ignored(ignored)
    shown_with_store(lambda: _draw(params))


def _draw(params: ReportParams) -> None:
    overview = cache.first_page(params.report_filter(cache.as_of()))
    _figures(overview)
    ran = bool(overview.based_on.count)
    if ran:
        _throughput(overview, params)
    else:
        nothing_ran(params)
    # Two columns of their own, so that a short picture leaves no gap above what stands below it.
    left, right = st.columns(2, gap="medium")
    with left:
        if ran:
            _failing(overview, params)
        _queues(overview)
    with right:
        if ran:
            _slowest(overview, params)
        _workers(overview)
    coverage(overview, params)


def _figures(overview: Overview) -> None:
    known: dict[Figure, tuple[str, Compared, str]] = {
        "tasks": ("Tasks", overview.tasks, "Tasks first published in the range"),
        "failed": ("Failed", overview.failed, "Tasks of them that failed, expected exceptions left out"),
        "runs": ("Runs", overview.runs, "Executions that ran in the range; a retried task has several"),
        "runtime": ("Runtime p95", overview.runtime_p95_ns, "95 % of the executions took less time"),
        "wait": (
            "Queue wait p95",
            overview.wait_p95_ns,
            "95 % of the executions waited less, from published to started",
        ),
    }
    views = {name: LogParams.of_view(drill_down(overview, name)) for name in known}
    opened = cards(
        [
            Card(
                id=name,
                label=label,
                value=_figure(name, compared),
                note=change_text(compared),
                tone=_tone(name, compared),
                href=log_href(views[name]) if compared.now else "",
                help=text,
            )
            for name, (label, compared, text) in known.items()
        ],
        key="overview.figures",
    )
    for name, view in views.items():
        if name == opened:
            go_to_log(view)


def _figure(name: Figure, compared: Compared) -> str:
    if compared.now is None:
        return "–"
    return duration(round(compared.now)) if name in ("runtime", "wait") else f"{compared.now:,.0f}"


def _tone(name: Figure, compared: Compared) -> Tone:
    """More failures and longer times are worse; more or fewer tasks are neither."""
    change = compared.change
    if name in ("tasks", "runs") or change is None or abs(change) < 0.05:
        return ""
    return "bad" if change > 0 else "good"


def _throughput(overview: Overview, params: ReportParams) -> None:
    throughput = overview.throughput
    st.subheader(f"Runs {per_width(throughput.bucket_seconds or 60)} by state", anchor=False)
    _picture(throughput, params, "overview.throughput", height=190)


def _failing(overview: Overview, params: ReportParams) -> None:
    st.subheader("Failing most", anchor=False)
    if overview.failing.rows:
        _picture(overview.failing, params, "overview.failing")
    else:
        st.caption("Nothing failed in this range.")


def _slowest(overview: Overview, params: ReportParams) -> None:
    st.subheader("Slowest by p95 runtime", anchor=False)
    if overview.slowest.rows:
        _picture(overview.slowest, params, "overview.slowest", value_is="p95")
        st.caption(safe_label(marks_text("p95")))
    else:
        st.caption("Nothing of this range has a runtime.")


def _picture(
    answer: ReportAnswer, params: ReportParams, name: str, *, height: int = 300, value_is: str = ""
) -> None:
    row = picture(answer, params, name=name, height=height, value_is=value_is)
    if row is not None:
        go(log_href(log_of(answer, row)))


def _ran(overview: Overview) -> LogView:
    return drill_down(overview, "runs")


def _queues(overview: Overview) -> None:
    st.subheader("Queues", anchor=False)
    if not overview.queues:
        st.caption("No queue was sampled, and nothing ran of one, in this range.")
        return
    ran = _ran(overview)
    views = [
        LogParams.of_view(replace(ran, filter=replace(ran.filter, queues=(one.queue,))))
        for one in overview.queues
    ]
    workers = queue_cache.workers(cache.as_of())
    cells = [queue_cells(one, workers) for one in overview.queues]
    _linked(QUEUE_COLUMNS, cells, views, "Queues", "overview.queues")


def _workers(overview: Overview) -> None:
    st.subheader("Workers", anchor=False)
    if not overview.workers:
        st.caption("No worker gave a sign of life in this range.")
        return
    ran = _ran(overview)
    views = [
        LogParams.of_view(replace(ran, filter=replace(ran.filter, workers=(one.worker,))))
        for one in overview.workers
    ]
    cells = [worker_cells(one, overview.as_of) for one in overview.workers]
    _linked(WORKER_COLUMNS, cells, views, "Workers", "overview.workers")


def _linked(
    columns: list[Column], cells: list[tuple[str, ...]], views: list[LogParams], label: str, key: str
) -> None:
    opened = table(
        columns,
        [
            Row(
                id=str(number),
                cells=tuple(clipped(cell, _CELL_LENGTH) for cell in row),
                href=log_href(views[number]),
            )
            for number, row in enumerate(cells)
        ],
        key=key,
        label=label,
        height="300px",
    )
    if opened is not None and opened.isdigit() and int(opened) < len(views):
        go_to_log(views[int(opened)])
