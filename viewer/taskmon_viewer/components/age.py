"""How old an answer is, counting on; drawn by ``static/age.js``."""

from __future__ import annotations

from datetime import UTC, datetime

from taskmon_viewer.components.mounting import register

_mount = register("age")


def age(as_of: datetime, clock: str, *, key: str) -> None:
    """Draw "as of ``clock``, 8 s ago". The browser's own clock is not asked, it may be wrong."""
    seconds = max(0.0, (datetime.now(UTC) - as_of).total_seconds())
    _mount(key=key, data={"clock": clock, "age": round(seconds, 1), "id": as_of.isoformat()})
