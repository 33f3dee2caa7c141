"""``taskmon demo --once``: hold what arrived in the tables against what the demo counted itself."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from otel_taskmon.demo.counters import Counts

SILENCE_S = 20.0
"""The load is done and nothing new has arrived for so long: we stop waiting."""
SETTLED_S = 1.0
"""Equal counts must stay equal for so long: a row too many may come late."""
POLL_S = 0.25


@dataclass(frozen=True)
class Line:
    """One line of the printed table."""

    what: str
    state: str
    expected: int
    found: int

    @property
    def equal(self) -> bool:
        return self.expected == self.found


def wait_until_ended(
    expect: Callable[[], Counts], check: Callable[[], None], *, silence_s: float = SILENCE_S
) -> Counts:
    """Poll until every message published has been executed, or nothing changes for ``silence_s``; the last counts.

    ``check`` is called between polls and may raise to end the wait.
    """
    last: Counts | None = None
    changed = time.monotonic()
    while True:
        check()
        counts = expect()
        if counts.all_ended:
            return counts
        if counts != last:
            last, changed = counts, time.monotonic()
        elif time.monotonic() - changed >= silence_s:
            return counts
        time.sleep(POLL_S)


def wait_until_equal(
    expect: Callable[[], Counts],
    find: Callable[[], Counts],
    check: Callable[[], None],
    *,
    silence_s: float = SILENCE_S,
    settled_s: float = SETTLED_S,
) -> tuple[Counts, Counts]:
    """Poll both until they stay equal, or until nothing has changed for ``silence_s``; the last pair.

    ``check`` is called between polls and may raise to end the wait.
    """
    last: tuple[Counts, Counts] | None = None
    changed = time.monotonic()
    while True:
        check()
        # Found first: what ends between the two questions is then expected and not found, never the reverse.
        found = find()
        pair = (expect(), found)
        now = time.monotonic()
        if pair != last:
            last, changed = pair, now
        limit = settled_s if pair[0] == pair[1] and pair[0].all_ended else silence_s
        if now - changed >= limit:
            return pair
        time.sleep(POLL_S)


def compare(expected: Counts, found: Counts) -> list[Line]:
    """Lines per question and state, in a fixed order; questions that nobody has an answer to are left out."""
    lines = [Line("publishes", "", expected.publishes.total(), found.publishes.total())]
    for what, mine, theirs in (
        ("executions", expected.executions, found.executions),
        ("tasks", expected.tasks, found.tasks),
    ):
        by_state, found_by_state = _by_state(mine), _by_state(theirs)
        lines += [
            Line(what, state, by_state[state], found_by_state[state])
            for state in sorted(by_state.keys() | found_by_state.keys())
        ]
    lines.append(Line("executions that are errors", "", expected.errors.total(), found.errors.total()))
    return lines


def _by_state(cells: Mapping[tuple[str, str], int]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for (_, state), count in cells.items():
        totals[state] += count
    return totals


def differences(expected: Counts, found: Counts) -> list[str]:
    """Every single cell that differs, by task name: what to look at first."""
    texts = []
    for what, mine, theirs in (
        ("publishes", expected.publishes, found.publishes),
        ("executions", expected.executions, found.executions),
        ("tasks", expected.tasks, found.tasks),
        ("errors", expected.errors, found.errors),
    ):
        cells: set[object] = {*mine, *theirs}
        for cell in sorted(cells, key=str):
            e, f = mine[cell], theirs[cell]  # type: ignore[index]  # both are keyed alike
            if e != f:
                name = " ".join(cell) if isinstance(cell, tuple) else str(cell)
                texts.append(f"{what} of {name}: expected {e}, found {f}")
    return texts


def render(lines: list[Line]) -> str:
    """The table as plain text, numbers to the right."""
    rows = [("what", "state", "expected", "found", "")]
    rows += [
        (line.what, line.state, str(line.expected), str(line.found), "ok" if line.equal else "DIFFERENT")
        for line in lines
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        f"{what:<{widths[0]}}  {state:<{widths[1]}}  {expected:>{widths[2]}}  {found:>{widths[3]}}  {verdict}".rstrip()
        for what, state, expected, found, verdict in rows
    )


def likely_cause(expected: Counts, found: Counts, environ: Mapping[str, str] = os.environ) -> str:
    """One sentence for a person whose counts differ."""
    nothing = not (found.publishes or found.executions)
    enabled = environ.get("TASKMON_ENABLED", "").strip().lower()
    if nothing and enabled in {"false", "0", "no", "off"}:
        return (
            f"nothing arrived: TASKMON_ENABLED={environ['TASKMON_ENABLED']} switches the instrumentation off."
        )
    if nothing and environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "nothing arrived: OTEL_SDK_DISABLED=true switches OpenTelemetry off."
    if nothing:
        return "nothing arrived: the worker's log says whether it reaches the store."
    if not expected.all_ended:
        return "not every message that was published has been executed: see the worker's log."
    if found.executions.total() < expected.executions.total():
        return "some executions did not arrive: see the logs of the worker and the store."
    if found.executions.total() > expected.executions.total():
        return "there are rows too many: something was counted twice."
    return "all executions arrived, but not with the states or names they ended with."
