"""What waits in a queue now, read from the broker (Redis): what fills it, the list, its pages, and purging."""

from __future__ import annotations

import streamlit as st

from otel_taskmon.broker import QueueCounts, WaitingPage
from taskmon_viewer import queue_broker, queue_cache
from taskmon_viewer.access.current import may
from taskmon_viewer.components.table import Row, table
from taskmon_viewer.links import go_to_task, task_href
from taskmon_viewer.queue_links import set_queue_params
from taskmon_viewer.queue_params import QueueParams
from taskmon_viewer.queue_values import WAITING_COLUMNS, waiting_cells
from taskmon_viewer.texts import count_text, safe_label, utc
from taskmon_viewer.views.queue_fill import fill_tables
from taskmon_viewer.views.queue_filters import filters
from taskmon_viewer.views.queue_purge import purge_buttons


def waiting_section(queue: str, params: QueueParams) -> None:
    counts = queue_cache.counts(queue)
    _fill(counts, params)
    st.markdown("**Waiting now**")
    filters(params, counts.by_task, counts.by_app, counts.by_priority)
    page = queue_cache.page(queue, params.wanted, params.start)
    _list(page)
    _below(page, params)
    if may("operator"):
        purge_buttons(queue, params.wanted)


def _fill(counts: QueueCounts, params: QueueParams) -> None:
    st.markdown("**What fills it**")
    if not counts.depth:
        st.caption(f"Nothing waits. Snapshot at {safe_label(utc(counts.taken_at, fraction=0))}.")
        return
    fill_tables(list(counts.by_task.items()), list(counts.by_app.items()), counts.depth, params)
    taken = f"Snapshot at {safe_label(utc(counts.taken_at, fraction=0))}"
    if counts.sampled:
        st.caption(
            f"{taken}, estimated from a sample of {counts.looked_at:,} of {counts.depth:,} messages, since more than "
            f"{queue_broker.address().limit:,} wait (`TASKMON_QUEUED_TASKS_ADMIN_LIMIT`)."
        )
    else:
        st.caption(f"{taken}, counted one by one: {count_text(counts.looked_at, 'message')}.")
    if len(counts.by_priority) > 1:
        steps = ", ".join(f"{count:,} of priority {step:,}" for step, count in counts.by_priority.items())
        st.caption(f"By the broker's steps of priority: {steps}.")


def _list(page: WaitingPage) -> None:
    if not page.rows:
        return
    opened = table(
        WAITING_COLUMNS,
        [
            Row(
                id=str(number),
                cells=waiting_cells(task, page.taken_at),
                href=task_href(task.task_id) if task.task_id else "",
                titles={"Age": f"published {utc(task.published_at)}"},
            )
            for number, task in enumerate(page.rows)
        ],
        key="queues.waiting",
        label="Waiting messages",
        signature=f"{page.queue}.{page.rows[0].position}",
        height="min(560px, 70vh)",
        least_width=1000,
    )
    if opened is not None and opened.isdigit() and int(opened) < len(page.rows):
        task_id = page.rows[int(opened)].task_id
        if task_id:
            go_to_task(task_id)


def _below(page: WaitingPage, params: QueueParams) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ):
        _said(page, params)
        st.button(
            "First",
            icon=":material/first_page:",
            disabled=not params.trail,
            on_click=set_queue_params,
            args=(params.changed(),),
        )
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            disabled=not params.trail,
            on_click=set_queue_params,
            args=(params.previous_page(),),
        )
        following = page.next_position
        st.button(
            "Next",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=following is None,
            on_click=set_queue_params,
            args=(params.next_page(following or 0),),
        )


def _said(page: WaitingPage, params: QueueParams) -> None:
    """Which part of the queue this is, and when it was taken."""
    filtered = not params.wanted.everything
    taken = f"Snapshot at {safe_label(utc(page.taken_at, fraction=0))}."
    if not page.depth:
        st.caption(f"Nothing waits in this queue. {taken}")
    elif filtered:
        fit = (
            f"{count_text(len(page.rows), 'message')} of this page that fit"
            if page.rows
            else "No message fits"
        )
        st.caption(f"{fit} the filters, of {page.depth:,} in the queue. {taken}")
    elif page.rows:
        first, last = page.rows[0].position, page.rows[-1].position
        st.caption(f"Positions {first:,}–{last:,} of {page.depth:,}, next to run first. {taken}")
    else:
        st.caption(f"Fewer messages wait now. {taken}")
    if page.limited:
        st.caption(
            f"Only {page.looked_at:,} of {page.depth:,} messages were looked at (`TASKMON_QUEUED_TASKS_ADMIN_LIMIT`); "
            "Next goes on from there."
        )
