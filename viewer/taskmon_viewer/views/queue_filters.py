"""The filters above the list of what waits; the address is the truth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import streamlit as st

from taskmon_viewer.queue_links import change_queue_params
from taskmon_viewer.queue_params import QueueParams
from taskmon_viewer.texts import NONE_LABEL, named, plain_label, safe_label

_PREFIX: Final = "queues.filter"


def filters(
    params: QueueParams, tasks: Iterable[str], apps: Iterable[str], priorities: Iterable[int]
) -> None:
    """Task, app, priority and task id; the values that were counted are offered, others may be typed."""
    task_options = _with(params.task or None, filter(None, tasks))
    app_options = _with(params.app, apps)
    priority_options = [str(n) for n in sorted({*priorities, *range(10), params.priority or 0})]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _choice(params.queue, "task", "Any task", task_options, params.task or None, 320)
        _choice(
            params.queue, "app", "Any app", [named(app) for app in app_options], _shown_app(params.app), 170
        )
        shown = None if params.priority is None else str(params.priority)
        _choice(params.queue, "priority", "Any priority", priority_options, shown, 140)
        st.text_input(
            "Task id",
            key=_seed("task_id", params.task_id),
            placeholder="Task id",
            label_visibility="collapsed",
            max_chars=300,
            width=240,
            on_change=_changed,
            args=(params.queue,),
        )
        st.button(
            "Clear all",
            type="tertiary",
            disabled=params.wanted.everything,
            on_click=_drop,
            args=(params.queue,),
            help="Drop all filters",
        )


def _shown_app(app: str | None) -> str | None:
    return None if app is None else named(app)


def _with(chosen: str | None, found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*([] if chosen is None else [chosen]), *found]))[:1_000]


def _choice(
    queue: str, name: str, placeholder: str, options: list[str], chosen: str | None, width: int
) -> None:
    st.selectbox(
        safe_label(placeholder),
        options,
        index=None,
        key=_seed(name, chosen),
        format_func=plain_label,
        accept_new_options=name != "priority",
        placeholder=placeholder,
        label_visibility="collapsed",
        width=width,
        on_change=_changed,
        args=(queue,),
    )


def _seed(name: str, value: str | None) -> str:
    key = f"{_PREFIX}.{name}"
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    return key


def _value(name: str) -> str | None:
    found = st.session_state.get(f"{_PREFIX}.{name}")
    return str(found) if found else None


def _changed(queue: str) -> None:
    task, app, priority, task_id = (_value(name) for name in ("task", "app", "priority", "task_id"))
    change_queue_params(
        lambda params: params.changed(
            queue=queue,
            task=task or "",
            app="" if app == NONE_LABEL else app,
            priority=int(priority) if priority else None,
            task_id=(task_id or "").strip(),
        )
    )


def _drop(queue: str) -> None:
    change_queue_params(
        lambda params: params.changed(queue=queue, task="", app=None, priority=None, task_id="")
    )
