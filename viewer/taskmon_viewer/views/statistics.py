"""One row per task name and app: counts, rates, runtimes, trend."""

from __future__ import annotations

import math
from typing import get_args

import streamlit as st

from otel_taskmon.queries.report_model import StatisticsColumn, StatisticsPage
from taskmon_viewer import cache
from taskmon_viewer.ahead import ask_ahead
from taskmon_viewer.components.table import table
from taskmon_viewer.links import (
    STATISTICS_PAGE,
    change_report_params,
    go_to_log,
    report_csv_href,
    report_params,
)
from taskmon_viewer.report_params import ReportParams
from taskmon_viewer.report_routes import STATISTICS_CSV_PATH
from taskmon_viewer.texts import count_text, width_text
from taskmon_viewer.views.ignored import say_ignored
from taskmon_viewer.views.outage import shown_with_store
from taskmon_viewer.views.report_bar import report_bar
from taskmon_viewer.views.report_coverage import coverage, nothing_ran
from taskmon_viewer.views.statistics_table import LEAST_WIDTH, columns, opened_log, table_row


def render() -> None:
    params, ignored = report_params(STATISTICS_PAGE)
    wanted = params.report_filter(cache.as_of())
    ask_ahead(
        lambda: cache.statistics_page(wanted, params.search, params.sort, params.descending, params.page)
    )
    report_bar(params, csv=report_csv_href(STATISTICS_CSV_PATH, params), search=True)
    say_ignored(ignored)
    shown_with_store(lambda: _draw(params))


def _draw(params: ReportParams) -> None:
    wanted = params.report_filter(cache.as_of())
    page = cache.statistics_page(wanted, params.search, params.sort, params.descending, params.page)
    if not page.rows:
        if page.rows_total:
            st.info("There are fewer pages than that.", icon=":material/last_page:")
            st.button("First page", on_click=_turn_to, args=(1,))
        else:
            nothing_ran(params)
        coverage(page, params)
        return
    _table(params, page)
    _pager(params, page)
    st.caption(
        "Runtimes are of executions that have one. Failed leaves out exceptions that a task expects (throws). "
        f"One point of a trend is {width_text(page.bucket_seconds)}."
    )
    coverage(page, params)


def _table(params: ReportParams, page: StatisticsPage) -> None:
    opened = table(
        columns(width_text(page.bucket_seconds)),
        [table_row(page, number) for number in range(len(page.rows))],
        key="statistics.table",
        label="Statistics",
        sort=(params.sort, params.descending),
        signature=params.to_query_string(),
        height="max(360px, calc(100vh - 270px))",
        least_width=LEAST_WIDTH,
        on_sort=_sort,
    )
    log = opened_log(page, opened) if opened is not None else None
    if log is not None:
        go_to_log(log)


def _sort(name: str) -> None:
    for column in get_args(StatisticsColumn):
        if column == name:

            def sorted_by(params: ReportParams, column: StatisticsColumn = column) -> ReportParams:
                largest_first = column not in ("task_name", "app")
                descending = not params.descending if params.sort == column else largest_first
                return params.changed(sort=column, descending=descending)

            change_report_params(sorted_by)


def _pager(params: ReportParams, page: StatisticsPage) -> None:
    pages = math.ceil(page.rows_total / cache.PAGE_ROWS)
    first = (params.page - 1) * cache.PAGE_ROWS + 1
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ):
        st.caption(
            f"Rows {first:,}–{first + len(page.rows) - 1:,} of {count_text(page.rows_total, 'task name')}",
            width="content",
        )
        for label, icon, to, disabled in (
            ("Previous", ":material/chevron_left:", params.page - 1, params.page == 1),
            ("Next", ":material/chevron_right:", params.page + 1, params.page >= pages),
        ):
            st.button(label, icon=icon, disabled=disabled, on_click=_turn_to, args=(to,))


def _turn_to(page: int) -> None:
    change_report_params(lambda params: params.changed(page=page))
