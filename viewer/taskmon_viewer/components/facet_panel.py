"""Filters with counts; drawn by ``static/facets.js``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import streamlit as st

from taskmon_viewer import theme
from taskmon_viewer.components.mounting import register

_mount = register("facets")
MAX_HANDLED: Final = 100
"""Clicks that are remembered as answered; nobody makes as many while one run lasts."""


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

    handled: list[str] = st.session_state.setdefault(f"{key}.handled", [])

    def toggled() -> None:
        asked: Any = getattr(st.session_state.get(key), "toggle", None)
        for click in asked if isinstance(asked, list | tuple) else ():
            facet, value = click.get("facet"), click.get("value")
            known = any(group.key == facet for group in groups)
            if str(click.get("id")) in handled or not known:
                continue
            handled.append(str(click.get("id")))
            if value is None or isinstance(value, str | int):
                on_toggle(facet, value)
        del handled[:-MAX_HANDLED]

    def cleared() -> None:
        asked = getattr(st.session_state.get(key), "emptied", None)
        if any(group.key == asked for group in groups):
            on_clear(str(asked))

    result = _mount(
        key=key,
        data={
            "groups": [asdict(group) for group in groups],
            "states": theme.states_for_components(),
            "handled": handled,
        },
        on_toggle_change=toggled,
        on_emptied_change=cleared,
    )
    return bool(result.toggle or result.emptied)
