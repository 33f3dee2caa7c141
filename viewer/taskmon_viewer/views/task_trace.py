"""The trace of a task as a waterfall, with the facts of the span that is chosen."""

from __future__ import annotations

import streamlit as st

from otel_taskmon.queries.model import TraceSpan
from taskmon_viewer import cache
from taskmon_viewer.components.facts import Fact, FactGroup, facts
from taskmon_viewer.components.waterfall import waterfall
from taskmon_viewer.links import go_to_task, jaeger_href, task_href
from taskmon_viewer.texts import clock, count_text, duration
from taskmon_viewer.views.task_bars import is_publish, is_run, span_label, trace_bars


def trace_section(trace_id: str, span_id: str, task_id: str) -> None:
    """Draw the trace; ``span_id`` is chosen until the reader chooses another."""
    st.subheader("Trace", anchor=False)
    spans = cache.trace(trace_id)
    if not spans:
        st.caption("No spans of this trace are kept any more, or none has arrived yet.")
        return
    more = " These are the first of more." if len(spans) > cache.TRACE_SPANS else ""
    spans = spans[: cache.TRACE_SPANS]
    tasks = len({span.task_id for span in spans if span.task_id})
    st.caption(
        f"{count_text(tasks, 'task')}, {count_text(len(spans), 'span')}.{more} Dashed: waiting in a queue. "
        "Drag over the scale to zoom, double-click it to see all."
    )
    if in_jaeger := jaeger_href(trace_id):
        st.link_button("Open in Jaeger", in_jaeger, icon=":material/open_in_new:")
    # Another task or execution of the same trace begins with its own row chosen.
    chosen = waterfall(
        trace_bars(spans),
        key=f"trace.{trace_id}.{span_id}",
        heading="Tasks and their publishes",
        chosen=span_id,
    )
    span = next((span for span in spans if span.span_id == chosen), None)
    if span is None:
        st.caption("Click a row for its facts.")
        return
    opened = facts([_span_facts(span, task_id)], key=f"trace.facts.{trace_id}")
    if opened is not None:
        go_to_task(opened)
    with st.expander(f"All {len(span.attributes)} attributes as recorded, those of the process included"):
        facts([_attributes(span)], key=f"trace.attributes.{trace_id}")


def _span_facts(span: TraceSpan, task_id: str) -> FactGroup:
    what = "Run" if is_run(span) else "Publish" if is_publish(span) else "Span"
    waited = span.start_ns - span.published_ns if is_run(span) and span.published_ns else None
    here = span.task_id == task_id
    return FactGroup(
        f"{what}: chosen row",
        (
            *((Fact("State", span.state, "state"),) if span.state else ()),
            Fact("Name", span_label(span), "mono"),
            *(
                (
                    Fact("Task", span.task_id, "mono", note="this task")
                    if here
                    else Fact("Task", span.task_id, "mono", href=task_href(span.task_id), open=span.task_id),
                )
                if span.task_id
                else ()
            ),
            Fact("Started (UTC)", clock(span.start, fraction=6), "number"),
            Fact("Took", duration(span.duration_ns), "number"),
            *(
                (Fact("Since publish", duration(waited), "number"),)
                if waited is not None and waited >= 0
                else ()
            ),
            Fact("Worker", span.worker or "–"),
            Fact("Service", span.service or "–"),
            Fact("Kind, status", f"{span.kind}, {span.status}"),
            Fact("Span", span.span_id, "mono"),
        ),
    )


def _attributes(span: TraceSpan) -> FactGroup:
    return FactGroup(
        "",
        tuple(Fact(name, value, "mono") for name, value in sorted(span.attributes.items())),
    )
