"""How far another machine's clock is from ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from otel_taskmon.doctor.finding import Finding, ok, warning, wrong

_FINE_S: Final = 1.0
"""More would show in queue waits, which are times of two machines."""
_WRONG_S: Final = 60.0
_NS: Final = 1_000_000_000


def offset_s(ask: Callable[[], float]) -> tuple[float, float]:
    """``ask`` gives the other clock, in seconds since the epoch: (its lead over ours, how far off that may be), s."""
    before = time.time_ns()
    theirs = ask()
    after = time.time_ns()
    return theirs - (before + after) / 2 / _NS, (after - before) / 2 / _NS


def clock_finding(subject: str, whose: str, ask: Callable[[], float]) -> Finding:
    """One line about a clock; what ``ask`` raises passes through."""
    lead, spread = offset_s(ask)
    off = max(0.0, abs(lead) - spread)
    said = f"{whose} is {abs(lead):.3f} s {'ahead' if lead >= 0 else 'behind'} (± {spread:.3f} s)"
    if off <= _FINE_S:
        return ok(subject, said)
    todo = "Set both clocks by NTP: queue waits and LOST are reckoned from times of several machines."
    return warning(subject, said, todo) if off <= _WRONG_S else wrong(subject, said, todo)
