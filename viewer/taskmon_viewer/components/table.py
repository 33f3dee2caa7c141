"""A dense table whose rows are links; drawn by ``static/table.js`` as plain text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

import streamlit as st

from taskmon_viewer import theme
from taskmon_viewer.components.mounting import ignore, register

_mount = register("table")
Kind = Literal["text", "name", "state", "number", "mono", "time", "error", "swatch", "spark"]
"""name: a dotted one, cut at its beginning; swatch: a colour of ours, as in a chart's legend; spark: numbers with
commas between them, drawn as a line."""


LEAST_COLUMN: Final = 150
"""Pixels: twenty letters or so."""


@dataclass(frozen=True)
class Column:
    label: str
    kind: Kind = "text"
    width: int | None = None
    """Pixels; columns without one share the rest."""
    align: Literal["left", "right"] = "left"
    sort: str = ""
    """What a click on the heading asks for; "" makes no button of it."""
    link: bool = False
    """Whether this cell is the row's link, for the keyboard and the browser's own menu."""
    help: str = ""


@dataclass(frozen=True)
class Row:
    id: str
    cells: tuple[str, ...]
    """One text per column."""
    href: str = ""
    """Relative address that we built, never a task's text."""
    chosen: bool = False
    titles: dict[str, str] = field(default_factory=dict)
    """Longer texts shown on hovering, by the column's label; others show the cell's own."""
    links: dict[str, str] = field(default_factory=dict)
    """Cells that lead elsewhere than the row, by the column's label: relative addresses that we built."""


def table(
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    key: str,
    label: str,
    sort: tuple[str, bool] | None = None,
    signature: str = "",
    height: str = "",
    least_width: int = 0,
    on_sort: Callable[[str], None] | None = None,
    selectable: bool = False,
) -> str | None:
    """Draw it; the id of the row that was opened just now, else None. For a cell with a link of its own that is the
    row's id, a newline and the column's label.

    ``sort``: (what, descending) as now. ``on_sort`` is called with what a heading asks for, before the page is drawn
    anew. With another ``signature`` it scrolls to its top. ``height`` (CSS) bounds it; it then scrolls inside.
    Below ``least_width`` pixels it scrolls sideways rather than squeeze its columns further; by default that is where
    the columns without a width would be left with less than ``LEAST_COLUMN``. ``selectable``: with a box
    to tick in front of each row; ``selected_rows`` tells which are ticked.
    """

    def sorted_by() -> None:
        asked = getattr(st.session_state.get(key), "sort", None)
        if on_sort is not None and isinstance(asked, str):
            on_sort(asked)

    result = _mount(
        key=key,
        data={
            "columns": [asdict(column) for column in columns],
            "rows": [asdict(row) for row in rows],
            "sort": {"key": sort[0], "descending": sort[1]} if sort else None,
            "states": theme.states_for_components(),
            "label": label,
            "signature": signature,
            "height": height,
            "least_width": least_width or sum(column.width or LEAST_COLUMN for column in columns),
            "selectable": selectable,
        },
        on_open_change=ignore,
        on_sort_change=sorted_by,
        on_selected_change=ignore,
    )
    opened = result.open
    return opened if isinstance(opened, str) else None


def selected_rows(key: str) -> list[str]:
    """The ids of the rows that are ticked in the table of this key, as the browser says: they may be gone by now."""
    ticked = getattr(st.session_state.get(key), "selected", None)
    return (
        [row_id for row_id in ticked if isinstance(row_id, str)] if isinstance(ticked, list | tuple) else []
    )
