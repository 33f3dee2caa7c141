"""Executions: the run span from ``task_prerun`` to ``task_postrun``.

Two handlers of the stock instrumentor, done again with less: same tracer, name, kind, keys, context and metric, held
against the originals by ``tests/unit/test_running.py``. They keep an open span on the task under the task's id, and
two executions of one id that overlap (in threads a retry starts while the execution that asked for it is still
ending) take each other's; here it is kept on the request.
"""

from __future__ import annotations

from timeit import default_timer
from typing import Any

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanKind,
    get_current_span,
    set_span_in_context,
)

from otel_taskmon import _celery, execution, outcome, semconv, traceparent
from otel_taskmon._safely import safely
from otel_taskmon.boot import Boot
from otel_taskmon.facts import Recorder
from otel_taskmon.outbox.known import ending
from otel_taskmon.span_attributes import put

_ON_REQUEST = "_taskmon_run"


class Run:
    """One execution between the two handlers; kept on its request."""

    __slots__ = ("began", "span", "tokens")

    def __init__(self) -> None:
        self.began = default_timer()
        self.span: Span | None = None
        self.tokens: list[Any] = []
        """Of the contexts that were attached, in order."""


class Running:
    """The handlers of ``task_prerun`` and ``task_postrun``."""

    def __init__(self, recorder: Recorder, boot: Boot) -> None:
        self._recorder = recorder
        self._boot = boot
        # they are connected no more; that there were any says that spans are wanted
        self.stock_before: list[_celery.Receiver] = []
        self.stock_after: list[_celery.Receiver] = []

    def before(self, task: Any, request: Any) -> None:
        """Open the run span; our span processor completes it as it starts."""
        if not (self.stock_before and _celery.stock_active()):
            return
        run = Run()
        setattr(request, _ON_REQUEST, run)  # first: from here on the end clears up what there is
        token = execution.starting.set((task, request))
        try:
            _open(run, task.name, request)
        finally:
            execution.starting.reset(token)
        if execution.of(request) is None:
            self._begin_without_processor(task, request, run)

    def after(self, task: Any, request: Any, state: str | None, signal: dict[str, Any]) -> None:
        """Write the outcome on the run span, then end it."""
        run = getattr(request, _ON_REQUEST, None)
        if not isinstance(run, Run):
            return
        delattr(request, _ON_REQUEST)
        try:
            if run.span is not None:
                self._record(task, request, state, signal.get("retval"))
                if (
                    execution.of(request) is None
                ):  # it could not be begun: what the stock handler says is left
                    _say_stock(run.span, task.name, request, state)
        finally:
            _close(run, task.name, request)

    @safely("run span")
    def _begin_without_processor(self, task: Any, request: Any, run: Run) -> None:
        """A provider may run its processors in threads of their own, where the task cannot be seen."""
        if run.span is not None and run.span.is_recording():
            execution.begin(self._recorder, self._boot, task, request, run.span)

    @safely("outcome")
    def _record(self, task: Any, request: Any, state: str | None, value: object) -> None:
        begun = execution.of(request)
        if begun is not None:
            found = outcome.of_postrun(state, value, eager=bool(request.is_eager))
            outcome.record(self._recorder, begun, task, found)


def _open(run: Run, task_name: str, request: Any) -> None:
    """Start the span and make it the current one."""
    tracer = _celery.tracer_of(None)
    name = f"run/{task_name}"
    publish = traceparent.publish_of(vars(request).get)
    if publish is None:
        came_from = _celery.trace_context(request)
    else:
        came_from = set_span_in_context(NonRecordingSpan(publish), Context())
    if came_from is not None and _celery.uses_links():
        publish = get_current_span(came_from).get_span_context()
        links = [Link(publish)] if publish.is_valid else None
        run.span = tracer.start_span(name, links=links, kind=SpanKind.CONSUMER)
    else:
        if came_from is not None:
            run.tokens.append(contexts.attach(came_from))
        run.span = tracer.start_span(name, context=came_from, kind=SpanKind.CONSUMER)
    run.tokens.append(contexts.attach(set_span_in_context(run.span)))


def _close(run: Run, task_name: str, request: Any) -> None:
    """End the span after it has ceased to be the current one, and while its caller's context still is."""
    tokens = run.tokens
    if run.span is not None:
        if tokens:
            contexts.detach(tokens.pop())
        begun = execution.of(request)
        token = ending.set(None if begun is None else begun.known)
        try:
            run.span.end()
        finally:
            ending.reset(token)
        _celery.record_runtime(default_timer() - run.began, task_name, request.hostname)
    while tokens:
        contexts.detach(tokens.pop())


@safely("run span")
def _say_stock(span: Span, task_name: str, request: Any, state: str | None) -> None:
    if span.is_recording():
        said = execution.stock_of(task_name, request) or {}
        if state is not None:
            said[semconv.CELERY_STATE] = state
        put(span, said)
