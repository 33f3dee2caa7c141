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
from taskmon_viewer.charts import COUNT_LABEL, TIME_LABEL
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
_BAR_HEIGHT: Final = 26
_AXIS_HEIGHT: Final = 48
_PADDING: Final = {"left": 4, "right": 12, "top": 4, "bottom": 8}
"""At the right for the last letter of a value: the browser measures it before its font has come."""
_MARKS: Final = (("p50", "circle", "○"), ("p95", "diamond", "◇"), ("p99", "triangle-up", "△"))
"""Percentiles on the bars of a ranking: told by their shape. White with a dark line they are seen on the bar, on the
light and on the dark background alike."""


def report_chart(
    answer: ReportAnswer, zone: tzinfo, *, height: int = 340, value_is: str = "", text_color: str = "#7d8796"
) -> Any:
    """The picture of an answer with rows. ``zone``: the time axis and the tooltips are in it. ``value_is``: said
    before the values of a ranking, whose percentiles are then marked as well. ``text_color``: of its values."""
    if answer.report.kind in ("ranking", "table"):
        made = _ranking(answer, value_is, text_color)
    else:
        made = _CHARTS[answer.report.kind](answer, zone, height)
    said = f"{answer.report.title(answer.top)}; the table on this page has the same numbers"
    return made.properties(padding=_PADDING, description=said).configure_view(strokeWidth=0)


def marks_text(value_is: str) -> str:
    """What the marks of a ranking whose bars end at ``value_is`` mean."""
    shown = ", ".join(f"{sign} {name}" for name, _, sign in _MARKS if name != value_is)
    return f"The bar ends at {value_is}; {shown}."


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


def _ranking(answer: ReportAnswer, value_is: str, text_color: str) -> Any:
    unit = answer.report.unit
    names = unique_labels([row.label for row in answer.rows])
    size, title = _axis(answer.rows, unit)
    marked = [(name, shape) for name, shape, _ in _MARKS if value_is and name != value_is]
    data = [
        {
            "row": place,
            "label": name,
            "value": (row.value or 0) / size,
            "text": f"{value_is} {value_text(row.value, unit)}".lstrip(),
            "runs": f"{row.count:,}",
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
            x=alt.X("value:Q", axis=alt.Axis(title=title, tickCount=6, **_numbers(unit))),
            opacity=_dimmed(pick),
            tooltip=_ranking_tooltip(unit),
        )
        .add_params(pick)
    )
    if not marked:
        values = base.mark_text(align="left", dx=5, fontSize=11, color=text_color, aria=False)
        return bars + values.encode(y=y, x="value:Q", text=alt.Text("text:N"))
    # In a column of their own: behind the last mark a value would seem to be that mark's.
    values = base.mark_text(align="left", dx=8, fontSize=11, color=text_color, aria=False)
    points = [
        base.mark_point(
            shape=shape, size=48, filled=True, fill="#ffffff", stroke="#1b2330", strokeWidth=1, opacity=1,
            tooltip=False, aria=False,
        ).encode(y=y, x=alt.X(f"{name}:Q"))
        for name, shape in marked
    ]  # fmt: skip
    return alt.layer(bars, *points, values.encode(y=y, x=alt.value("width"), text=alt.Text("text:N")))


def _numbers(unit: str) -> dict[str, Any]:
    """How an axis writes its numbers: counts are whole, and 0 is not "0k" beside "2k"."""
    if unit == "ns":
        return {"format": "~g"}
    return {"labelExpr": COUNT_LABEL} | ({} if unit == "runs/min" else {"tickMinStep": 1})


def _ranking_tooltip(unit: str) -> list[Any]:
    shown = [alt.Tooltip("label:N", title="name"), alt.Tooltip("text:N", title="value")]
    if unit == "ns":
        shown += [alt.Tooltip("runs:N", title="runs with a runtime")]
        shown += [alt.Tooltip(f"{name}_text:N", title=name) for name, _, _ in _MARKS]
    return shown


def _percentiles(row: ReportRow, size: float) -> dict[str, Any]:
    if row.runtimes is None:
        return {}
    found: dict[str, Any] = {}
    for name, _, _ in _MARKS:
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
        axis=alt.Axis(title=answer.report.unit, tickMinStep=1, tickCount=6, labelExpr=COUNT_LABEL),
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
                "runs:Q",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(title="runs", tickCount=5, labelExpr=COUNT_LABEL),
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
                *(alt.Tooltip(f"{name}_text:N", title=name) for name, _, _ in _MARKS),
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
