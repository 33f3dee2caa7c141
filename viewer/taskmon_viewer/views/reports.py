"""The 17 reports: a picture, the same as a table, and where each part of it leads."""

from __future__ import annotations

from typing import Final

import streamlit as st

from otel_taskmon.queries.report_catalogue import REPORTS, grouped
from otel_taskmon.queries.report_model import ReportAnswer, ReportKey, ReportRow
from taskmon_viewer import cache, configuration
from taskmon_viewer.ahead import ask_ahead
from taskmon_viewer.components.go import go
from taskmon_viewer.components.menu import Entry, menu
from taskmon_viewer.links import (
    REPORTS_PAGE,
    go_to_log,
    log_href,
    report_csv_href,
    report_params,
    reports_href,
    write_address,
)
from taskmon_viewer.report_charts import MAX_DOTS, marks_text
from taskmon_viewer.report_params import ReportParams
from taskmon_viewer.report_routes import REPORT_CSV_PATH
from taskmon_viewer.texts import count_text, page_title, per_width, safe_label, width_text
from taskmon_viewer.views.ignored import say_ignored
from taskmon_viewer.views.outage import shown_with_store
from taskmon_viewer.views.report_bar import report_bar
from taskmon_viewer.views.report_coverage import coverage, empty_report
from taskmon_viewer.views.report_picture import picture
from taskmon_viewer.views.report_table import MAX_ROWS, log_of, report_table, shown_rows

_OTHERS: Final = "reports.others"
_VALUES: Final[dict[ReportKey, str]] = {"tasks_top_avg_runtime": "avg", "tasks_top_max_runtime": "max"}


def render() -> None:
    params, ignored = report_params(REPORTS_PAGE)
    report = REPORTS[params.report]
    top = top_of(params)
    wanted = params.report_filter(cache.as_of())
    ask_ahead(lambda: cache.report(params.report, wanted, top))
    st.set_page_config(page_title=page_title(report.label))
    _navigation(params)
    report_bar(params, top=top if report.has_top else None, csv=report_csv_href(REPORT_CSV_PATH, params))
    say_ignored(ignored)
    shown_with_store(lambda: _draw(params, top))


def top_of(params: ReportParams) -> int:
    return params.top or configuration.viewer().reports_max_top


def _navigation(params: ReportParams) -> None:
    addresses = {key: params.changed(report=key) for key in REPORTS}
    with st.sidebar:
        chosen = menu(
            [
                (group, [Entry(r.key, r.label, reports_href(addresses[r.key])) for r in reports])
                for group, reports in grouped().items()
            ],
            key="reports.menu",
            label="Reports",
            chosen=params.report,
        )
    for key, wanted in addresses.items():
        if key == chosen != params.report:
            write_address(wanted.to_query())
            st.rerun()


def _draw(params: ReportParams, top: int) -> None:
    answer = cache.report(params.report, params.report_filter(cache.as_of()), top)
    st.subheader(safe_label(_title(answer)), anchor=False)
    if not answer.rows:
        empty_report(answer, params)
        _coverage(answer, params)
        return
    if answer.report.kind == "parts":
        left, right = st.columns([5, 6], vertical_alignment="center")
    else:
        left = right = st.container()
    with left:
        row = picture(answer, params, name="reports.picture", value_is=_VALUES.get(answer.report.key, ""))
    if row is not None:
        _open_part(answer, row)
    with right:
        _table(answer)
    _members(answer)
    _notes(answer)
    _coverage(answer, params)


def _title(answer: ReportAnswer) -> str:
    title = answer.report.title(answer.top)
    counted = answer.report.kind == "series" and answer.report.unit == "runs"
    return f"{title} {per_width(answer.bucket_seconds)}" if counted and answer.bucket_seconds else title


def _coverage(answer: ReportAnswer, params: ReportParams) -> None:
    coverage(answer, params, noun="sample" if answer.report.dimension == "queue" else "run")


def _open_part(answer: ReportAnswer, row: ReportRow) -> None:
    if row.others:
        st.session_state[_OTHERS] = True
        st.rerun()
    go(log_href(log_of(answer, row)))


def _open(answer: ReportAnswer, row: ReportRow) -> None:
    if row.others:
        _open_part(answer, row)
    go_to_log(log_of(answer, row))


def _table(answer: ReportAnswer) -> None:
    rows = shown_rows(answer)
    opened = report_table(answer, rows, key="reports.table", height="560px")
    if opened is not None and opened < len(rows):
        _open(answer, rows[opened])
    if len(rows) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS} of {len(rows):,} rows; the CSV has all.")


def _members(answer: ReportAnswer) -> None:
    if not answer.members:
        return
    opened = bool(st.session_state.pop(_OTHERS, False))
    with st.expander(f"Others: {len(answer.members):,} more", expanded=opened, key="reports.members"):
        number = report_table(
            answer, answer.members, key="reports.members.table", height="420px", members=True
        )
        if number is not None and number < len(answer.members):
            go_to_log(log_of(answer, answer.members[number]))
        if len(answer.members) > MAX_ROWS:
            st.caption(f"The first {MAX_ROWS} of {len(answer.members):,}; the CSV has all.")


def _notes(answer: ReportAnswer) -> None:
    kind = answer.report.kind
    if kind == "series" and answer.bucket_seconds:
        width = width_text(answer.bucket_seconds)
        if answer.report.dimension == "queue":
            st.caption(f"One point is {width}.")
        else:
            st.caption(f"One bar is {width}; averages count the minutes without runs, too.")
    if kind == "ranking" and answer.rows_total > len(answer.rows):
        st.caption(f"{len(answer.rows):,} of {count_text(answer.rows_total, 'row')}.")
    if kind == "ranking" and answer.report.key in _VALUES:
        st.caption(safe_label(marks_text(_VALUES[answer.report.key])))
    if kind == "parts":
        st.caption("The ring goes clockwise from the top, in the order of the table.")
    if kind == "scatter" and len(answer.rows) > MAX_DOTS:
        st.caption(f"The picture has the {MAX_DOTS:,} tasks with the most runs, of {len(answer.rows):,}.")
