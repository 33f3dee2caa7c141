"""How the values of reports are written: labels, numbers with units, colours. No Streamlit here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from otel_taskmon.queries.report_model import Compared, Dimension, ReportAnswer, ReportRow, Unit
from taskmon_viewer import theme
from taskmon_viewer.texts import duration, named

LABEL_LENGTH: Final = 48
PALETTE: Final = (
    *(
        "#3b7ddd",
        "#dd7a15",
        "#2e9e5b",
        "#c026a3",
        "#0e93a8",
        "#b0603c",
        "#8b5fd3",
        "#a67c13",
        "#d6456b",
        "#5b8c2a",
    ),
    *("#6d78c9", "#1f9e8f", "#c2554a", "#9a6fb0", "#4f87a8"),
)
"""For what has no colour of its own; each is seen on the light and on the dark background."""
OTHERS_COLOR: Final = "#8a8f98"
_DURATION_UNITS: Final = ((3600e9, "hours"), (60e9, "minutes"), (1e9, "seconds"), (1e6, "milliseconds"))


def value_text(value: float | None, unit: Unit) -> str:
    """A value with its unit; ``–`` where there is none."""
    if value is None:
        return "–"
    if unit == "ns":
        return duration(round(value))
    if unit == "runs/min":
        return f"{value:,.2f} per min"
    return f"{value:,.0f}"


def share_text(share: float | None) -> str:
    """From 0 to 1, as a percentage with one decimal; what is small and not nothing is not 0 %."""
    if share is None:
        return "–"
    return "< 0.1 %" if 0 < share < 0.0005 else f"{share * 100:.1f} %"


def change_text(compared: Compared) -> str:
    """The change against the range before: ``+12 %``, ``no change``, ``none before``."""
    change = compared.change
    if change is None:
        return "nothing before to compare with" if not compared.before else "–"
    if abs(change) >= 10:
        return f"{change + 1:,.0f} times as much as before"
    return "as before" if abs(change) < 0.005 else f"{change * 100:+.0f} % against the range before"


def zone_text(zone: tzinfo, name: str, moment: datetime) -> str:
    """``UTC``, or ``Europe/Berlin (UTC+01:00)``: a zone is always said with its offset."""
    offset = moment.astimezone(zone).strftime("%z")
    return name if name == "UTC" else f"{name} (UTC{offset[:3]}:{offset[3:]})"


def zoned_clock(moment: datetime | None, zone: tzinfo) -> str:
    """``2026-11-22 17:05:09`` in that zone; the zone is said beside it."""
    return "–" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def plotted_ms(moment: datetime, zone: tzinfo) -> int:
    """Where a moment stands on an axis that shows UTC, so that it reads as the zone's clock."""
    return round(moment.astimezone(zone).replace(tzinfo=UTC).timestamp() * 1000)


def short_label(label: str) -> str:
    """A label as shown in a picture. A long one is cut in its middle: names begin alike, and end with what they do."""
    text = " ".join(named(label).split())
    head = LABEL_LENGTH // 3
    return text if len(text) <= LABEL_LENGTH else f"{text[:head]}…{text[head + 1 - LABEL_LENGTH :]}"


def unique_labels(labels: Sequence[str]) -> list[str]:
    """Short labels that stay different from each other, so that no two rows of a picture become one."""
    shorts = [short_label(label) for label in labels]
    seen: Counter[str] = Counter()
    found = []
    for short in shorts:
        seen[short] += 1
        found.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return found


def colors(answer: ReportAnswer) -> dict[str, str]:
    """Label -> colour, the same in the picture and in the table beside it."""
    others = {row.label for row in answer.rows if row.others}
    found = {}
    for place, label in enumerate(answer.labels):
        if label in others:
            found[label] = OTHERS_COLOR
        elif answer.report.dimension == "state":
            found[label] = theme.look(label).color
        else:
            found[label] = PALETTE[place % len(PALETTE)]
    return found


def duration_unit(most_ns: float) -> tuple[float, str]:
    """Nanoseconds of the unit in which an axis up to ``most_ns`` reads well, and its name."""
    for size, name in _DURATION_UNITS:
        if most_ns >= size:
            return size, name
    return 1e6, "milliseconds"


def dimension_text(dimension: Dimension) -> str:
    """The heading of a column of labels."""
    return {
        "state": "State",
        "app": "App",
        "task": "Task",
        "exception": "Exception",
        "queue": "Queue",
        "window": "Window",
    }[dimension]


def line_totals(answer: ReportAnswer) -> list[ReportRow]:
    """One row per line of a series, over its whole range: ``drill_down`` leads to all of it."""
    total = sum(row.count for row in answer.rows)
    lines: dict[tuple[str, bool], int] = {}
    for row in answer.rows:
        # an app may well be called "Others"
        lines[row.label, row.others] = lines.get((row.label, row.others), 0) + row.count
    return [
        ReportRow(label, value=count, count=count, share=count / total if total else None, others=others)
        for (label, others), count in lines.items()
    ]
