"""A store that is away is shown as an outage, never as "no tasks", and the page comes back by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from otel_taskmon.errors import QueryFailed, StoreUnavailable
from taskmon_viewer import cache
from taskmon_viewer.configuration import store_address
from taskmon_viewer.texts import safe_label, utc

RETRY_SECONDS = 3
_SINCE = "taskmon.outage_since"


def shown_with_store(draw: Callable[[], None]) -> None:
    """Call ``draw``; when the store is away or answers with an error, say so in its place."""
    try:
        draw()
    except StoreUnavailable as error:
        _away(error)
    except QueryFailed as error:
        st.error(
            "The store answered this question with an error. Filters and tasks are as they were; "
            "a narrower time range may help.",
            icon=":material/error:",
        )
        with st.expander("What the store said"):  # a whole statement often: it would push the page away
            st.code(str(error), language=None, wrap_lines=True)
    else:
        st.session_state.pop(_SINCE, None)


def _away(error: StoreUnavailable) -> None:
    since = st.session_state.setdefault(_SINCE, datetime.now(UTC))
    st.error(
        f"The store at {safe_label(store_address())} does not answer since "
        f"{safe_label(utc(since, fraction=0))}. Nothing is said about tasks until it does. "
        f"This page tries again every {RETRY_SECONDS} seconds.",
        icon=":material/cloud_off:",
    )
    with st.expander("What to check"):
        st.markdown(
            "- Is the store running? `taskmon serve` starts the embedded one, `taskmon up` starts it with the viewer.\n"
            "- Is `TASKMON_CLICKHOUSE_URL` the address of its ClickHouse HTTP interface?\n"
            "- Workers go on meanwhile; what they record arrives when the store is back."
        )
        st.code(str(error), language=None, wrap_lines=True)
    _wait_until_back()


@st.fragment(run_every=RETRY_SECONDS)
def _wait_until_back() -> None:
    try:
        cache.store_answers()
    except (StoreUnavailable, QueryFailed):
        st.caption("Waiting for the store …")
    else:
        st.rerun()
