"""One execution of a task: what it was given, what came of it."""

from __future__ import annotations

import streamlit as st

from otel_taskmon.queries.model import Execution
from taskmon_viewer.texts import payload_notes, pretty_json, safe_label

_TALL_LINES = 16
_TALL = 300
_TRACEBACK_HEIGHT = 460
_EMPTY = {"args": ("", "[]", "()"), "kwargs": ("", "{}"), "result": ("",)}


def payload_section(execution: Execution) -> None:
    """Arguments, keyword arguments and result side by side, each to be copied, with what was done to them."""
    notes = payload_notes(execution.payload_notes)
    with st.grid(3, min_column_width=280):
        for part, title, text in (
            ("args", "Arguments", execution.args),
            ("kwargs", "Keyword arguments", execution.kwargs),
            ("result", "Result", execution.result),
        ):
            with st.container(gap="xsmall"):
                st.markdown(f"**{title}**")
                _payload(part, text, execution)
                for note in notes.get(part, ()):
                    st.caption(f":material/info: {safe_label(note)}")


def _payload(part: str, text: str, execution: Execution) -> None:
    if part == "result" and not text:
        st.caption(
            "Not recorded." if execution.state == "SUCCESS" else f"No result ({safe_label(execution.state)})."
        )
    elif text in _EMPTY[part]:
        st.caption("None." if text else "Not recorded.")
    else:
        preformatted(pretty_json(text))


def exception_section(execution: Execution) -> None:
    """Type, message and full traceback, preformatted; nothing where there is no exception."""
    if not (execution.exc_type or execution.exc_message or execution.exc_stacktrace):
        return
    st.subheader("Exception", anchor=False)
    message = ": ".join(filter(None, (execution.exc_type, execution.exc_message)))
    st.code(message or "–", language=None, wrap_lines=True)
    for note in payload_notes(execution.payload_notes).get("exception", ()):
        st.caption(f":material/info: {safe_label(note)}")
    if execution.exc_stacktrace:
        preformatted(execution.exc_stacktrace, height=_TRACEBACK_HEIGHT)
    else:
        st.caption("No traceback was recorded.")


def preformatted(text: str, *, height: int = _TALL) -> None:
    """Text as it is, with a button to copy it; long text scrolls inside."""
    tall = text.count("\n") * 19 > height or len(text) > 60 * _TALL_LINES
    st.code(text, language=None, wrap_lines=True, height=height if tall else "content")
