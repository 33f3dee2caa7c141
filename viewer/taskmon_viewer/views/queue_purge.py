"""Purging a queue: for operators, after a count, and after typing the queue's name."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from otel_taskmon.broker import PurgePlan, Wanted
from otel_taskmon.broker.amqp import SELECTION_WARNING
from otel_taskmon.errors import TaskmonError
from otel_taskmon.queries.audit import Actor
from taskmon_viewer import configuration, queue_broker, queue_cache
from taskmon_viewer.access.current import require
from taskmon_viewer.queue_purge import PurgeResult, PurgeRun
from taskmon_viewer.texts import clipped, count_text, safe_label

_DONE: Final = "queues.purged"
_TYPED: Final = "queues.purge.name"
_NAMES_SHOWN: Final = 20


def purge_buttons(queue: str, wanted: Wanted) -> None:
    """Buttons that ask, and then remove all messages of ``queue``, or those of the filters.

    To be shown to operators only; the purge itself asks for the role again.
    """
    selection = replace(wanted, priority=None)
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        if wanted.priority is not None:
            st.caption("A purge does not select by priority: several share a list on the broker.")
        elif not selection.everything and st.button(
            "Purge what fits the filters …", icon=":material/filter_alt:", key="queues.purge.some"
        ):
            _count_and_ask(queue, selection)
        if st.button("Purge the whole queue …", icon=":material/delete_sweep:", key="queues.purge.all"):
            _count_and_ask(queue, Wanted())


def say_purged() -> None:
    """What was removed just now, once."""
    done = st.session_state.pop(_DONE, None)
    if not isinstance(done, tuple):
        return
    queue, result = done
    said = f"{count_text(result.removed, 'message')} removed from {safe_label(queue)}."
    if not result.problem:
        st.success(said, icon=":material/delete_sweep:")
        return
    st.error(said + " It did not go well:", icon=":material/error:")
    st.code(result.problem, language=None, wrap_lines=True)


def _count_and_ask(queue: str, wanted: Wanted) -> None:
    """Counted once: what is confirmed is what was shown."""
    try:
        with st.spinner("Counting …"):
            planned = queue_broker.ask_plan(queue_broker.address(), queue, wanted)
    except TaskmonError as error:
        _failed(error)
        return
    _ask(planned)


@st.dialog("Purge?")
def _ask(planned: PurgePlan) -> None:
    say_plan(planned)
    if not planned.depth or planned.matching == 0:
        st.caption("There is nothing to remove.")
        return
    typed = st.text_input("Type the queue's name to remove them", key=_TYPED, autocomplete="off")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="queues.purge.no"):
            st.rerun()
        # Not disabled until the name fits: the browser sends what was typed only with the click.
        sure = st.button("Purge", type="primary", key="queues.purge.yes")
    if sure and typed != planned.queue:
        st.error("That is not its name; nothing was removed.")
    elif sure:
        purge_now(planned)


def say_plan(planned: PurgePlan) -> None:
    """What would be removed, before anything is."""
    many = "a number that cannot be told before" if planned.matching is None else f"{planned.matching:,}"
    st.text(f"Queue: {clipped(planned.queue, 300)}\nSelection: {clipped(planned.wanted.text(), 500)}")
    st.markdown(f"**{many}** of {count_text(planned.depth, 'waiting message')} would be removed.")
    shown = list(planned.by_task.items())[:_NAMES_SHOWN]
    if shown:
        more = len(planned.by_task) - len(shown)
        lines = [f"{count:,}  {clipped(name, 200) or '(no task name)'}" for name, count in shown]
        st.text("\n".join([*lines, *([f"and {more:,} more task names"] if more else [])]))
    if planned.matching is None:
        st.warning(f"{SELECTION_WARNING}.", icon=":material/warning:")
    st.caption(
        "Their tasks never run. What a worker already holds is not touched. It cannot be undone; the audit notes who "
        "did it."
    )


def purge_now(planned: PurgePlan) -> None:
    """Remove what was counted and say so; errors are told. It goes on when the page is closed meanwhile."""
    bar = st.progress(0.0, "Purging …")
    try:
        user = require("operator")
        run = PurgeRun(configuration.current(), queue_broker.address(), planned, Actor(user.name, user.role))
        result = run.result(lambda part, removed: bar.progress(part, f"Purging … {removed:,} removed"))
    except TaskmonError as error:
        bar.empty()
        _failed(error)
        return
    _done(planned.queue, result)


def _done(queue: str, result: PurgeResult) -> None:
    queue_cache.forget()
    st.session_state[_DONE] = (queue, result)
    st.rerun()


def _failed(error: TaskmonError) -> None:
    st.error("Nothing was removed.", icon=":material/error:")
    st.code(str(error), language=None, wrap_lines=True)
