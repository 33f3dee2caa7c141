"""Filters with counts; drawn by ``static/facets.js``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from taskmon_viewer import theme
from taskmon_viewer.components.mounting import register

_mount = register("facets")


@dataclass(frozen=True)
class Value:
    value: str | int | None
    text: str
    count: int
    chosen: bool
    title: str = ""
    """The whole of it, where ``text`` is a short form."""


@dataclass(frozen=True)
class Group:
    key: str
    label: str
    values: tuple[Value, ...]
    states: bool = False
    """Whether the values are states, to be shown with their signs."""
    note: str = ""
    """Said below the whole list."""


def facet_panel(
    groups: Sequence[Group],
    *,
    key: str,
    on_toggle: Callable[[str, str | int | None], None],
    on_clear: Callable[[str], None],
) -> bool:
    """Draw the groups. ``on_toggle(facet, value)`` and ``on_clear(facet)`` are called before the page is drawn anew;
    True when one of them just was."""

    def toggled() -> None:
        asked: Any = getattr(st.session_state.get(key), "toggle", None)
        if asked is None:
            return
        facet, value = asked.get("facet"), asked.get("value")
        if any(group.key == facet for group in groups) and (value is None or isinstance(value, str | int)):
            on_toggle(facet, value)

    def cleared() -> None:
        asked = getattr(st.session_state.get(key), "emptied", None)
        if any(group.key == asked for group in groups):
            on_clear(str(asked))

    result = _mount(
        key=key,
        data={"groups": [asdict(group) for group in groups], "states": theme.states_for_components()},
        on_toggle_change=toggled,
        on_emptied_change=cleared,
    )
    return bool(result.toggle or result.emptied)
