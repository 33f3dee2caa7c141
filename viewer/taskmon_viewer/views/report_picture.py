"""A report's picture, whose parts are clicked to see what is behind them."""

from __future__ import annotations

import streamlit as st

from otel_taskmon.queries.report_model import ReportAnswer, ReportRow
from taskmon_viewer import theme
from taskmon_viewer.report_charts import PICK, picked, report_chart
from taskmon_viewer.report_params import ReportParams


def picture(
    answer: ReportAnswer, params: ReportParams, *, name: str, height: int = 340, value_is: str = ""
) -> ReportRow | None:
    """Draw an answer with rows; the row whose part was clicked just now, else None.

    ``value_is``: what the values of a ranking are, where its ticks are others ("avg").
    """
    # Another answer is another chart: what was chosen in the old one must not stay.
    key = f"{name}.{params.to_query_string()}"
    clicked = f"{key}.clicked"

    def choose() -> None:
        st.session_state[clicked] = picked(st.session_state[key].selection)

    st.altair_chart(
        report_chart(
            answer,
            params.tz,
            height=height,
            value_is=value_is,
            text_color=theme.text_color(dark=st.context.theme.type == "dark"),
        ),
        key=key,
        on_select=choose,
        selection_mode=PICK,
        width="stretch",
    )
    number = st.session_state.pop(clicked, None)
    return answer.rows[number] if isinstance(number, int) and 0 <= number < len(answer.rows) else None
