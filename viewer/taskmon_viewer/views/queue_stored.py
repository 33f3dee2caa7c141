"""What waits in a queue of RabbitMQ, which shows a message only to who takes it: by the tables, and said so."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.waiting import LOOKED_BACK, WAITING_STATES, waiting_filter
from taskmon_viewer import queue_cache
from taskmon_viewer.access.current import may
from taskmon_viewer.components.table import Row, table
from taskmon_viewer.links import TASKS_PAGE, go_to_task, task_href
from taskmon_viewer.params import LogParams
from taskmon_viewer.queue_params import QueueParams
from taskmon_viewer.queue_values import WAITING_COLUMNS, row_cells
from taskmon_viewer.texts import count_text, safe_label, utc
from taskmon_viewer.views.queue_fill import fill_tables
from taskmon_viewer.views.queue_filters import filters
from taskmon_viewer.views.queue_purge import purge_buttons


def stored_section(queue: str, params: QueueParams, now: datetime) -> None:
    st.info(
        "RabbitMQ shows a message only to who takes it. What waits is told by the tables: tasks that were published to "
        f"this queue in the last {LOOKED_BACK.days:,} days and were not received since. Messages of programs without "
        "otel-taskmon are not among them; what was purged stays among them.",
        icon=":material/info:",
    )
    narrowed = TaskFilter(
        names=(params.task,) if params.task else (),
        apps=() if params.app is None else (params.app,),
        priorities=() if params.priority is None else (params.priority,),
        search=params.task_id,
    )
    everything = queue_cache.stored_counts(waiting_filter(queue, now=now))
    tasks = [(str(found.value), found.count) for found in everything.by_task]
    apps = [(str(found.value), found.count) for found in everything.by_app]
    if everything.total:
        st.markdown("**What fills it**")
        fill_tables(tasks, apps, everything.total, params)
    st.markdown("**Waiting now, by the tables**")
    filters(params, (name for name, _ in tasks), (name for name, _ in apps), ())
    _list(queue, waiting_filter(queue, narrowed, now=now))
    st.caption(
        f"{count_text(everything.total, 'task')} in all, oldest first. "
        f"Snapshot at {safe_label(utc(everything.taken_at, fraction=0))}."
    )
    if may("operator"):
        purge_buttons(queue, params.wanted)


def _list(queue: str, wanted: TaskFilter) -> None:
    page = queue_cache.stored_waiting(wanted)
    if not page.rows:
        st.caption("By the tables nothing waits here that fits the filters.")
        return
    now = datetime.now(page.rows[0].first_published_at.tzinfo)
    opened = table(
        WAITING_COLUMNS,
        [
            Row(id=str(number), cells=row_cells(number, row, now), href=task_href(row.task_id))
            for number, row in enumerate(page.rows)
        ],
        key="queues.stored",
        label="Waiting messages",
        height="min(560px, 70vh)",
        least_width=1000,
    )
    if page.next is not None:
        view = LogParams(
            states=WAITING_STATES,
            queues=(queue,),
            names=wanted.names,
            apps=wanted.apps,
            priorities=wanted.priorities,
            search=wanted.search,
            range="7d",
            descending=False,
        )
        st.page_link(TASKS_PAGE, label="More follow: all of them in the log", query_params=view.to_query())
    if opened is not None and opened.isdigit() and int(opened) < len(page.rows):
        go_to_task(page.rows[int(opened)].task_id)
