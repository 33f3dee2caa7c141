"""A broker that is away is shown as an outage, never as "nothing waits", and the page comes back by itself."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from otel_taskmon.broker import BrokerUnavailable
from otel_taskmon.errors import TaskmonError
from taskmon_viewer import queue_broker

RETRY_SECONDS = 5


def shown_with_broker(draw: Callable[[], None]) -> None:
    """Call ``draw``; when the broker is away, refuses, or its address is wrong, say so in its place."""
    try:
        draw()
    except BrokerUnavailable as error:
        st.error(
            "The broker does not answer, or refuses. What waits now is not known; what is said of lengths below comes "
            f"from samples. This page tries again every {RETRY_SECONDS} seconds.",
            icon=":material/cloud_off:",
        )
        st.code(str(error), language=None, wrap_lines=True)
        _wait_until_back()
    except TaskmonError as error:
        st.error("What waits now cannot be told.", icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)


@st.fragment(run_every=RETRY_SECONDS)
def _wait_until_back() -> None:
    try:
        queue_broker.ask_depths(queue_broker.address(), ())
    except BrokerUnavailable:
        st.caption("Waiting for the broker …")
    else:
        st.rerun()


def say_no_broker() -> None:
    """What to set for more than the history."""
    st.info(
        "Which broker? This page shows lengths over time only. Set `TASKMON_BROKER_URL` (or "
        "`TASKMON_BROKER_URL_FILE`, or `CELERY_BROKER_URL`) for the viewer, as Celery's `broker_url` says it, to see "
        "what waits now and to purge; and `TASKMON_BROKER_TRANSPORT_OPTIONS` where the app has "
        "`broker_transport_options`.",
        icon=":material/settings:",
    )
