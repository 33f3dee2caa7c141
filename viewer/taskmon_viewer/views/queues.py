"""The queues: how long they are, what fills them, what waits in one of them, and purging it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import streamlit as st

from otel_taskmon.errors import QueryFailed, StoreUnavailable, TaskmonError
from otel_taskmon.queries.queue_history import QueueFlow, QueueSample
from taskmon_viewer import cache, queue_broker, queue_cache
from taskmon_viewer.ahead import ask_ahead
from taskmon_viewer.components.table import Row, table
from taskmon_viewer.queue_broker import Depths
from taskmon_viewer.queue_links import change_queue_params, queue_params, queues_href
from taskmon_viewer.queue_params import QUEUE_RANGES, QueueParams
from taskmon_viewer.queue_values import QUEUE_COLUMNS, QueueState, queue_cells, queue_states
from taskmon_viewer.texts import clipped, named, safe_label, utc
from taskmon_viewer.views.broker_outage import say_no_broker, shown_with_broker
from taskmon_viewer.views.ignored import say_ignored
from taskmon_viewer.views.outage import shown_with_store
from taskmon_viewer.views.queue_history import history_section
from taskmon_viewer.views.queue_purge import say_purged
from taskmon_viewer.views.queue_stored import stored_section
from taskmon_viewer.views.queue_waiting import waiting_section

_RANGE = "queues.range"


@dataclass(frozen=True)
class _Known:
    """What is known before a queue is looked at more closely."""

    live: Depths | None
    states: list[QueueState]
    problem: TaskmonError | None
    """Why the broker says nothing, where it was asked."""
    store_is_well: bool


def render() -> None:
    params, ignored = queue_params()
    now = cache.as_of()
    ask_ahead(lambda: queue_cache.flows(now), lambda: queue_cache.workers(now))
    _bar(params)
    say_ignored(ignored)
    say_purged()
    known = _known(params, now)
    if not queue_broker.address().url:
        say_no_broker()
    if not known.store_is_well:
        shown_with_store(lambda: _tell_store(now))
    if known.problem is not None:
        shown_with_broker(lambda: _raise(known.problem))
    if not known.states:
        if known.store_is_well and known.problem is None:
            _no_queues()
        return
    _queues(params, known, now)
    chosen = params.queue or known.states[0].queue
    st.subheader(safe_label(named(chosen)), anchor=False)
    # The longest one may be another at the next look: whoever filters or turns pages stays with this one.
    params = replace(params, queue=chosen)
    if known.store_is_well:
        shown_with_store(lambda: history_section(chosen, params, now))
    live = known.live
    if live is not None and live.lists_messages:
        shown_with_broker(lambda: waiting_section(chosen, params))
    elif live is not None:
        shown_with_store(lambda: stored_section(chosen, params, now))


def _raise(problem: TaskmonError | None) -> None:
    if problem is not None:
        raise problem


def _bar(params: QueueParams) -> None:
    if st.session_state.get(_RANGE) != params.range:
        st.session_state[_RANGE] = params.range
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="queues.bar"):
        st.selectbox(
            "Time range",
            [*QUEUE_RANGES],
            key=_RANGE,
            format_func=lambda name: QUEUE_RANGES[name][0],
            label_visibility="collapsed",
            width=190,
            on_change=_range_changed,
        )
        st.button(
            "Refresh", icon=":material/refresh:", on_click=queue_cache.forget, help="Ask broker and store now"
        )


def _range_changed() -> None:
    chosen = st.session_state[_RANGE]
    change_queue_params(lambda params: params.changed(range=chosen))


def _known(params: QueueParams, now: datetime) -> _Known:
    """Broker and store are asked apart: one that is away takes nothing of the other's with it."""
    samples: list[QueueSample] = []
    flows: dict[str, QueueFlow] = {}
    workers: dict[str, int] = {}
    store_is_well = True
    try:
        samples, flows, workers = _ask_store(now)
    except (StoreUnavailable, QueryFailed):  # said by the page, from the same question
        store_is_well = False
    live: Depths | None = None
    problem: TaskmonError | None = None
    if queue_broker.address().url:
        names = {*(sample.queue for sample in samples), *flows, *workers, *filter(None, [params.queue])}
        try:
            live = queue_cache.depths(tuple(sorted(names)))
        except TaskmonError as error:
            problem = error
    counted = None if live is None else live.depths
    states = queue_states(counted, samples, flows, workers, now)
    if params.queue and all(state.queue != params.queue for state in states):
        states.append(QueueState(params.queue, None, None, None, None, QueueFlow(0, 0), None))
    return _Known(live, states, problem, store_is_well)


def _ask_store(now: datetime) -> tuple[list[QueueSample], dict[str, QueueFlow], dict[str, int]]:
    return queue_cache.samples(now), queue_cache.flows(now), queue_cache.workers(now)


def _tell_store(now: datetime) -> None:
    """For the error that it raises."""
    _ask_store(now)


def _queues(params: QueueParams, known: _Known, now: datetime) -> None:
    chosen = params.queue or known.states[0].queue
    opened = table(
        QUEUE_COLUMNS,
        [
            Row(
                id=str(number),
                cells=queue_cells(state),
                href=queues_href(params.of_queue(state.queue)),
                chosen=state.queue == chosen,
            )
            for number, state in enumerate(known.states)
        ],
        key="queues.table",
        label="Queues",
        height="min(300px, 40vh)",
        least_width=900,
    )
    _said_by(known, now)
    if opened is not None and opened.isdigit() and int(opened) < len(known.states):
        queue = known.states[int(opened)].queue
        if queue != params.queue:
            change_queue_params(lambda before: before.of_queue(queue))
            st.rerun()


def _said_by(known: _Known, now: datetime) -> None:
    if known.live is not None:
        st.caption(
            f"Lengths by the broker at {safe_label(clipped(known.live.where, 100))}, as of {now:%H:%M:%S} UTC; "
            "rates by the tables."
        )
        return
    oldest = min((state.sampled_at for state in known.states if state.sampled_at), default=None)
    if oldest is not None:
        st.caption(
            f"Lengths are the last samples of the workers, the oldest from {safe_label(utc(oldest, fraction=0))}."
        )


def _no_queues() -> None:
    st.info(
        "No queue is known. Workers that run with otel-taskmon tell of their queues every 10 seconds "
        "(`TASKMON_QUEUE_DEPTH`), and tasks that are published tell theirs: start a worker, or publish a task.",
        icon=":material/inbox:",
    )
