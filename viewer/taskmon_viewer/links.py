"""Addresses of our own pages and routes, and going there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn
from urllib.parse import urlencode

import streamlit as st

from taskmon_viewer.access.login_page import LOGOUT_PATH
from taskmon_viewer.access.middleware import LOGIN_PATH
from taskmon_viewer.address import parse
from taskmon_viewer.address_reader import Ignored
from taskmon_viewer.configuration import base_path, viewer
from taskmon_viewer.params import RUN_FILTERS, LogParams
from taskmon_viewer.report_params import ReportParams, parse_report_params
from taskmon_viewer.routes import EXPORT_PATH, export_query

TASKS_PAGE = "page_scripts/tasks.py"
TASKS_PATH = "tasks"
TASK_PAGE = "page_scripts/task.py"
TASK_PATH = "task"
OVERVIEW_PAGE = "page_scripts/overview.py"
REPORTS_PAGE = "page_scripts/reports.py"
REPORTS_PATH = "reports"
STATISTICS_PAGE = "page_scripts/statistics.py"
STATISTICS_PATH = "statistics"
QUEUES_PAGE = "page_scripts/queues.py"
QUEUES_PATH = "queues"

_LAST_LOG = "taskmon.last_log"
"""Session key: the view of the log that was seen last, for the way back from a task."""
_LAST_REPORT = "taskmon.last_report"
"""Session key: range and filters of the last of Overview, Reports and Statistics, for the next of them."""
_LEFT_FOR_LOG = "taskmon.left_for_log"
"""Session key: the address of the log that one of those pages led to last."""
_TRACE_ID: Final = re.compile("[0-9a-f]{32}")
_ONLY_THE_LOG: Final = frozenset(
    {"state", "name", "exception", "priority", "per", "follow", "after", *RUN_FILTERS}
)
"""Parameters that those pages do not have."""


def task_href(task_id: str, execution_id: str = "") -> str:
    query = {"id": task_id} | ({"execution": execution_id} if execution_id else {})
    return f"{base_path()}/{TASK_PATH}?{urlencode(query)}"


def jaeger_href(trace_id: str) -> str:
    """The trace in Jaeger; "" where no Jaeger is set, or where this is no trace id that one could have."""
    address = viewer().jaeger_url
    return f"{address}/trace/{trace_id}" if address and _TRACE_ID.fullmatch(trace_id) else ""


def log_href(params: LogParams) -> str:
    query = params.to_query_string()
    return f"{base_path()}/{TASKS_PATH}" + (f"?{query}" if query else "")


def log_address_href(query: Mapping[str, Sequence[str]]) -> str:
    """The log with these parameters, whether it knows them or not."""
    text = urlencode(query, doseq=True)
    return f"{base_path()}/{TASKS_PATH}" + (f"?{text}" if text else "")


def export_href(params: LogParams, delimiter: str) -> str:
    query = export_query(params, delimiter)
    return f"{base_path()}{EXPORT_PATH}" + (f"?{query}" if query else "")


def login_href() -> str:
    return f"{base_path()}{LOGIN_PATH}"


def logout_href() -> str:
    return f"{base_path()}{LOGOUT_PATH}"


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


def go_to_log(params: LogParams) -> NoReturn:
    """Show a part of the log; the address before stays in the browser's history."""
    query = params.to_query()
    st.session_state[_LEFT_FOR_LOG] = {
        name: [values] if isinstance(values, str) else list(values) for name, values in query.items()
    }
    st.switch_page(TASKS_PAGE, query_params=query)


def reports_href(params: ReportParams) -> str:
    query = params.to_query_string()
    return f"{base_path()}/{REPORTS_PATH}" + (f"?{query}" if query else "")


def report_csv_href(path: str, params: ReportParams) -> str:
    """``path``: of the route, see ``report_routes``."""
    query = params.to_query_string()
    return f"{base_path()}{path}" + (f"?{query}" if query else "")


def report_params(page: str) -> tuple[ReportParams, list[Ignored]]:
    """The view that the address of Overview, Reports or Statistics asks for.

    Who comes from one of the others by the navigation, whose links know no range, keeps range and filters.
    """
    address = read_address()
    last_page, last = st.session_state.get(_LAST_REPORT, ("", ReportParams()))
    if _is_of_log(address):
        # As with a task: this page's path with the log's parameters is what Streamlit leaves in the history.
        if last_page != page:
            go_to_log(parse(address)[0])
        write_address(last.to_query())
        return last, []
    if not address and last_page not in ("", page):
        params: ReportParams = last.shared()
        ignored: list[Ignored] = []
        if params != ReportParams():
            write_address(params.to_query())
    else:
        params, ignored = parse_report_params(address)
    st.session_state[_LAST_REPORT] = (page, params)
    return params, ignored


def _is_of_log(address: Mapping[str, Sequence[str]]) -> bool:
    left_for = st.session_state.get(_LEFT_FOR_LOG)
    return bool(address) and (address == left_for or not _ONLY_THE_LOG.isdisjoint(address))


def change_report_params(change: Callable[[ReportParams], ReportParams]) -> None:
    """Change the view of this page by its address."""
    before, _ = parse_report_params(read_address())
    write_address(change(before).to_query())
