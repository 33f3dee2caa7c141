"""Root, parent and children of a task, as links."""

from __future__ import annotations

import streamlit as st

from otel_taskmon.queries.model import Related, RelatedTask
from taskmon_viewer.components.table import Column, Row, table
from taskmon_viewer.links import go_to_task, task_href
from taskmon_viewer.texts import clock, duration

_COLUMNS = (
    Column("Is", "text", 96, help="What it is to this task"),
    Column("State", "state", 120),
    Column("Name", "mono", link=True),
    Column("Task id", "mono", 290),
    Column("Started (UTC)", "time", 180),
    Column("Runtime", "number", 96, align="right"),
)


def relative_rows(related: Related) -> list[Row]:
    """Root, parent, then children; a parent that is the root is one row."""
    rows = []
    if related.root and related.parent and related.root.task_id == related.parent.task_id:
        rows.append(_row("root, parent", related.root))
    else:
        rows += [_row(label, t) for label, t in (("root", related.root), ("parent", related.parent)) if t]
    return [*rows, *(_row("child", child) for child in related.children)]


def _row(label: str, task: RelatedTask) -> Row:
    return Row(
        id=task.task_id,
        cells=(
            label,
            task.state,
            task.task_name,
            task.task_id,
            clock(task.started_at),
            duration(task.duration_ns),
        ),
        href=task_href(task.task_id),
    )


def relatives_section(related: Related) -> None:
    """Draw them; nothing where a task has none."""
    rows = relative_rows(related)
    if not rows:
        return
    st.subheader("Related tasks", anchor=False)
    if related.children_total > len(related.children):
        st.caption(f"The first {len(related.children):,} of {related.children_total:,} children.")
    opened = table(_COLUMNS, rows, key="task.relatives", label="Related tasks", height="330px")
    if opened is not None:
        go_to_task(opened)
