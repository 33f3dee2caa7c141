"""The bar above Overview, Reports and Statistics: time range, zone, filters, refresh, CSV. The address is the truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import streamlit as st

from otel_taskmon.errors import QueryFailed, StoreUnavailable
from otel_taskmon.queries.model import FacetValue, TaskFilter
from taskmon_viewer import cache
from taskmon_viewer.links import change_report_params
from taskmon_viewer.params import LogParams
from taskmon_viewer.report_params import MAX_TOP, REPORT_RANGES, UTC_NAME, ReportParams
from taskmon_viewer.texts import named, plain_label, safe_label

CUSTOM: Final = "custom"
_PREFIX: Final = "report"
_FILTERS: Final = (("App", "apps", "app"), ("Queue", "queues", "queue"), ("Worker", "workers", "worker"))


def report_bar(params: ReportParams, *, top: int | None = None, csv: str = "", search: bool = False) -> None:
    """Draw it; a change writes the address and runs the page again.

    ``top``: how many rows are shown, where that can be chosen. ``csv``: address of the CSV. ``search``: with a box.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="report.bar"):
        if search:
            _search(params)
        _range(params)
        _zone(params)
        for label, name, _ in _FILTERS:
            _filter(params, label, name)
        if top is not None:
            _top(top)
        st.button("Refresh", icon=":material/refresh:", on_click=cache.forget, help="Ask the store now")
        if csv:
            st.link_button("CSV", csv, icon=":material/download:")
    if params.absolute:
        _absolute_range(params)


def _seed(name: str, value: object) -> str:
    key = f"{_PREFIX}.{name}"
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    return key


def _search(params: ReportParams) -> None:
    st.text_input(
        "Search",
        key=_seed("search", params.search),
        type="search",
        live="300ms",
        max_chars=1_000,
        placeholder="Search task name",
        label_visibility="collapsed",
        width=220,
        on_change=_search_changed,
    )


def _range(params: ReportParams) -> None:
    st.selectbox(
        "Time range",
        [*REPORT_RANGES, CUSTOM],
        key=_seed("range", CUSTOM if params.absolute else params.range),
        format_func=lambda name: "From … to …" if name == CUSTOM else REPORT_RANGES[name][0],
        label_visibility="collapsed",
        width=190,
        on_change=_range_changed,
    )


def _zone(params: ReportParams) -> None:
    browser = st.context.timezone
    zones = list(dict.fromkeys([UTC_NAME, *([browser] if browser else []), params.zone]))
    if len(zones) == 1:
        return
    st.selectbox(
        "Time zone",
        zones,
        key=_seed("zone", params.zone),
        format_func=plain_label,
        label_visibility="collapsed",
        width=150,
        help="In which times are typed and shown",
        on_change=_zone_changed,
    )


def _filter(params: ReportParams, label: str, name: str) -> None:
    chosen: tuple[str, ...] = getattr(params, name)
    st.multiselect(
        safe_label(label),
        [*_options(params, name, chosen)],
        key=_seed(name, list(chosen)),
        format_func=lambda value: plain_label(named(value)),
        accept_new_options=True,
        placeholder=f"Any {label.lower()}",
        label_visibility="collapsed",
        max_selections=50,
        width=170,
        on_change=_filter_changed,
        args=(name,),
    )


def _options(params: ReportParams, name: str, chosen: tuple[str, ...]) -> list[str]:
    """The values of the range, most frequent first; without the store those that are chosen."""
    now = cache.as_of()
    wanted = params.report_filter(now)
    view = LogParams(per="executions", range="all")
    try:
        found: list[FacetValue] = getattr(
            cache.facets(view, TaskFilter(since=wanted.since and max(wanted.since, _kept(now)))), name
        )
    except (StoreUnavailable, QueryFailed):  # the page below says so
        found = []
    return list(dict.fromkeys([*chosen, *(str(value.value) for value in found)]))


def _kept(now: datetime) -> datetime:
    """Facets come from the rows themselves, which no range makes older."""
    return now - timedelta(days=31)


def _top(top: int) -> None:
    st.number_input(
        "Rows",
        min_value=1,
        max_value=MAX_TOP,
        step=5,
        key=_seed("top", top),
        label_visibility="collapsed",
        width=110,
        help="How many rows the report shows (TASKMON_REPORTS_MAX_TOP sets what it begins with)",
        on_change=_top_changed,
    )


def _absolute_range(params: ReportParams) -> None:
    zone = params.tz
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, name, bound in (("From", "since", params.since), ("to", "until", params.until)):
            st.caption(label, width="content")
            st.datetime_input(
                label,
                value=None,
                key=_seed(name, _shown(bound, zone)),
                step=timedelta(minutes=1),
                format="YYYY-MM-DD",
                label_visibility="collapsed",
                width=220,
                on_change=_bounds_changed,
            )
        st.caption(safe_label(params.zone), width="content")


def _shown(moment: datetime | None, zone: tzinfo) -> datetime | None:
    """The widget knows minutes only; a bound of the address may be finer and stays so."""
    return moment.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0) if moment else None


def _bound(name: str, before: datetime | None, zone: tzinfo) -> datetime | None:
    chosen: datetime | None = st.session_state[f"{_PREFIX}.{name}"]
    if chosen == _shown(before, zone):
        return before
    return chosen.replace(tzinfo=zone).astimezone(UTC) if chosen else None


def _search_changed() -> None:
    text = st.session_state[f"{_PREFIX}.search"] or ""
    change_report_params(lambda params: params.changed(search=text))


def _zone_changed() -> None:
    zone = st.session_state[f"{_PREFIX}.zone"]
    change_report_params(lambda params: params.changed(zone=zone))


def _filter_changed(name: str) -> None:
    values = tuple("" if value == named("") else value for value in st.session_state[f"{_PREFIX}.{name}"])
    change_report_params(lambda params: params.changed(**{name: values}))


def _top_changed() -> None:
    top = st.session_state[f"{_PREFIX}.top"]
    change_report_params(lambda params: params.changed(top=top))


def _range_changed() -> None:
    chosen = st.session_state[f"{_PREFIX}.range"]
    if chosen != CUSTOM:
        change_report_params(lambda params: params.changed(range=chosen, since=None, until=None))
        return
    now = cache.as_of().replace(second=0)

    def bounded(params: ReportParams) -> ReportParams:
        since = params.report_filter(now).since or now - timedelta(days=30)
        return params.changed(since=since, until=now + timedelta(minutes=1))

    change_report_params(bounded)


def _bounds_changed() -> None:
    def bounded(params: ReportParams) -> ReportParams:
        zone = params.tz
        since, until = _bound("since", params.since, zone), _bound("until", params.until, zone)
        if since and until and since >= until:
            # Kept apart by a minute rather than refused: the other bound is what the reader changes next.
            until = since + timedelta(minutes=1)
        return params.changed(since=since, until=until)

    change_report_params(bounded)
