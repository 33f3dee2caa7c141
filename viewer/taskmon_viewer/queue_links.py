"""The address of the Queues page, and changing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from taskmon_viewer.address_reader import Ignored
from taskmon_viewer.configuration import base_path
from taskmon_viewer.links import QUEUES_PATH, go_to_task, read_address, write_address
from taskmon_viewer.queue_params import QueueParams, parse_queue_params

_LAST: Final = "taskmon.last_queues"
"""Session key: the view of this page that was seen last."""
_ONLY_THE_LOG: Final = frozenset({"state", "since"})
"""Parameters of the log that links of this page set, and that this page does not have."""


def queues_href(params: QueueParams) -> str:
    query = params.to_query_string()
    return f"{base_path()}/{QUEUES_PATH}" + (f"?{query}" if query else "")


def queue_params() -> tuple[QueueParams, list[Ignored]]:
    """The view that the address asks for.

    Streamlit leaves this page's path with the parameters of the task, or of the part of the log, that was opened from
    it in the browser's history: who comes back to that wants this page as it was.
    """
    address = read_address()
    last = st.session_state.get(_LAST)
    if "id" in address and not isinstance(last, QueueParams):
        go_to_task(address["id"][-1])
    if isinstance(last, QueueParams) and ("id" in address or not _ONLY_THE_LOG.isdisjoint(address)):
        write_address(last.to_query())
        return last, []
    params, ignored = parse_queue_params(address)
    st.session_state[_LAST] = params
    return params, ignored


def set_queue_params(params: QueueParams) -> None:
    write_address(params.to_query())


def change_queue_params(change: Callable[[QueueParams], QueueParams]) -> None:
    """Change the view of this page by its address."""
    set_queue_params(change(parse_queue_params(read_address())[0]))
