"""The sampler of our own provider: what a program samples its traces by decides nothing about its tasks.

A web application that keeps a tenth of its traces hands "not sampled" on with each task that it publishes. Were the
worker to follow that, nine tasks in ten would be received and started, and never end.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

_OURS = ((SpanKind.CONSUMER, "run/"), (SpanKind.PRODUCER, "apply_async/"))
"""The spans of the stock instrumentation that are about a task."""


class EveryTask(Sampler):
    """Records the spans of tasks that ``inner`` drops, without the mark of a sampled trace.

    So whatever is below them, in this process and in others, is left to ``inner``; only the outbox takes them.
    """

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        found = self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if found.decision is Decision.DROP and any(
            kind is ours and name.startswith(start) for ours, start in _OURS
        ):
            return SamplingResult(Decision.RECORD_ONLY, attributes, found.trace_state)
        return found

    def get_description(self) -> str:
        return f"EveryTask({self._inner.get_description()})"
