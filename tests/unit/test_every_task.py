"""The sampler that records every task, and leaves all else to the one that was wanted."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, DEFAULT_OFF, DEFAULT_ON, Sampler
from opentelemetry.trace import SpanKind

from otel_taskmon.every_task import EveryTask

RUN, PUBLISH = ("run/shop.pay", SpanKind.CONSUMER), ("apply_async/shop.pay", SpanKind.PRODUCER)


class Ended(SpanProcessor):
    """Keeps what has ended, sampled or not."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def recorded(sampler: Sampler, name: str, kind: SpanKind) -> tuple[list[str], list[str]]:
    """Names of the spans that are recorded and of those that an exporter of the SDK gets, for one and one below it."""
    ended, exporter = Ended(), InMemorySpanExporter()
    provider = TracerProvider(sampler=EveryTask(sampler))
    provider.add_span_processor(ended)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span(name, kind=kind), tracer.start_as_current_span("below"):
        pass
    return [span.name for span in ended.spans], [span.name for span in exporter.get_finished_spans()]


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, DEFAULT_OFF])
@pytest.mark.parametrize(("name", "kind"), [RUN, PUBLISH])
def test_a_task_that_is_not_sampled_is_recorded_for_the_outbox_alone(
    sampler: Sampler, name: str, kind: SpanKind
) -> None:
    assert recorded(sampler, name, kind) == ([name], [])


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, DEFAULT_OFF])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("GET /", SpanKind.SERVER), ("run/shop.pay", SpanKind.INTERNAL), ("jobs", SpanKind.CONSUMER)],
)
def test_what_is_no_task_is_left_to_the_sampler(sampler: Sampler, name: str, kind: SpanKind) -> None:
    assert recorded(sampler, name, kind) == ([], [])


@pytest.mark.parametrize("sampler", [ALWAYS_ON, DEFAULT_ON])
def test_what_is_sampled_stays_so(sampler: Sampler) -> None:
    assert recorded(sampler, *RUN) == (["below", RUN[0]], ["below", RUN[0]])
