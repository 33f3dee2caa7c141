"""Addresses of our own pages and routes, and going there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st

from taskmon_viewer.address import Ignored, parse
from taskmon_viewer.configuration import base_path
from taskmon_viewer.params import LogParams
from taskmon_viewer.routes import EXPORT_PATH, export_query

TASKS_PAGE = "page_scripts/tasks.py"
TASK_PAGE = "page_scripts/task.py"
TASK_PATH = "task"

_LAST_LOG = "taskmon.last_log"
"""Session key: the view of the log that was seen last, for the way back from a task."""


def task_href(task_id: str, execution_id: str = "") -> str:
    query = {"id": task_id} | ({"execution": execution_id} if execution_id else {})
    return f"{base_path()}/{TASK_PATH}?{urlencode(query)}"


def log_href(params: LogParams) -> str:
    query = params.to_query_string()
    return f"{base_path()}/" + (f"?{query}" if query else "")


def export_href(params: LogParams, delimiter: str) -> str:
    query = export_query(params, delimiter)
    return f"{base_path()}{EXPORT_PATH}" + (f"?{query}" if query else "")


def go_to_task(task_id: str, execution_id: str = "") -> NoReturn:
    """Show a task's page; the address before stays in the browser's history."""
    query = {"id": task_id} | ({"execution": execution_id} if execution_id else {})
    st.switch_page(TASK_PAGE, query_params=query)


def read_address() -> dict[str, list[str]]:
    """The parameters of the page's address."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def write_address(query: Mapping[str, str | Sequence[str]]) -> None:
    """Change the address; a new entry in the browser's history, so that Back undoes it."""
    st.query_params.from_dict({name: v if isinstance(v, str) else list(v) for name, v in query.items()})


def log_params() -> tuple[LogParams, list[Ignored]]:
    """The view that the log's address asks for; it is remembered for the way back."""
    address = read_address()
    if "id" in address:
        return _after_task(address["id"][-1]), []
    params, ignored = parse(address)
    st.session_state[_LAST_LOG] = params
    return params, ignored


def _after_task(task_id: str) -> LogParams:
    """Streamlit leaves the log's path with a task's id in the browser's history when a task is opened. Somebody who
    comes back to it wants the log as it was; somebody who was given that address wants the task."""
    params = st.session_state.get(_LAST_LOG)
    if not isinstance(params, LogParams):
        go_to_task(task_id)
    write_address(params.to_query())
    return params


def set_log_params(params: LogParams) -> None:
    write_address(params.to_query())


def last_log() -> LogParams:
    """The view of the log this session saw last, else the first one."""
    found = st.session_state.get(_LAST_LOG)
    return found if isinstance(found, LogParams) else LogParams()
