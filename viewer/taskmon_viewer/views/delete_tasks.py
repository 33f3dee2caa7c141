"""Deleting tasks from the log: for operators, after a question that says how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from otel_taskmon.errors import TaskmonError
from otel_taskmon.queries.audit import Actor
from otel_taskmon.queries.purging import LogSelection, PurgePreview, preview_purge, purge_logs
from otel_taskmon.queries.writing import connect_to_write
from taskmon_viewer import cache, configuration
from taskmon_viewer.access.current import require
from taskmon_viewer.texts import clock, count_text, safe_label, utc

_DONE: Final = "delete.done"


def delete_button(task_ids: Sequence[str], *, key: str, label: str, after: str = "") -> None:
    """A button that asks, and then deletes these tasks with all their executions.

    ``after``: the page to show when they are gone; else this one is drawn anew. To be shown to operators only; the
    deletion itself asks for the role again.
    """
    if st.button(safe_label(label), icon=":material/delete:", key=key, disabled=not task_ids):
        _ask(tuple(dict.fromkeys(task_ids)), after)


def say_deleted() -> None:
    """What was deleted just now, once."""
    done = st.session_state.pop(_DONE, None)
    if isinstance(done, int):
        st.success(f"{count_text(done, 'task')} deleted from the log.", icon=":material/delete:")


@st.dialog("Delete from the log?")
def _ask(task_ids: tuple[str, ...], after: str) -> None:
    selection = LogSelection(task_ids=task_ids)
    try:
        preview = preview_purge(cache.client(), selection)
    except TaskmonError as error:
        _failed(error)
        return
    _preview(preview)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="delete.no"):
            st.rerun()
        sure = st.button("Delete", type="primary", key="delete.yes", disabled=not preview.tasks)
    if sure:
        delete_now(selection, after)


def _preview(preview: PurgePreview) -> None:
    st.markdown(
        f"{count_text(preview.tasks, 'task')} with all executions, events and spans, "
        f"first published from {clock(preview.oldest, fraction=0)} to {utc(preview.newest, fraction=0)}:"
    )
    st.text("\n".join(f"{state}: {count:,}" for state, count in preview.states.items()))
    st.caption("They leave every table and the statistics. It cannot be undone; the audit notes who did it.")


def delete_now(selection: LogSelection, after: str) -> None:
    """Delete and say so, on the page ``after`` or on this one; errors are told and leave the rest as it is."""
    try:
        user = require("operator")
        with st.spinner("Deleting …"), connect_to_write(configuration.current()) as client:
            result = purge_logs(client, selection, Actor(user.name, user.role))
    except TaskmonError as error:
        _failed(error)
        return
    cache.forget()
    st.session_state[_DONE] = result.tasks
    if after:
        st.switch_page(after)
    st.rerun()


def _failed(error: TaskmonError) -> None:
    st.error("Nothing more was deleted.", icon=":material/error:")
    st.code(str(error), language=None, wrap_lines=True)
