"""What an empty log says: how to get tasks into it, or which filter to drop."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from otel_taskmon.errors import QueryFailed, StoreUnavailable
from otel_taskmon.queries.model import TaskFilter
from taskmon_viewer import cache
from taskmon_viewer.links import log_params, set_log_params
from taskmon_viewer.params import FACETS, RANGES, RUN_FILTERS, LogParams
from taskmon_viewer.texts import count_text, named, safe_label, utc

_ENABLE = """\
import otel_taskmon

app = Celery(...)             # your Celery app
otel_taskmon.instrument(app)  # this line, in its module"""


def empty_log(params: LogParams, now: datetime) -> None:
    """Says what to do next; asks the store what would be there without each filter."""
    if cache.span(LogParams(range="all"), TaskFilter()).count == 0:
        no_tasks_at_all()
        return
    noun = "task" if params.per == "tasks" else "execution"
    st.info(f"No {noun} fits this view.", icon=":material/filter_alt_off:")
    st.caption("Drop one of these to see more:")
    with st.container(horizontal=True, gap="small"):
        for name, label, without in loosened(params):
            count = cache.span(without, without.task_filter(now)).count
            st.button(
                f"{safe_label(label)} ({count_text(count, noun)} without it)",
                key=f"log.drop.{name}",
                on_click=_show,
                args=(without,),
                disabled=count == 0,
            )
        if params.narrowed:
            st.button(
                "Drop all filters",
                key="log.drop.all",
                on_click=_show,
                args=(LogParams(range="all", per=params.per, follow=params.follow),),
            )


def loosened(params: LogParams) -> list[tuple[str, str, LogParams]]:
    """The view without each of its filters: name of the filter, what it is, the view."""
    found = []
    if params.search.strip():
        found.append(("search", f"search “{params.search.strip()}”", params.changed(search="")))
    for parameter, name in FACETS.items():
        values = getattr(params, name)
        if values:
            label = f"{parameter} = {' or '.join(named(value) for value in values)}"
            found.append((name, label, params.changed(**{name: ()})))
    found += run_filters(params)
    wider = params.changed(range="all", since=None, until=None)
    if params.absolute:
        found.append(("range", "the range from … to …", wider))
    elif params.range != "all":
        found.append(("range", RANGES[params.range][0].lower(), wider))
    return found


def run_filters(params: LogParams) -> list[tuple[str, str, LogParams]]:
    """Those of the view's filters that no facet shows, as ``loosened``."""
    found = []
    if params.ran_since is not None or params.ran_until is not None:
        parts = [
            f"{word} {utc(moment, fraction=0 if moment.microsecond == 0 else 3)}"
            for word, moment in (("from", params.ran_since), ("until", params.ran_until))
            if moment is not None
        ]
        without = params.changed(ran_since=None, ran_until=None)
        found.append(("ran_range", f"ran {' '.join(parts)}", without))
    if params.failed:
        found.append(("failed", "failed unexpectedly", params.changed(failed=False)))
    if params.ran is not None:
        label = "has a runtime" if params.ran else "never started"
        found.append(("ran", label, params.changed(ran=None)))
    return found


def _show(params: LogParams) -> None:
    set_log_params(params)


def drop_all_filters() -> None:
    """Empty every filter, keep range, order and rows."""
    params, _ = log_params()
    set_log_params(params.changed(search="", **dict.fromkeys(FACETS.values(), ()), **RUN_FILTERS))


def no_tasks_at_all() -> None:
    """The store is empty: how to get tasks into it; goes on by itself when the first arrives."""
    st.info("There are no tasks in the store yet.", icon=":material/inbox:")
    st.markdown("Enable your Celery app with one line, restart its workers and publishers, and run a task:")
    st.code(_ENABLE, language=None)
    st.markdown(
        "It sends to OTLP at `127.0.0.1:4318` unless `OTEL_EXPORTER_OTLP_ENDPOINT` says otherwise; this store listens "
        "there when it runs with its default ports. `make demo` shows the viewer with a small shop's tasks."
    )
    _wait_for_tasks()


@st.fragment(run_every=cache.TTL_SECONDS)
def _wait_for_tasks() -> None:
    try:
        found = cache.span(LogParams(range="all"), TaskFilter()).count
    except (StoreUnavailable, QueryFailed):
        st.rerun()  # the page says what is the matter
    if found:
        st.rerun()
    st.caption("Waiting for the first task …")
