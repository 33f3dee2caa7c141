"""Pictures of reports: pure functions, no Streamlit, no store.

What users wrote is only ever a value in the data, never part of an expression, an address or markup. A click on a
bar, slice or point selects it: the selection ``PICK`` holds the row's number.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, tzinfo
from typing import Any, Final

import altair as alt

from otel_taskmon.queries.report_model import Kind, ReportAnswer, ReportRow
from taskmon_viewer.charts import TIME_LABEL
from taskmon_viewer.report_values import (
    PALETTE,
    colors,
    duration_unit,
    plotted_ms,
    share_text,
    unique_labels,
    value_text,
    zoned_clock,
)
from taskmon_viewer.texts import duration, named

PICK: Final = "pick"
MAX_DOTS: Final = 3_000
"""Points of the scatter that a browser still draws at once; those with the most runs come first."""
_TEXT: Final = "#7d8796"
"""Read on the light and on the dark background."""
_BAR_HEIGHT: Final = 26
_AXIS_HEIGHT: Final = 62
_TICKS: Final = (("p50", "#7d8796"), ("p95", "#dd7a15"), ("p99", "#dc3b45"))


def report_chart(answer: ReportAnswer, zone: tzinfo, *, height: int = 340, value_is: str = "") -> Any:
    """The picture of an answer with rows. ``zone``: the time axis and the tooltips are in it. ``value_is``: said
    before the values of a ranking, whose percentiles are then marked as well."""
    if answer.report.kind in ("ranking", "table"):
        made = _ranking(answer, value_is)
    else:
        made = _CHARTS[answer.report.kind](answer, zone, height)
    return made.configure_view(strokeWidth=0)


def picked(selection: Any) -> int | None:
    """The number of the row that was clicked; None when nothing was."""
    try:
        return int(selection[PICK][0]["row"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None


def _pick() -> Any:
    return alt.selection_point(name=PICK, fields=["row"], empty=False)


def _dimmed(pick: Any) -> Any:
    return alt.condition(pick, alt.value(0.6), alt.value(1.0))


def _parts(answer: ReportAnswer, _zone: tzinfo, height: int) -> Any:
    shown = colors(answer)
    names = unique_labels([row.label for row in answer.rows])
    data = [
        {
            "row": place,
            "label": name,
            "value": row.value,
            "runs": value_text(row.value, answer.report.unit),
            "share": share_text(row.share),
        }
        for place, (row, name) in enumerate(zip(answer.rows, names, strict=True))
    ]
    pick = _pick()
    return (
        alt.Chart({"values": data}, height=height)
        .mark_arc(innerRadius=height * 0.24, outerRadius=height * 0.44, padAngle=0.01, cursor="pointer")
        .encode(
            theta=alt.Theta("value:Q", stack=True),
            color=alt.Color(
                "label:N",
                scale=alt.Scale(domain=names, range=[shown[row.label] for row in answer.rows]),
                legend=None,  # the table beside it has the colours
            ),
            order=alt.Order("row:Q"),
            opacity=_dimmed(pick),
            tooltip=[
                alt.Tooltip("label:N", title="name"),
                alt.Tooltip("runs:N", title="runs"),
                alt.Tooltip("share:N", title="share"),
            ],
        )
        .add_params(pick)
    )


def _ranking(answer: ReportAnswer, value_is: str) -> Any:
    unit = answer.report.unit
    names = unique_labels([row.label for row in answer.rows])
    size, title = _axis(answer.rows, unit)
    ticks = bool(value_is)
    data = [
        {
            "row": place,
            "label": name,
            "value": (row.value or 0) / size,
            "text": f"{value_is} {value_text(row.value, unit)}".lstrip(),
            "runs": f"{row.count:,}",
            "end": max(row.value or 0, (row.runtimes.p99_ns or 0) if ticks and row.runtimes else 0) / size,
            **_percentiles(row, size),
        }
        for place, (row, name) in enumerate(zip(answer.rows, names, strict=True))
    ]
    pick = _pick()
    y = alt.Y("label:N", sort=names, axis=alt.Axis(title=None, labelLimit=340, ticks=False, domain=False))
    base = alt.Chart({"values": data}, height=len(data) * _BAR_HEIGHT + _AXIS_HEIGHT)
    bars = (
        base.mark_bar(color="#3b7ddd", cursor="pointer", height=16, orient="horizontal")
        .encode(
            y=y,
            x=alt.X("value:Q", axis=alt.Axis(title=title, format="~s" if size == 1 else "~g", tickCount=6)),
            opacity=_dimmed(pick),
            tooltip=_ranking_tooltip(unit),
        )
        .add_params(pick)
    )
    texts = base.mark_text(align="left", dx=5, color=_TEXT, fontSize=11).encode(
        y=y, x="end:Q", text=alt.Text("text:N")
    )
    if not ticks:
        return bars + texts
    marks = [
        base.mark_tick(color=color, thickness=2, height=18, tooltip=False).encode(y=y, x=alt.X(f"{name}:Q"))
        for name, color in _TICKS
    ]
    return alt.layer(bars, *marks, texts)


def _ranking_tooltip(unit: str) -> list[Any]:
    shown = [alt.Tooltip("label:N", title="name"), alt.Tooltip("text:N", title="value")]
    if unit == "ns":
        shown += [alt.Tooltip("runs:N", title="runs with a runtime")]
        shown += [alt.Tooltip(f"{name}_text:N", title=name) for name, _ in _TICKS]
    return shown


def _percentiles(row: ReportRow, size: float) -> dict[str, Any]:
    if row.runtimes is None:
        return {}
    found: dict[str, Any] = {}
    for name, _ in _TICKS:
        ns: int | None = getattr(row.runtimes, f"{name}_ns")
        found |= {name: None if ns is None else ns / size, f"{name}_text": duration(ns)}
    return found


def _axis(rows: tuple[ReportRow, ...], unit: str) -> tuple[float, str]:
    """What a value is divided by, and the axis' title."""
    if unit == "ns":
        most = max(row.value or 0 for row in rows)
        return duration_unit(most)
    return 1, {"runs/min": "per minute", "messages": "messages"}.get(unit, "runs")


