"""One queue over time: length and wait side by side, and what goes in and out."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from taskmon_viewer import queue_cache, queue_charts
from taskmon_viewer.queue_params import QUEUE_RANGES, QueueParams
from taskmon_viewer.texts import count_text, per_width, safe_label, width_text


def history_section(queue: str, params: QueueParams, now: datetime) -> None:
    """Three pictures on one time axis, and what they are based on."""
    history = queue_cache.history(queue, now - QUEUE_RANGES[params.range][1], now)
    began = sum(bucket.taken for bucket in history.buckets)
    published = sum(bucket.published for bucket in history.buckets)
    if not (history.samples or began or published):
        st.info(
            "Nothing is known of this queue in this range: it was not counted, nothing was published to it, and "
            "nothing of it ran. A longer range may help.",
            icon=":material/timeline:",
        )
        return
    left, right, last = st.columns(3, gap="medium")
    with left:
        st.markdown("**Waiting messages**")
        if history.samples:
            st.altair_chart(queue_charts.depth_chart(history), key="queues.depth", width="stretch")
        else:
            st.caption("Not counted in this range (`TASKMON_QUEUE_DEPTH` of the workers).")
    with right:
        st.markdown("**Queue wait of what began**")
        if began:
            st.altair_chart(queue_charts.wait_chart(history), key="queues.wait", width="stretch")
        else:
            st.caption("Nothing of this queue began and ended in this range.")
    with last:
        st.markdown("**In and out**")
        st.altair_chart(queue_charts.flow_chart(history), key="queues.flow", width="stretch")
    st.caption(
        f"Based on {count_text(history.samples, 'sample')}, {count_text(published, 'publish', 'publishes')} and "
        f"{count_text(began, 'execution')} that ended, {per_width(history.bucket_seconds)} "
        f"(buckets of {width_text(history.bucket_seconds)}, UTC). {safe_label(queue_charts.oldest_text(history))}"
    )
