"""Search, time range and the log's switches. The address is the truth: widgets are set from it and write to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import streamlit as st

from taskmon_viewer import cache
from taskmon_viewer.address_reader import MAX_LENGTH
from taskmon_viewer.links import export_href, log_params, set_log_params
from taskmon_viewer.params import RANGES, LogParams
from taskmon_viewer.texts import safe_label
from taskmon_viewer.views.log_empty import run_filters
from taskmon_viewer.views.saved_views import saved_views_button

SEARCH = "log.search"
RANGE = "log.range"
SINCE = "log.since"
UNTIL = "log.until"
PER = "log.per"
FOLLOW = "log.follow"
CUSTOM = "custom"
_PER_LABELS = {"tasks": "Tasks", "executions": "Executions"}


def toolbar(params: LogParams) -> None:
    """Draw it; a change writes the address and runs the page again."""
    _seed(SEARCH, params.search)
    _seed(RANGE, CUSTOM if params.absolute else params.range)
    _seed(PER, params.per)
    _seed(FOLLOW, params.follow)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text_input(
            "Search",
            key=SEARCH,
            type="search",
            live="300ms",
            max_chars=MAX_LENGTH,
            placeholder="Search name, app, task id, arguments, exception text",
            label_visibility="collapsed",
            on_change=_search_changed,
        )
        st.selectbox(
            "Time range",
            [*RANGES, CUSTOM],
            key=RANGE,
            format_func=lambda name: "From … to …" if name == CUSTOM else RANGES[name][0],
            label_visibility="collapsed",
            width=170,
            on_change=_range_changed,
        )
        st.segmented_control(
            "Rows",
            list(_PER_LABELS),
            key=PER,
            format_func=_PER_LABELS.__getitem__,
            required=True,
            label_visibility="collapsed",
            on_change=_per_changed,
        )
        st.toggle(
            "Follow",
            key=FOLLOW,
            help=f"Ask again every {cache.TTL_SECONDS} seconds",
            on_change=_follow_changed,
        )
        st.button("Refresh", icon=":material/refresh:", on_click=cache.forget, help="Ask the store now")
        with st.popover("Export", icon=":material/download:"):
            st.caption("All rows of this view as CSV: every column, UTC times, newest first.")
            st.link_button("CSV, comma", export_href(params, ","), width="stretch")
            st.link_button("CSV, semicolon", export_href(params, ";"), width="stretch")
        saved_views_button()
    if params.absolute:
        _absolute_range(params)
    _chips(params)


def _chips(params: LogParams) -> None:
    """Filters that a report has set: each with a button to drop it."""
    chips = run_filters(params)
    if not chips:
        return
    with st.container(horizontal=True, gap="small", key="log.chips"):
        for name, label, without in chips:
            st.button(
                safe_label(label),
                key=f"log.chip.{name}",
                icon=":material/close:",
                icon_position="right",
                help="Drop this filter",
                on_click=set_log_params,
                args=(without,),
            )


def _absolute_range(params: LogParams) -> None:
    _seed(SINCE, _shown_bound(params.since))
    _seed(UNTIL, _shown_bound(params.until))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, key in (("From (UTC)", SINCE), ("to (UTC)", UNTIL)):
            st.caption(label, width="content")
            st.datetime_input(
                label,
                value=None,
                key=key,
                step=timedelta(minutes=1),
                format="YYYY-MM-DD",
                label_visibility="collapsed",
                width=220,
                on_change=_bounds_changed,
            )


def _seed(key: str, value: object) -> None:
    """Give a widget its value, unless it has it: setting it again would disturb somebody who is typing."""
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def _shown_bound(moment: datetime | None) -> datetime | None:
    """The widget knows minutes only; a bound of the address or of the brush may be finer and stays so."""
    return moment.astimezone(UTC).replace(tzinfo=None, second=0, microsecond=0) if moment else None


def _bound(key: str, before: datetime | None) -> datetime | None:
    """The bound as changed by the reader; the one before, to the microsecond, where nothing was changed."""
    chosen: datetime | None = st.session_state[key]
    if chosen == _shown_bound(before):
        return before
    return chosen.replace(tzinfo=UTC) if chosen else None


def _change(change: Callable[[LogParams], LogParams]) -> None:
    before, _ = log_params()
    set_log_params(change(before))


def _search_changed() -> None:
    text = st.session_state[SEARCH] or ""
    _change(lambda params: params.changed(search=text))


def _per_changed() -> None:
    per = st.session_state[PER] or "tasks"
    _change(lambda params: params.changed(per=per))


def _follow_changed() -> None:
    follow = bool(st.session_state[FOLLOW])
    _change(lambda params: replace(params, follow=follow))


def _range_changed() -> None:
    chosen = st.session_state[RANGE]
    if chosen == CUSTOM:
        now = cache.as_of().replace(second=0)

        def bounded(params: LogParams) -> LogParams:
            since = params.task_filter(now).since or now - timedelta(days=30)
            return params.changed(since=since, until=now + timedelta(minutes=1))

        _change(bounded)
    else:
        _change(lambda params: params.changed(range=chosen, since=None, until=None))


def _bounds_changed() -> None:
    before, _ = log_params()
    since, until = _bound(SINCE, before.since), _bound(UNTIL, before.until)
    if since and until and since >= until:
        # Kept apart by a minute rather than refused: the other bound is what the reader changes next.
        until = since + timedelta(minutes=1)
    _change(lambda params: params.changed(since=since, until=until))
