"""What the reader's browser says of itself."""

from __future__ import annotations

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

_SAME_AS_UTC = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT"})


def browser_zone() -> tzinfo | None:
    """The reader's time zone; None where it is UTC, or where the browser names none that is known here."""
    name = st.context.timezone
    if not name or name in _SAME_AS_UTC:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None