def _series(answer: ReportAnswer, zone: tzinfo, height: int) -> Any:
    shown = colors(answer)
    labels = list(answer.labels)
    names = dict(zip(labels, unique_labels(labels), strict=True))
    lines = answer.report.dimension == "queue"
    width = timedelta(seconds=answer.bucket_seconds or 60)
    data = [
        {
            "row": place,
            "label": names[row.label],
            "order": labels.index(row.label),
            "start": plotted_ms(row.start, zone),
            "end": plotted_ms(row.start + width, zone),
            "value": row.value,
            "text": value_text(row.value, answer.report.unit),
            "share": share_text(row.share),
            "when": zoned_clock(row.start, zone),
        }
        for place, row in enumerate(answer.rows)
        if row.start is not None
    ]
    pick = _pick()
    x = alt.X(
        "start:T",
        scale=alt.Scale(type="utc", nice=False),
        axis=alt.Axis(title=None, tickCount=10, labelOverlap=True, grid=False, labelExpr=TIME_LABEL),
    )
    y = alt.Y(
        "value:Q",
        stack=None if lines else "zero",
        axis=alt.Axis(title=answer.report.unit, tickMinStep=1, tickCount=6, format="~s"),
    )
    color = alt.Color(
        "label:N",
        scale=alt.Scale(domain=[names[label] for label in labels], range=[shown[label] for label in labels]),
        legend=None,  # the table beside it has the colours
    )
    tooltip = [
        alt.Tooltip("when:N", title="from"),
        alt.Tooltip("label:N", title="name"),
        alt.Tooltip("text:N", title=answer.report.unit),
    ]
    base = alt.Chart({"values": data}, height=height)
    if lines:
        points = (
            base.mark_point(filled=True, size=36, cursor="pointer")
            .encode(x=x, y=y, color=color, opacity=_dimmed(pick), tooltip=tooltip)
            .add_params(pick)
        )
        return base.mark_line(strokeWidth=1.5).encode(x=x, y=y, color=color) + points
    return (
        base.mark_bar(orient="vertical", binSpacing=1, cursor="pointer")
        .encode(
            x=x,
            x2="end:T",
            y=y,
            color=color,
            order=alt.Order("order:Q"),
            opacity=_dimmed(pick),
            tooltip=[*tooltip, alt.Tooltip("share:N", title="share of its bar")],
        )
        .add_params(pick)
    )


def _scatter(answer: ReportAnswer, _zone: tzinfo, height: int) -> Any:
    apps = list(dict.fromkeys(row.app or "" for row in answer.rows))
    app_colors = _app_colors(apps)
    size, title = _axis(answer.rows, "ns")
    numbered = sorted(enumerate(answer.rows), key=lambda pair: -pair[1].count)[:MAX_DOTS]
    data = [
        {
            "row": place,
            "name": row.label,
            "app": named(row.app),
            "color": app_colors[row.app or ""],
            "runs": row.count,
            # a logarithm of nothing is nowhere
            "value": max((row.value or 0) / size, 1e-6),
            "text": value_text(row.value, "ns"),
            **_percentiles(row, size),
        }
        for place, row in numbered
    ]
    pick = _pick()
    zoom = alt.selection_interval(name="zoom", bind="scales")
    return (
        alt.Chart({"values": data}, height=max(height, 420))
        .mark_circle(size=90, cursor="pointer")
        .encode(
            x=alt.X(
                "runs:Q", scale=alt.Scale(type="log"), axis=alt.Axis(title="runs", format="~s", tickCount=5)
            ),
            y=alt.Y(
                "value:Q",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(title=f"average runtime in {title}", format="~g", tickCount=6),
            ),
            color=alt.Color("color:N", scale=None),
            opacity=alt.condition(pick, alt.value(1.0), alt.value(0.75)),
            tooltip=[
                alt.Tooltip("name:N", title="task"),
                alt.Tooltip("app:N", title="app"),
                alt.Tooltip("runs:Q", title="runs", format=","),
                alt.Tooltip("text:N", title="average"),
                *(alt.Tooltip(f"{name}_text:N", title=name) for name, _ in _TICKS),
            ],
        )
        .add_params(pick, zoom)
    )


def _app_colors(apps: list[str]) -> dict[str, str]:
    return {app: PALETTE[place % len(PALETTE)] for place, app in enumerate(apps)}


_CHARTS: Final[dict[Kind, Callable[[ReportAnswer, tzinfo, int], Any]]] = {
    "parts": _parts,
    "series": _series,
    "scatter": _scatter,
}
