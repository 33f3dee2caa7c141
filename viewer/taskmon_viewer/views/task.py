"""One task in detail."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from otel_taskmon.queries.model import Execution, TaskRow
from taskmon_viewer import cache
from taskmon_viewer.access.current import may
from taskmon_viewer.ahead import ask_ahead
from taskmon_viewer.browser import browser_zone
from taskmon_viewer.components.copy_button import copy_button
from taskmon_viewer.components.facts import facts
from taskmon_viewer.components.table import Column, Row, table
from taskmon_viewer.components.waterfall import waterfall
from taskmon_viewer.links import TASKS_PAGE, go_to_task, last_log, read_address, task_href, write_address
from taskmon_viewer.params import LogParams
from taskmon_viewer.texts import clock, duration, page_title, safe_label
from taskmon_viewer.views.delete_tasks import delete_button
from taskmon_viewer.views.log_rows import error_text
from taskmon_viewer.views.outage import shown_with_store
from taskmon_viewer.views.task_bars import execution_bars
from taskmon_viewer.views.task_execution import exception_section, payload_section, preformatted
from taskmon_viewer.views.task_facts import fact_groups
from taskmon_viewer.views.task_relatives import relatives_section
from taskmon_viewer.views.task_text import task_text
from taskmon_viewer.views.task_trace import trace_section

ASKED = "task.asked"
_BARS = "task.executions"
_EXECUTION_COLUMNS = (
    Column("#", "number", 36, align="right"),
    Column("State", "state", 120),
    Column("Worker", "text", 150),
    Column("Received (UTC)", "time", 178),
    Column("Started (UTC)", "time", 178),
    Column("Queue wait", "number", 92, align="right"),
    Column("Prefetch", "number", 84, align="right"),
    Column("Runtime", "number", 92, align="right"),
    Column("Cause", "error", help="Exception, or why it ended otherwise"),
)


def render() -> None:
    address = read_address()
    task_id = next(iter(address.get("id", ())), "").strip()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            TASKS_PAGE, label="All tasks", icon=":material/arrow_back:", query_params=last_log().to_query()
        )
    if task_id:
        shown_with_store(lambda: _draw(task_id, next(iter(address.get("execution", ())), "")))
    else:
        st.info("No task is asked for: the address needs an id.")
        st.text_input("Task id", key=ASKED, on_change=_ask, width=420)


def _ask() -> None:
    write_address({"id": str(st.session_state[ASKED] or "").strip()})


def _draw(task_id: str, execution_id: str) -> None:
    ask_ahead(lambda: cache.executions(task_id), lambda: cache.related(task_id))
    task = cache.task(task_id)
    if task is None:
        _not_found(task_id)
        return
    ask_ahead(lambda: cache.trace(task.trace_id))
    executions = cache.executions(task_id)
    _heading(task, executions)
    st.fragment(_executions)(task, executions, execution_id)
    relatives_section(cache.related(task_id))


def _not_found(task_id: str) -> None:
    st.warning("The store has no task with this id.", icon=":material/search_off:")
    st.code(task_id, language=None, wrap_lines=True)
    st.caption(
        "It may not have arrived yet (workers send every half second), be older than what is kept, have been "
        "deleted, or be cut off: the log's search finds tasks by a part of their id."
    )
    st.page_link(
        TASKS_PAGE,
        label="Search the log for it",
        icon=":material/search:",
        query_params=LogParams(search=task_id, range="all").to_query(),
    )


def _heading(task: TaskRow, executions: Sequence[Execution]) -> None:
    st.set_page_config(page_title=page_title(f"{task.task_name or '(no name)'} {task.state}"))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(safe_label(task.task_name or "(no name)"), anchor=False, width="stretch")
        with st.container(width="content", horizontal=True):
            copy_button("Copy all", task_text(task, executions), key="task.copy", help="All facts as text")
            if may("operator"):
                delete_button([task.task_id], key="task.delete", label="Delete …", after=TASKS_PAGE)


def _executions(task: TaskRow, executions: Sequence[Execution], asked_id: str) -> None:
    """Everything that changes with the execution chosen; a fragment, so that choosing asks the store nothing."""
    chosen = _chosen(executions, asked_id)
    if executions:
        if asked_id and all(execution.execution_id != asked_id for execution in executions):
            st.warning(
                "The execution of this address is not kept, or has not ended yet. This is the newest that has.",
                icon=":material/search_off:",
            )
        picked = waterfall(
            execution_bars(executions),
            key=f"{_BARS}.{task.task_id}",
            heading="Published, received, started, ended",
            chosen=chosen.execution_id if chosen else "",
            height=220,
        )
        chosen = _chosen(executions, picked)
    number = executions.index(chosen) + 1 if chosen and len(executions) > 1 else None
    depths = cache.queue_depths(executions)
    depth = depths.get(chosen.execution_id) if chosen else None
    opened = facts(
        fact_groups(task, chosen, number=number, queue_depth=depth, local=browser_zone()), key="task.facts"
    )
    if opened is not None:
        go_to_task(opened)
    if chosen is None:
        _only_published(task)
        return
    if len(executions) > 1:
        _execution_list(executions, chosen, task.task_id)
    exception_section(chosen)
    st.subheader("Payload", anchor=False)
    payload_section(chosen)
    trace_section(chosen.trace_id, chosen.span_id, task.task_id)


def _chosen(executions: Sequence[Execution], execution_id: str) -> Execution | None:
    """The execution asked for, else the newest."""
    asked = (execution for execution in executions if execution.execution_id == execution_id)
    return next(asked, executions[-1] if executions else None)


def _execution_list(executions: Sequence[Execution], chosen: Execution, task_id: str) -> None:
    st.subheader("Executions", anchor=False)
    rows = [
        Row(
            id=execution.execution_id,
            cells=(
                str(number),
                execution.state,
                execution.worker or "–",
                clock(execution.received_at),
                clock(execution.started_at),
                duration(execution.queue_wait_ns),
                duration(execution.prefetch_wait_ns),
                duration(execution.duration_ns),
                error_text(execution.exc_type, execution.exc_message, execution.reason),
            ),
            href=task_href(task_id, execution.execution_id),
            chosen=execution is chosen,
        )
        for number, execution in enumerate(executions, 1)
    ]
    opened = table(_EXECUTION_COLUMNS, rows, key="task.execution_list", label="Executions", height="250px")
    if opened is not None:
        st.session_state.pop(f"{_BARS}.{task_id}", None)
        go_to_task(task_id, opened)


def _only_published(task: TaskRow) -> None:
    """No execution has been recorded: what is known comes from the publish."""
    st.subheader("Payload", anchor=False)
    why = (
        "No end of it was recorded"
        if task.state in ("STARTED", "LOST")
        else "No execution has been recorded yet"
    )
    st.caption(f"{why}; these are the arguments as published, cut to 200 characters.")
    for text in (task.args_short, task.kwargs_short):
        if text:
            preformatted(text)
    trace_section(task.trace_id, "", task.task_id)
