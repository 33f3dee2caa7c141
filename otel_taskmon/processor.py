"""The span processor that completes run spans as they start."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.trace import SpanKind

from otel_taskmon import execution, semconv
from otel_taskmon._safely import safely
from otel_taskmon.boot import Boot
from otel_taskmon.facts import Recorder


class TaskSpanProcessor(SpanProcessor):
    """Writes what is known of an execution on its run span.

    It only adds attributes at the start and holds nothing, so its place among a provider's processors does
    not matter, and flush and shutdown have nothing to do. (``_on_ending`` is of no use: by then the SDK has
    frozen the attributes; the outcome is written by our ``task_postrun`` handler.)
    """

    def __init__(self, recorder: Recorder, boot: Boot) -> None:
        self._recorder = recorder
        self._boot = boot

    @safely("span start")
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Users' spans inside a task pass here too: ours has the instrumentor's scope and kind CONSUMER."""
        current = execution.starting.get()
        if current is None:
            return  # a provider that hands spans to processors in other threads: ``running`` makes up for it
        task, request = current
        scope = span.instrumentation_scope
        if (
            execution.of(request) is None
            and span.kind is SpanKind.CONSUMER
            and scope is not None
            and scope.name == semconv.INSTRUMENTATION_SCOPE
        ):
            execution.begin(self._recorder, self._boot, task, request, span)
