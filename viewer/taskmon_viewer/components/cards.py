"""Numbers that are links; drawn by ``static/cards.js`` as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from taskmon_viewer.components.mounting import ignore, register

_mount = register("cards")
Tone = Literal["", "good", "bad"]


@dataclass(frozen=True)
class Card:
    id: str
    label: str
    value: str
    note: str = ""
    """Below the value: how it changed."""
    tone: Tone = ""
    href: str = ""
    """Relative address that we built; "" makes no link of it."""
    help: str = ""


def cards(shown: Sequence[Card], *, key: str) -> str | None:
    """Draw them; the id of the card that was opened just now, else None."""
    result = _mount(key=key, data={"cards": [asdict(card) for card in shown]}, on_open_change=ignore)
    opened = result.open
    return opened if isinstance(opened, str) else None
