"""Links in groups, one of them the page that is shown; drawn by ``static/menu.js`` as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from taskmon_viewer.components.mounting import ignore, register

_mount = register("menu")


@dataclass(frozen=True)
class Entry:
    id: str
    label: str
    href: str
    """Relative address that we built."""
    note: str = ""
    """Below the label."""


def menu(groups: Sequence[tuple[str, Sequence[Entry]]], *, key: str, label: str, chosen: str) -> str | None:
    """Draw (heading, entries) one below the other; the id of the entry that was clicked just now, else None."""
    result = _mount(
        key=key,
        data={
            "groups": [
                {"title": title, "entries": [asdict(entry) for entry in entries]} for title, entries in groups
            ],
            "chosen": chosen,
            "label": label,
        },
        on_open_change=ignore,
    )
    opened = result.open
    return opened if isinstance(opened, str) else None
