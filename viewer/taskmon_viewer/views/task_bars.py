"""Executions and traces as bars of a waterfall; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from otel_taskmon.queries.model import Execution, TraceSpan
from taskmon_viewer.components.waterfall import Bar, Part
from taskmon_viewer.texts import clipped, duration
from taskmon_viewer.views.task_facts import execution_label

_PUBLISH = "PRODUCER"
_LABEL_LENGTH = 200


def execution_bars(executions: Sequence[Execution]) -> list[Bar]:
    """One row per execution: waiting in the queue (or for its ETA), held by the worker, running."""
    if not executions:
        return []
    zero = min(
        execution.published_at or execution.received_at or execution.started_at for execution in executions
    )
    return [_execution_bar(number, execution, zero) for number, execution in enumerate(executions, 1)]


def _execution_bar(number: int, execution: Execution, zero: datetime) -> Bar:
    def at(moment: datetime) -> float:
        return round((moment - zero).total_seconds() * 1000, 3)

    started, ended = at(execution.started_at), at(execution.ended_at)
    received = at(execution.received_at) if execution.received_at else started
    published = at(execution.published_at) if execution.published_at else received
    parts = []
    # Clocks of publisher and worker may differ: a part that would run backwards is left out.
    if received > published:
        parts.append(Part("wait", published, received))
    if started > received:
        parts.append(Part("prefetch", received, started))
    parts.append(Part("run", started, max(started, ended), execution.state))
    ran = "did not run" if execution.duration_ns is None else f"ran {duration(execution.duration_ns)}"
    waits = [
        f"{label} {duration(ns)}"
        for label, ns in (
            ("queue wait", execution.queue_wait_ns),
            ("prefetch wait", execution.prefetch_wait_ns),
        )
        if ns is not None
    ]
    return Bar(
        id=execution.execution_id or str(number),
        parent="",
        label=execution_label(number, execution),
        parts=tuple(parts),
        says=ran,
        tip="\n".join([f"{execution.state} on {execution.worker or 'no worker'}", ran, *waits]),
        state=execution.state,
        mono=False,
    )


def trace_bars(spans: Sequence[TraceSpan]) -> list[Bar]:
    """One row per span of the trace: runs with their waiting, publishes, and what else was recorded in them."""
    if not spans:
        return []
    zero = min(span.start_ns for span in spans)
    return [_span_bar(span, zero) for span in spans]


def _span_bar(span: TraceSpan, zero_ns: int) -> Bar:
    start = (span.start_ns - zero_ns) / 1e6
    end = start + span.duration_ns / 1e6
    parts = []
    if is_run(span):
        if span.published_ns and zero_ns <= span.published_ns < span.start_ns:
            parts.append(Part("wait", round((span.published_ns - zero_ns) / 1e6, 3), round(start, 3)))
        parts.append(Part("run", round(start, 3), round(end, 3), span.state))
    else:
        parts.append(Part("publish" if is_publish(span) else "other", round(start, 3), round(end, 3)))
    says = duration(span.duration_ns)
    if span.retries and is_run(span):
        says += f" · retry {span.retries}"
    return Bar(
        id=span.span_id,
        parent=span.parent_span_id,
        label=span_label(span),
        parts=tuple(parts),
        says=says,
        tip="\n".join(filter(None, (span_label(span), span.state, span.worker or span.service, says))),
        state=span.state if is_run(span) else "",
        sign="↗" if is_publish(span) else "·",
    )


def is_publish(span: TraceSpan) -> bool:
    return bool(span.task_id) and span.kind.upper().endswith(_PUBLISH)


def is_run(span: TraceSpan) -> bool:
    return bool(span.task_id) and bool(span.state) and not is_publish(span)


def span_label(span: TraceSpan) -> str:
    """A run by its task's name, a publish as such, anything else by the span's own name."""
    name = clipped((span.task_id and span.task_name) or span.name, _LABEL_LENGTH)
    return f"publish {name}" if is_publish(span) else name
