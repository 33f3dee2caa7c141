"""How states and the whole viewer look: one colour, sign and meaning per state, and Streamlit's theme settings.

A state is never told by colour alone: its sign and its name stand beside it everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from otel_taskmon import semconv


@dataclass(frozen=True)
class StateLook:
    """``color`` is seen on the light and on the dark background alike (contrast 3:1 or better on both)."""

    color: str
    sign: str
    meaning: str


STATE_LOOKS: Final[dict[str, StateLook]] = {
    "SUCCESS": StateLook("#2e9e5b", "✓", "ended with a result"),
    "FAILURE": StateLook("#dc3b45", "✕", "ended with an exception"),
    "LOST": StateLook("#c026a3", "‼", "started and never ended: its process or worker is gone"),
    "RETRY": StateLook("#dd7a15", "↻", "failed and will run again"),
    "STARTED": StateLook("#2d7ff0", "▶", "is running"),
    "RECEIVED": StateLook("#0e93a8", "⇣", "is held by a worker, not yet started"),
    "SENT": StateLook("#7a8699", "↗", "was published, no worker has it yet"),
    "SCHEDULED": StateLook("#6d78c9", "◷", "was published for a later time"),
    "REVOKED": StateLook("#8b5fd3", "⊘", "was revoked before or while it ran"),
    "EXPIRED": StateLook("#a67c13", "⌛", "was not started before it expired"),
    "REJECTED": StateLook("#b0603c", "⊗", "was refused by the worker or by itself"),
    "IGNORED": StateLook("#8a8f98", "–", "ended by Ignore: no result wanted"),
}
"""In the order of the histogram's stack and its legend. The words are those of ``semconv.STATES``."""

STATE_ORDER: Final = tuple(STATE_LOOKS)
UNKNOWN_LOOK: Final = StateLook("#8a8f98", "·", "not a task")


def look(state: str) -> StateLook:
    return STATE_LOOKS.get(state, UNKNOWN_LOOK)


def states_for_components() -> dict[str, list[str]]:
    """What the components need to draw states: name -> [colour, sign, meaning]."""
    return {name: [s.color, s.sign, s.meaning] for name, s in STATE_LOOKS.items()}


def state_text(state: str) -> str:
    """Sign and name, for places that show text only."""
    return f"{look(state).sign} {state}" if state else ""


_MISSING = set(semconv.STATES) ^ set(STATE_LOOKS)
if _MISSING:  # a state without a look, or the reverse, must not wait for a page to show it
    raise RuntimeError(f"theme.STATE_LOOKS and semconv.STATES differ in {sorted(_MISSING)}")

_SHARED: Final[dict[str, Any]] = {
    "theme.baseFontSize": 14,
    "theme.baseRadius": "6px",
    "theme.buttonRadius": "6px",
    "theme.codeFontSize": "12.5px",
    "theme.headingFontSizes": ["22px", "18px", "15px", "14px", "13px", "12px"],
    "theme.headingFontWeights": [600, 600, 600, 600, 600, 600],
    "theme.linkUnderline": False,
    "theme.showWidgetBorder": True,
}
# Streamlit writes captions, placeholders and axes in 60 % of the text's colour: that, too, must be read (4.5:1).
_LIGHT: Final[dict[str, Any]] = {
    "primaryColor": "#2457c5",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f3f5f8",
    "textColor": "#0f1520",
    "linkColor": "#2457c5",
    "borderColor": "#d8dee7",
    "codeBackgroundColor": "#f6f8fa",
    "codeTextColor": "#0f1520",
    "sidebar.backgroundColor": "#f8f9fb",
    "sidebar.secondaryBackgroundColor": "#eceff4",
}
_DARK: Final[dict[str, Any]] = {
    "primaryColor": "#5b8def",
    "backgroundColor": "#12161d",
    "secondaryBackgroundColor": "#1c222c",
    "textColor": "#dfe5ee",
    "linkColor": "#83adff",
    "borderColor": "#303947",
    "codeBackgroundColor": "#181e27",
    "codeTextColor": "#dfe5ee",
    "sidebar.backgroundColor": "#161b23",
    "sidebar.secondaryBackgroundColor": "#222a35",
}


def text_color(*, dark: bool) -> str:
    """For texts inside pictures, which Streamlit's theme does not reach."""
    color: str = (_DARK if dark else _LIGHT)["textColor"]
    return color


def theme_config() -> dict[str, Any]:
    """Streamlit's theme settings: both modes, so that the browser's preference and the settings menu choose."""
    light = {f"theme.light.{name}": value for name, value in _LIGHT.items()}
    dark = {f"theme.dark.{name}": value for name, value in _DARK.items()}
    return {**_SHARED, **light, **dark}
