"""Bars over time in a tree; drawn by ``static/waterfall.js``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import streamlit as st

from taskmon_viewer import theme
from taskmon_viewer.components.mounting import ignore, register

_mount = register("waterfall")


@dataclass(frozen=True)
class Part:
    """One bar of a row; ``start`` and ``end`` in ms since the waterfall's beginning."""

    kind: Literal["run", "publish", "wait", "prefetch", "other"]
    start: float
    end: float
    state: str = ""


@dataclass(frozen=True)
class Bar:
    """One row."""

    id: str
    parent: str
    """Id of the row above it; one that is not there makes this a root."""
    label: str
    parts: tuple[Part, ...]
    says: str
    """Beside the bar: how long."""
    tip: str
    state: str = ""
    sign: str = ""
    """In place of a state's."""
    mono: bool = True

    @property
    def start(self) -> float:
        return min((part.start for part in self.parts), default=0.0)

    @property
    def end(self) -> float:
        return max((part.end for part in self.parts), default=0.0)


def waterfall(bars: Sequence[Bar], *, key: str, heading: str, chosen: str = "", height: int = 420) -> str:
    """Draw the rows; the id of the row that was chosen, ``chosen`` until somebody chooses another."""
    rows = [{**asdict(bar), "start": bar.start, "end": bar.end} for bar in bars]
    ids = {bar.id for bar in bars}
    before = getattr(st.session_state.get(key), "chosen", None)
    signature = hashlib.blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()
    result = _mount(
        key=key,
        data={
            "rows": rows,
            "chosen": before if before in ids else chosen,
            "signature": signature,
            "heading": heading,
            "height": height,
            "states": theme.states_for_components(),
        },
        on_chosen_change=ignore,
    )
    picked = result.chosen
    return picked if isinstance(picked, str) and picked in ids else chosen
