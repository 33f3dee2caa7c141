"""Pictures of one queue over time: pure functions, no Streamlit, no store. Times are UTC."""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

import altair as alt

from otel_taskmon.queries.queue_history import QueueBucket, QueueHistory
from taskmon_viewer.charts import COUNT_LABEL, TIME_LABEL
from taskmon_viewer.queue_values import rate_text
from taskmon_viewer.report_values import duration_unit, plotted_ms, zoned_clock
from taskmon_viewer.texts import duration

HEIGHT: Final = 200
_DEPTHS: Final = {"mean": "#3b7ddd", "most": "#7d8796"}
_WAITS: Final = {"p50": "#7d8796", "p95": "#dd7a15"}
_FLOWS: Final = {"published": "#3b7ddd", "taken": "#2e9e5b"}


def depth_chart(history: QueueHistory) -> Any:
    """Messages waiting, by the samples of each bucket: their mean and the most. A bucket without a sample is a gap."""
    data = [
        {
            **_when(bucket),
            "line": name,
            "value": value,
            "text": "no sample" if value is None else f"{value:,.1f}".removesuffix(".0"),
        }
        for bucket in history.buckets
        for name, value in (("mean", bucket.depth), ("most", bucket.deepest))
    ]
    return _lines(
        data, _DEPTHS, "messages", [alt.Tooltip("text:N", title="messages")], points=True, whole=True
    )


def wait_chart(history: QueueHistory) -> Any:
    """Queue wait of what began in each bucket: p50 and p95; a bucket where nothing began is a gap."""
    size, unit = duration_unit(max((bucket.wait_p95_ns or 0 for bucket in history.buckets), default=0))
    data = [
        {
            **_when(bucket),
            "line": name,
            "value": None if wait is None else wait / size,
            "text": duration(wait),
            "began": bucket.taken,
        }
        for bucket in history.buckets
        for name, wait in (("p50", bucket.wait_p50_ns), ("p95", bucket.wait_p95_ns))
    ]
    return _lines(
        data,
        _WAITS,
        f"queue wait in {unit}",
        [alt.Tooltip("text:N", title="queue wait"), alt.Tooltip("began:Q", title="began", format=",")],
        points=True,
    )


def flow_chart(history: QueueHistory) -> Any:
    """Messages in and out, per minute."""
    minutes = history.bucket_seconds / 60
    data = [
        {
            **_when(bucket),
            "line": name,
            "value": count / minutes,
            "text": rate_text(count / history.bucket_seconds),
            "count": count,
        }
        for bucket in history.buckets
        for name, count in (("published", bucket.published), ("taken", bucket.taken))
    ]
    return _lines(
        data,
        _FLOWS,
        "per minute",
        [alt.Tooltip("text:N", title="rate"), alt.Tooltip("count:Q", title="messages", format=",")],
        points=False,
    )


def oldest_text(history: QueueHistory) -> str:
    """The longest that a message had waited at any sample; "" where no sample says, or nothing waited."""
    known = [bucket.oldest_seconds for bucket in history.buckets if bucket.oldest_seconds is not None]
    return f"The longest wait seen in the queue was {duration(max(known) * 10**9)}." if any(known) else ""


def _when(bucket: QueueBucket) -> dict[str, object]:
    return {"start": plotted_ms(bucket.start, UTC), "when": zoned_clock(bucket.start, UTC)}


def _time_axis() -> Any:
    return alt.X(
        "start:T",
        scale=alt.Scale(type="utc", nice=False),
        axis=alt.Axis(title=None, tickCount=7, labelOverlap=True, grid=False, labelExpr=TIME_LABEL),
    )


def _lines(
    data: list[dict[str, Any]],
    colors: dict[str, str],
    title: str,
    tooltip: list[Any],
    *,
    points: bool,
    whole: bool = False,
) -> Any:
    numbers: dict[str, Any] = {"tickMinStep": 1, "labelExpr": COUNT_LABEL} if whole else {}
    top = max((row["value"] or 0 for row in data), default=0)
    return (
        alt.Chart({"values": data}, height=HEIGHT)
        .mark_line(strokeWidth=1.5, point={"size": 16} if points else False, interpolate="linear")
        .encode(
            x=_time_axis(),
            y=alt.Y(
                "value:Q",
                # of zeros alone a scale of its own would be zero high
                scale=alt.Scale(domain=[0, top or 1], nice=True),
                axis=alt.Axis(title=title, tickCount=5, **numbers),
            ),
            color=alt.Color(
                "line:N",
                scale=alt.Scale(domain=list(colors), range=list(colors.values())),
                legend=alt.Legend(title=None, orient="top", offset=0, padding=0, symbolType="stroke"),
            ),
            # two lines that lie on each other are both seen, and told apart without their colours
            strokeDash=alt.StrokeDash(
                "line:N", scale=alt.Scale(domain=list(colors), range=[[1, 0], [5, 3]]), legend=None
            ),
            tooltip=[
                alt.Tooltip("when:N", title="from (UTC)"),
                alt.Tooltip("line:N", title="line"),
                *tooltip,
            ],
        )
        .properties(
            padding={"left": 4, "right": 8, "top": 0, "bottom": 0},
            description=f"{title} over time: {' and '.join(colors)}",
        )
        .configure_view(strokeWidth=0)
    )
