"""Names and values in groups; drawn by ``static/facts.js`` as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from taskmon_viewer import theme
from taskmon_viewer.components.mounting import ignore, register

_mount = register("facts")


@dataclass(frozen=True)
class Fact:
    label: str
    value: str
    kind: str = ""
    """"" (text), "mono", "number" or "state"."""
    note: str = ""
    href: str = ""
    """Relative address that we built; "" makes no link of it."""
    open: str = ""
    """The task id that a plain click opens."""
    help: str = ""


@dataclass(frozen=True)
class FactGroup:
    title: str
    facts: tuple[Fact, ...]


def facts(groups: Sequence[FactGroup], *, key: str) -> str | None:
    """Draw them; the task id whose link was clicked just now, else None."""
    result = _mount(
        key=key,
        data={"groups": [asdict(group) for group in groups], "states": theme.states_for_components()},
        on_open_change=ignore,
    )
    opened = result.open
    return opened if isinstance(opened, str) else None
