"""Charts from query answers: pure functions, no Streamlit, no store."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import altair as alt

from otel_taskmon.queries.model import Histogram
from taskmon_viewer import theme
from taskmon_viewer.texts import clock

BRUSH = "brush"
COUNT_LABEL = "format(datum.value, '~s')"
"""For axes of counts. The axis' own format would write 0 with the prefix of the largest: "0k"."""
HISTOGRAM_HEIGHT = 84
TIME_LABEL = (
    "utchours(datum.value) + utcminutes(datum.value) + utcseconds(datum.value) === 0 ? utcFormat(datum.value, '%b %d')"
    " : utcFormat(datum.value, utcseconds(datum.value) === 0 ? '%H:%M' : '%H:%M:%S')"
)
"""Vega's own labels would be in the browser's zone and with AM and PM."""


def histogram_rows(histogram: Histogram) -> list[dict[str, Any]]:
    """One row per bucket and state that occurs at all, zero where nothing happened; times in ms since the epoch.

    Buckets begin at multiples of their width, so the first may begin before ``since``.
    """
    width = histogram.bucket_seconds
    first = int(histogram.since.timestamp()) // width * width
    last = max(first, int((histogram.until.timestamp() - 1e-6) // width * width))
    counts: dict[tuple[int, str], int] = defaultdict(int)
    for bucket in histogram.buckets:
        counts[int(bucket.start.timestamp()), bucket.state] += bucket.count
    states = [s for s in theme.STATE_ORDER if any(state == s for _, state in counts)] or ["SUCCESS"]
    return [
        {
            "start": start * 1000,
            "end": (start + width) * 1000,
            "state": state,
            "order": place,
            "tasks": counts.get((start, state), 0),
            "when": clock(datetime.fromtimestamp(start, UTC), fraction=0),
        }
        for start in range(first, last + 1, width)
        for place, state in enumerate(states)
    ]


def histogram_chart(histogram: Histogram, noun: str) -> Any:
    """Bars over time (UTC), stacked by state. Dragging over it selects a range: the selection ``BRUSH``.

    ``noun`` names what is counted, for the tooltip.
    """
    rows = histogram_rows(histogram)
    states = list(dict.fromkeys(row["state"] for row in rows))
    colors = [theme.look(state).color for state in states]
    brush = alt.selection_interval(name=BRUSH, encodings=["x"])
    return (
        alt.Chart({"values": rows}, height=HISTOGRAM_HEIGHT)
        .mark_bar(orient="vertical", binSpacing=1)
        .encode(
            x=alt.X(
                "start:T",
                scale=alt.Scale(type="utc", nice=False),
                axis=alt.Axis(
                    title=None,
                    tickCount=10,
                    labelOverlap=True,
                    grid=False,
                    labelFontSize=11,
                    labelExpr=TIME_LABEL,
                ),
            ),
            x2="end:T",
            y=alt.Y(
                "tasks:Q",
                stack="zero",
                axis=alt.Axis(
                    title=None, tickCount=3, tickMinStep=1, labelFontSize=11, labelExpr=COUNT_LABEL
                ),
            ),
            color=alt.Color("state:N", scale=alt.Scale(domain=states, range=colors), legend=None),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("when:N", title="from (UTC)"),
                alt.Tooltip("state:N", title="state"),
                alt.Tooltip("tasks:Q", title=noun, format=","),
            ],
        )
        .add_params(brush)
        .properties(
            padding={"left": 4, "right": 8, "top": 4, "bottom": 0},
            description=f"{noun.capitalize()} over time by state; the filters beside it have the counts",
        )
        .configure_view(strokeWidth=0)
    )


def brushed_range(selection: Any) -> tuple[datetime, datetime] | None:
    """The range that was dragged over, in whole seconds; None when nothing (or next to nothing) was."""
    try:
        low, high = (float(value) / 1000 for value in selection[BRUSH]["start"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    since, until = (datetime.fromtimestamp(int(value), UTC) for value in sorted((low, high)))
    return (since, until) if (until - since).total_seconds() >= 1 else None
