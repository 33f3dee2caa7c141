"""What an answer is based on, how old it is, what is off; and what to do when it is empty."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

import streamlit as st

from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.report_model import (
    OFF_TEXTS,
    BasedOn,
    Off,
    ReportAnswer,
    ReportFilter,
    ReportKey,
    Source,
)
from taskmon_viewer import cache
from taskmon_viewer.components.age import age
from taskmon_viewer.links import change_report_params
from taskmon_viewer.params import LogParams
from taskmon_viewer.report_params import ReportParams
from taskmon_viewer.report_values import zone_text, zoned_clock
from taskmon_viewer.texts import count_text, safe_label
from taskmon_viewer.views.log_empty import no_tasks_at_all

_NONE_OF_THEM: Final[dict[ReportKey, str]] = {
    "tasks_throughput": "ended well",
    "apps_top_cum_runtime": "has a runtime",
    "tasks_top_max_runtime": "has a runtime",
    "tasks_top_avg_runtime": "has a runtime",
    "tasks_top_cum_runtime": "has a runtime",
    "tasks_top_failed": "failed",
    "tasks_top_retried": "was retried",
    "tasks_throughput_by_app": "ended well",
    "exceptions_throughput": "had an exception",
    "app_failures_over_time": "failed",
    "task_statistics": "has a runtime",
}


class Answer(Protocol):
    """What every answer of the report model says of itself."""

    @property
    def wanted(self) -> ReportFilter: ...
    @property
    def based_on(self) -> BasedOn: ...
    @property
    def as_of(self) -> datetime: ...
    @property
    def source(self) -> Source: ...
    @property
    def off(self) -> tuple[Off, ...]: ...


def coverage(answer: Answer, params: ReportParams, *, noun: str = "run") -> None:
    """What it is based on and from when, which filters are off, and its age."""
    zone = params.tz
    wanted, based_on = answer.wanted, answer.based_on
    said = zone_text(zone, params.zone, wanted.until or answer.as_of)
    between = f"{zoned_clock(wanted.since, zone)} to {zoned_clock(wanted.until, zone)} {said}"
    parts = [f"Based on {count_text(based_on.count, noun)} from {between}"]
    if based_on.oldest and based_on.newest and based_on.count:
        parts.append(
            f"the first at {zoned_clock(based_on.oldest, zone)}, the last at {zoned_clock(based_on.newest, zone)}"
        )
    if answer.source == "hourly":
        parts.append("from the hourly statistics")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="report.coverage"):
        st.caption(safe_label("; ".join(parts) + ".", limit=400), width="content")
        age(answer.as_of, f"{zoned_clock(answer.as_of, zone)[11:]} {params.zone}", key="report.age")
    for name in answer.off:
        st.caption(safe_label(f"{OFF_TEXTS[name][0].upper()}{OFF_TEXTS[name][1:]}.", limit=400))


def empty_report(answer: ReportAnswer, params: ReportParams) -> None:
    """Why there is nothing to show, and what to do next."""
    count = answer.based_on.count
    if answer.report.dimension == "queue":
        st.info("No queue length was sampled in this range.", icon=":material/inbox:")
        st.markdown(
            "While workers run, one of them samples the queues every few seconds (unless `TASKMON_QUEUE_DEPTH=false`). "
            "Lengths are kept for 90 days."
        )
        _wider(params)
        return
    if count:
        what = _NONE_OF_THEM.get(answer.report.key, "fits this report")
        runs = count_text(count, "run")
        st.info(f"Of the {runs} in this range none {safe_label(what)}.", icon=":material/check_circle:")
        _wider(params)
        return
    nothing_ran(params)


def nothing_ran(params: ReportParams) -> None:
    """No execution fits range and filters."""
    if cache.span(LogParams(range="all"), TaskFilter()).count == 0:
        no_tasks_at_all()
        return
    st.info("Nothing ran in this range.", icon=":material/filter_alt_off:")
    _wider(params)


def _wider(params: ReportParams) -> None:
    with st.container(horizontal=True, gap="small"):
        if params.absolute or params.range != "30d":
            st.button("Show the last 30 days", key="report.wider", on_click=_change, args=({"range": "30d"},))
        if params.narrowed:
            nothing = {"apps": (), "queues": (), "workers": (), "search": ""}
            st.button("Drop the filters", key="report.unfiltered", on_click=_change, args=(nothing,))


def _change(changes: dict[str, object]) -> None:
    if "range" in changes:
        changes = {**changes, "since": None, "until": None}
    change_report_params(lambda params: params.changed(**changes))
