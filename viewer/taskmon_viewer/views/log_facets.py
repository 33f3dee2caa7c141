"""The log's filters with counts, in the side bar."""

from __future__ import annotations

from collections import Counter
from typing import Final

import streamlit as st

from otel_taskmon.queries.model import Facets, FacetValue
from taskmon_viewer import cache, theme
from taskmon_viewer.components.facet_panel import Group, Value, facet_panel
from taskmon_viewer.links import log_params, set_log_params
from taskmon_viewer.params import FACETS, LogParams
from taskmon_viewer.texts import clipped, named
from taskmon_viewer.views.log_rows import CELL_LENGTH, short_type

PANEL = "log.facets"
SHOWN_VALUES: Final = 50
_LABELS: Final = {
    "state": "State",
    "app": "App",
    "name": "Name",
    "exception": "Exception",
    "queue": "Queue",
    "worker": "Worker",
    "priority": "Priority",
}


def facet_groups(params: LogParams, facets: Facets) -> list[Group]:
    """The panel's groups: most frequent first, and every value of the filter, with 0 where nothing has it."""
    groups = []
    for key, name in FACETS.items():
        found: list[FacetValue] = getattr(facets, name)
        chosen: tuple[str | int | None, ...] = getattr(params, name)
        known = {value.value for value in found}
        values = [*found, *(FacetValue(value, 0) for value in chosen if value not in known)]
        if key == "state":
            values.sort(
                key=lambda v: theme.STATE_ORDER.index(str(v.value)) if v.value in theme.STATE_LOOKS else 99
            )
        groups.append(
            Group(
                key=key,
                label=_LABELS[key],
                values=tuple(
                    Value(
                        v.value,
                        clipped(text, CELL_LENGTH),
                        v.count,
                        v.value in chosen,
                        title=clipped(named(v.value), CELL_LENGTH),
                    )
                    for v, text in zip(values, _texts(key, values), strict=True)
                ),
                states=key == "state",
                note=f"the {SHOWN_VALUES} most frequent; search finds the others"
                if len(found) >= SHOWN_VALUES
                else "",
            )
        )
    return groups


def _texts(facet: str, values: list[FacetValue]) -> list[str]:
    """Exceptions by their class alone, unless two of them share it: the module would fill the narrow panel."""
    texts = [named(value.value) for value in values]
    if facet != "exception":
        return texts
    shorts = Counter(short_type(text) for text in texts)
    return [short_type(text) if shorts[short_type(text)] == 1 else text for text in texts]


def facet_filters() -> None:
    """Draw the panel for the address's view; each facet counts what the other filters leave."""
    params, _ = log_params()
    facets = cache.facets(params, params.task_filter(cache.as_of()))
    if facet_panel(facet_groups(params, facets), key=PANEL, on_toggle=_toggle, on_clear=_clear):
        st.rerun()


def _toggle(facet: str, value: str | int | None) -> None:
    params, _ = log_params()
    set_log_params(params.toggled(facet, value))


def _clear(facet: str) -> None:
    params, _ = log_params()
    set_log_params(params.changed(**{FACETS[facet]: ()}))
