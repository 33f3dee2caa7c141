"""The run span is the one that the stock instrumentor would have made: name, kind, keys, parent, context, metric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.app.task import Context
from opentelemetry import baggage, trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_taskmon.app_names import AppNames
from otel_taskmon.boot import Boot
from otel_taskmon.facts import Recorder
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.running import Running
from otel_taskmon.settings import Settings

TRACEPARENT = "00-" + "a" * 31 + "1-" + "b" * 16 + "-01"
MESSAGE: dict[str, Any] = {
    "task": "shop.tasks.add",
    "id": "6a1f0b5e-0000-4000-8000-000000000001",
    "correlation_id": "6a1f0b5e-0000-4000-8000-000000000001",
    "reply_to": "7b",
    "origin": "gen1@publisher",
    "hostname": "w@host",
    "delivery_info": {"exchange": "", "routing_key": "slow", "priority": 3, "redelivered": False},
    "timelimit": [None, None],
    "retries": 0,
    "eta": None,
    "expires": None,
    "is_eager": False,
}


class Seen:
    """What one way of recording leaves of one execution."""

    def __init__(self, **instrument: Any) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.inside: tuple[Any, ...] = ()
        app = self.app = Celery("shop", set_as_current=False)

        @app.task(name="shop.tasks.add", shared=False)  # type: ignore[untyped-decorator]
        def add(x: int, y: int) -> int:
            current = trace.get_current_span()
            self.inside = (current.get_span_context() == self.span.get_span_context(), baggage.get_all())
            return x + y

        settings = Settings()
        self.recorder = Recorder(settings, PayloadEncoder(settings), AppNames({}).of)
        self.boot = Boot()
        instrumentor = CeleryInstrumentor()  # type: ignore[no-untyped-call]
        instrumentor.uninstrument()
        instrumentor.instrument(
            tracer_provider=provider,
            meter_provider=MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False),
            **instrument,
        )
        self.instrumentor = instrumentor

    def execute(self, message: dict[str, Any], ours: bool) -> ReadableSpan:
        task = self.app.tasks["shop.tasks.add"]
        request = Context(message, args=(1, 2), kwargs={}, called_directly=False)
        task.push_request(**vars(request))
        before = trace.get_current_span()
        self.exporter.clear()
        signal = {"task_id": message["id"], "task": task, "args": (1, 2), "kwargs": {}}
        try:
            if ours:
                running = Running(self.recorder, self.boot)
                running.stock_before = [self.instrumentor._trace_prerun]
                running.before(task, task.request)
                self.span = trace.get_current_span()
                result = task.run(1, 2)
                running.after(task, task.request, "SUCCESS", {"retval": result})
            else:
                self.instrumentor._trace_prerun(  # type: ignore[no-untyped-call]
                    sender=task, **signal
                )
                self.span = trace.get_current_span()
                result = task.run(1, 2)
                self.instrumentor._trace_postrun(  # type: ignore[no-untyped-call]
                    sender=task, retval=result, state="SUCCESS", **signal
                )
        finally:
            task.pop_request()
        assert trace.get_current_span() is before
        (span,) = self.exporter.get_finished_spans()
        return span

    def points(self) -> list[tuple[str, Any]]:
        data = self.reader.get_metrics_data()
        return [
            (metric.name, dict(point.attributes or {}), getattr(point, "count", 0))  # type: ignore[misc]
            for of_resource in (data.resource_metrics if data else ())
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
            for point in metric.data.data_points
        ]


@pytest.fixture(autouse=True)
def _stock_as_it_was() -> Iterator[None]:
    instrumentor = CeleryInstrumentor()  # type: ignore[no-untyped-call]
    was = instrumentor.is_instrumented_by_opentelemetry
    yield
    instrumentor.uninstrument()
    if was:
        instrumentor.instrument()


MORE = pytest.mark.parametrize(
    "more",
    [
        {},
        {"traceparent": TRACEPARENT, "baggage": "customer=7"},
        {"traceparent": "00-broken"},
        {"retries": 2, "eta": "2026-11-22T10:00:00+00:00", "expires": "2026-11-23T10:00:00+00:00"},
        {"timelimit": [10, None], "priority": 4, "queue": "slow", "exchange": "x", "serializer": "json"},
        {"origin": None, "reply_to": "", "delivery_info": {}},
        {"compression": ["of", "somebody"]},
    ],
    ids=lambda more: "-".join(more) or "plain",
)


@MORE
@pytest.mark.parametrize("links", [False, True], ids=["below", "linked"])
def test_what_the_stock_handlers_say_is_said(more: dict[str, Any], links: bool) -> None:
    said, seen = {}, {}
    for ours in (False, True):
        seen[ours] = Seen(use_span_links=links)
        said[ours] = seen[ours].execute({**MESSAGE, **more}, ours)
    stock, mine = said[False], said[True]
    assert (mine.name, mine.kind) == (stock.name, stock.kind)
    assert mine.instrumentation_scope == stock.instrumentation_scope
    assert mine.parent == stock.parent
    assert [link.context for link in mine.links] == [link.context for link in stock.links]
    stock_attributes, own = dict(stock.attributes or {}), dict(mine.attributes or {})
    assert {key: own.get(key) for key in stock_attributes} == stock_attributes
    assert [key for key in own if key.startswith("celery.") and key not in stock_attributes] == []
    assert seen[True].inside == seen[False].inside
    assert seen[True].points() == seen[False].points() != []


@MORE
def test_the_next_execution_says_it_from_what_was_kept(more: dict[str, Any]) -> None:
    stock = Seen().execute({**MESSAGE, **more}, ours=False)
    seen = Seen()
    seen.execute({**MESSAGE, **more, "id": "another", "correlation_id": "another"}, ours=True)
    kept = len(seen.recorder.remembered)
    mine = dict(seen.execute({**MESSAGE, **more}, ours=True).attributes or {})
    assert {key: mine.get(key) for key in stock.attributes or {}} == dict(stock.attributes or {})
    assert [key for key in mine if key.startswith("celery.") and key not in (stock.attributes or {})] == []
    assert (mine["taskmon.app"], mine["taskmon.reporter"], mine["taskmon.args"]) == ("shop", "pool", "[1,2]")
    assert len(seen.recorder.remembered) == kept == ("compression" not in more)


def test_a_header_with_the_name_of_the_state_does_not_change_it() -> None:
    """The stock handler would put it over the real one."""
    mine = Seen().execute({**MESSAGE, "state": "FORGED"}, ours=True)
    assert dict(mine.attributes or {})["celery.state"] == "SUCCESS"


def test_what_stands_in_the_way_of_the_stock_attributes_leaves_the_rest() -> None:
    mine = Seen().execute({**MESSAGE, "declare": 5}, ours=True)
    found = dict(mine.attributes or {})
    assert found["celery.state"] == "SUCCESS"
    assert found["taskmon.args"] == "[1,2]"
