"""The log of tasks: filters, histogram, table, pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import streamlit as st

from otel_taskmon.queries.model import Cursor, LogPage, TaskSpan
from taskmon_viewer import cache, charts
from taskmon_viewer.access.current import may
from taskmon_viewer.ahead import ask_ahead
from taskmon_viewer.browser import browser_zone
from taskmon_viewer.components.table import selected_rows, table
from taskmon_viewer.links import go_to_task, log_params, set_log_params
from taskmon_viewer.params import LogParams
from taskmon_viewer.texts import age_text, clock, count_text, utc, width_text
from taskmon_viewer.views.delete_tasks import delete_button, say_deleted
from taskmon_viewer.views.ignored import say_ignored
from taskmon_viewer.views.log_empty import drop_all_filters, empty_log, run_filters
from taskmon_viewer.views.log_facets import facet_filters
from taskmon_viewer.views.log_rows import LEAST_WIDTH, columns, row, split_row_id
from taskmon_viewer.views.log_toolbar import toolbar
from taskmon_viewer.views.outage import shown_with_store

TABLE = "log.table"
_AROUND_TABLE = 262
_RANGE_ROW = 44
"""Pixels of the window that are not the table's, so that the pager below it is in sight."""
_BRUSHED = "log.brushed"
_NOUNS = {"tasks": "task", "executions": "execution"}


def render() -> None:
    params, ignored = log_params()
    toolbar(params)
    say_ignored(ignored)
    say_deleted()
    shown_with_store(lambda: _with_store(params))


def _with_store(params: LogParams) -> None:
    # Asked here first, so that a store that is away is told once for the whole page.
    wanted = params.task_filter(cache.as_of())
    ask_ahead(
        lambda: cache.facets(params, wanted),
        lambda: cache.histogram(params, wanted),
        lambda: cache.page(params, wanted),
    )
    cache.span(params, wanted)
    every = cache.TTL_SECONDS if params.follow else None
    with st.sidebar:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown("**Filters**")
            st.button("Clear all", type="tertiary", on_click=drop_all_filters, disabled=not params.narrowed)
        st.fragment(_facets, run_every=every)()
    st.fragment(_results, run_every=every)()


def _facets() -> None:
    shown_with_store(facet_filters)


def _results() -> None:
    if st.session_state.pop(_BRUSHED, False):
        st.rerun()
    shown_with_store(_draw_results)


def _draw_results() -> None:
    params, _ = log_params()
    now = cache.as_of()
    wanted = params.task_filter(now)
    ask_ahead(lambda: cache.histogram(params, wanted), lambda: cache.page(params, wanted))
    span = cache.span(params, wanted)
    if span.count == 0:
        empty_log(params, now)
        return
    bucket_seconds = _histogram(params, now)
    _coverage(params, span, now, bucket_seconds)
    page = cache.page(params, wanted)
    _table(params, page)
    _pager(params, page, span)


def _histogram(params: LogParams, now: datetime) -> int:
    histogram = cache.histogram(params, params.task_filter(now))
    # Another range is another chart: a selection drawn over the old one must not stay.
    key = f"log.histogram.{params.range}.{params.since}.{params.until}"

    def brushed() -> None:
        chosen = charts.brushed_range(st.session_state[key].selection)
        if chosen is not None:
            before, _ = log_params()
            set_log_params(before.changed(since=chosen[0], until=chosen[1]))
            st.session_state[_BRUSHED] = True

    st.altair_chart(
        charts.histogram_chart(histogram, params.per),
        key=key,
        on_select=brushed,
        selection_mode=charts.BRUSH,
        width="stretch",
    )
    return histogram.bucket_seconds


def _coverage(params: LogParams, span: TaskSpan, now: datetime, bucket_seconds: int) -> None:
    kept = "kept for ever" if span.kept_hours is None else f"kept for {age_text(span.kept_hours)}"
    st.caption(
        f"Based on {count_text(span.count, _NOUNS[params.per])} from {clock(span.oldest, fraction=0)} "
        f"to {utc(span.newest, fraction=0)}; {kept}. One bar is {width_text(bucket_seconds)}; "
        f"drag over the bars to choose a range. As of {now:%H:%M:%S} UTC."
    )


def _table(params: LogParams, page: LogPage) -> None:
    around = _AROUND_TABLE + _RANGE_ROW * (int(params.absolute) + int(bool(run_filters(params))))
    zone = browser_zone()
    opened = table(
        columns(),
        [row(task, zone) for task in page.rows],
        key=TABLE,
        label="Tasks" if params.per == "tasks" else "Executions",
        sort=(params.sort, params.descending),
        signature=replace(params, follow=False).to_query_string(),
        height=f"max(360px, calc(100vh - {around}px))",
        least_width=LEAST_WIDTH,
        on_sort=_sort,
        selectable=may("operator"),
    )
    if opened is not None:
        go_to_task(*split_row_id(opened))


def _sort(key: str) -> None:
    params, _ = log_params()
    if key in ("time", "runtime", "wait", "retries"):
        set_log_params(
            params.changed(sort=key, descending=not params.descending if key == params.sort else True)
        )


def _pager(params: LogParams, page: LogPage, span: TaskSpan) -> None:
    first = (params.page - 1) * cache.PAGE_ROWS + 1
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ):
        if may("operator"):
            _delete_selected(page)
        if page.rows:
            st.caption(f"Rows {first:,}–{first + len(page.rows) - 1:,} of {span.count:,}", width="content")
        else:
            st.caption("Nothing follows here any more.", width="content")
        st.button(
            "Newest" if params.sort == "time" and params.descending else "First",
            icon=":material/first_page:",
            disabled=not params.trail,
            on_click=_turn_to,
            args=(params.changed(),),
        )
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            disabled=not params.trail,
            on_click=_turn_to,
            args=(params.previous_page(),),
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=page.next is None,
            on_click=_turn_forward,
            args=(params, page.next),
        )


def _delete_selected(page: LogPage) -> None:
    shown = {row.task_id for row in page.rows}
    chosen = [task_id for task_id, _ in map(split_row_id, selected_rows(TABLE)) if task_id in shown]
    if chosen:
        label = f"Delete {count_text(len(set(chosen)), 'task')} …"
        delete_button(chosen, key="log.delete", label=label)


def _turn_to(params: LogParams) -> None:
    set_log_params(params)


def _turn_forward(params: LogParams, after: Cursor | None) -> None:
    if after is not None:
        set_log_params(params.next_page(after))
