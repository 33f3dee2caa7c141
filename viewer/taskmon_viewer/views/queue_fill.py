"""What fills a queue: its messages by task name and by app, most first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from taskmon_viewer.components.table import Column, Row, table
from taskmon_viewer.queue_links import change_queue_params, queues_href
from taskmon_viewer.queue_params import QueueParams
from taskmon_viewer.queue_values import CELL_LENGTH, FILL_COLUMNS, UNKNOWN, share_of
from taskmon_viewer.texts import clipped, named

SHOWN: Final = 50


def fill_tables(
    by_task: Sequence[tuple[str, int]], by_app: Sequence[tuple[str, int]], total: int, params: QueueParams
) -> None:
    """Two tables; a click on a row filters the list below."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _counted("By task", by_task, total, lambda name: params.changed(task=name), UNKNOWN)
    with right:
        _counted("By app", by_app, total, lambda name: params.changed(app=name), named(""))


def _counted(
    title: str,
    counts: Sequence[tuple[str, int]],
    total: int,
    narrowed: Callable[[str], QueueParams],
    unnamed: str,
) -> None:
    shown = counts[:SHOWN]
    opened = table(
        [
            Column(title.removeprefix("By ").capitalize(), link=True, help="Shows only these below"),
            *FILL_COLUMNS,
        ],
        [
            Row(
                id=str(number),
                cells=(clipped(name, CELL_LENGTH) or unnamed, f"{count:,}", share_of(count, total)),
                # messages that tell no task name cannot be asked for by it
                href=queues_href(narrowed(name)) if name or unnamed != UNKNOWN else "",
            )
            for number, (name, count) in enumerate(shown)
        ],
        key=f"queues.{title}",
        label=title,
        height="220px",
    )
    if len(counts) > SHOWN:
        st.caption(f"and {len(counts) - SHOWN:,} more")
    if opened is not None and opened.isdigit() and int(opened) < len(shown):
        name = shown[int(opened)][0]
        if name or unnamed != UNKNOWN:
            wanted = narrowed(name)
            change_queue_params(lambda _: wanted)
            st.rerun()
