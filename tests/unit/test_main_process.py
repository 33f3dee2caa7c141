"""What the main process makes of Celery's signals, without a worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from celery import Celery
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from otel_taskmon import _safely, semconv
from otel_taskmon.app_names import AppNames
from otel_taskmon.boot import Boot
from otel_taskmon.facts import Attributes, Recorder
from otel_taskmon.main_process import MainProcess
from otel_taskmon.outbox.known import Known
from otel_taskmon.payload import PayloadEncoder
from otel_taskmon.settings import Settings

app = Celery("shop", broker="memory://", set_as_current=False)


class Bench:
    """A main process whose spans and events are kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("otel_taskmon._celery.stock_active", lambda: True)
        self.kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.events: list[tuple[str, dict[str, Any]]] = []
        settings = Settings()
        recorder = Recorder(settings, PayloadEncoder(settings), AppNames({}).of)
        self.main = MainProcess(
            recorder, Boot("b" * 32, "w@host"), lambda: provider.get_tracer("t"), self.emit
        )

    def emit(
        self, name: str, attributes: Attributes, _publish: SpanContext | None, _at: None, known: Known
    ) -> None:
        self.events.append((name, {**known.attributes, **attributes}))

    def attributes(self) -> list[dict[str, Any]]:
        return [dict(span.attributes or {}) for span in self.kept.get_finished_spans()]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def _pay(order: int, password: str) -> None: ...


pay: Any = app.task(name="shop.tasks.pay", shared=False)(_pay)


def a_request(**headers: Any) -> Any:
    said = {"id": "t1", "task": "shop.tasks.pay", "args": [1, "hunter2"], "kwargs": {}, **headers}
    return SimpleNamespace(
        id="t1",
        chord=None,
        args=said["args"],
        kwargs={},
        time_start=None,
        worker_pid=None,
        task=pay,
        stamped_headers=[],
        _request_dict=said,
    )


def test_an_end_is_reported_once_however_often_celery_tells(bench: Bench) -> None:
    request = a_request()
    bench.main.received(request)
    for _ in range(3):
        bench.main.failed(request, WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL) Job: 1."))
    (said,) = bench.attributes()
    assert (said[semconv.CELERY_STATE], said[semconv.REPORTER]) == ("LOST", "main")
    assert json.loads(said[semconv.ARGS]) == [1, "***"]
    assert [name for name, _ in bench.events] == [semconv.EVENT_RECEIVED]
    assert bench.events[0][1][semconv.EXECUTION_ID] == said[semconv.EXECUTION_ID]


@pytest.mark.parametrize("header", ["taskmon_execution_id", "taskmon_received_at"])
def test_stamps_that_a_publisher_forged_are_replaced(bench: Bench, header: str) -> None:
    """Also for an end that comes before the receipt was told, as of a task that has expired."""
    request = a_request(**{header: "f" * 32})
    bench.main.failed(request, KeyboardInterrupt())
    (said,) = bench.attributes()
    assert "f" * 32 not in said.values()
    assert request._request_dict[header] != "f" * 32


def test_a_revoke_without_the_workers_request_is_reported_from_its_context(bench: Bench) -> None:
    """A worker whose requests are not made by Celery's own strategy."""
    context = SimpleNamespace(id="t9", args=[1, "hunter2"], kwargs={"x": 1}, retries=2)
    bench.main.revoked(sender=pay, request=context, terminated=True, signum=15, expired=False)
    (said,) = bench.attributes()
    assert (said[semconv.CELERY_STATE], said[semconv.REASON]) == ("REVOKED", "terminated by SIGTERM")
    assert (said[semconv.MESSAGING_MESSAGE_ID], said[semconv.RETRIES]) == ("t9", 2)
    assert json.loads(said[semconv.ARGS]) == [1, "***"]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ([1], [1, "***", "x"]),
        ([0, 1, 7], ["***", "***", "x"]),
        (None, [1, "hunter2", "x"]),
        ("1", [1, "hunter2", "x"]),
        ([True, -1, "1", 2.0, [1]], [1, "hunter2", "x"]),
    ],
)
def test_a_secret_of_a_task_that_is_not_registered_here(bench: Bench, told: object, shown: object) -> None:
    """Its parameters have no names in this worker, but the publisher has told which of them are masked."""
    headers = {"id": "t8", "task": "shop.tasks.gone", semconv.HEADER_SECRET_ARGS: told}
    message = SimpleNamespace(
        headers=headers, properties={}, delivery_info={}, payload=([1, "hunter2", "x"], {}, {})
    )
    bench.main.unknown(sender=SimpleNamespace(app=app), message=message, name="shop.tasks.gone", exc=None)
    (said,) = bench.attributes()
    assert json.loads(said[semconv.ARGS]) == shown
    assert ("args:redacted" in said.get(semconv.PAYLOAD_NOTES, "")) == (
        "***" in json.loads(said[semconv.ARGS])
    )


def test_a_hostile_message_gives_a_bounded_record(bench: Bench) -> None:
    message = SimpleNamespace(
        headers={"id": "i" * 5000, "task": "n" * 10_000, "root_id": {"a": 1}, "retries": "x", "eta": 5},
        properties={"priority": "high"},
        delivery_info={"routing_key": ["x"], "redelivered": "no"},
        payload=[["a" * 1_000_000], {"token": "hunter2"}, None],
    )
    bench.main.unknown(
        sender=SimpleNamespace(app=app), message=message, name=message.headers["task"], exc=None
    )
    (span,) = bench.kept.get_finished_spans()
    (said,) = bench.attributes()
    assert len(span.name) <= 260
    assert len(said[semconv.MESSAGING_MESSAGE_ID]) == 255
    assert sum(len(str(value)) for value in said.values()) < 40_000
    assert "hunter2" not in str(said)
    assert said[semconv.CELERY_STATE] == "REJECTED"


def test_nothing_of_ours_reaches_the_worker(bench: Bench) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("ours")

    before = sum(_safely.failures().values())
    main = MainProcess(bench.main._recorder, Boot(), broken, broken)  # type: ignore[arg-type]
    request, message = a_request(), SimpleNamespace()
    calls: list[Callable[[], object]] = [
        lambda: main.received(request),
        lambda: main.accepted(request),
        lambda: main.failed(request, WorkerLostError("x")),
        lambda: main.cancelled(a_request()),
        lambda: main.revoked(sender=pay, request=None),
        lambda: main.unknown(sender=None, message=message),
        lambda: main.rejected(sender=None, message=message),
        lambda: main.undecodable(None, message, None),
    ]
    assert [call() for call in calls] == [None] * len(calls)
    assert sum(_safely.failures().values()) == before + len(calls)


def test_once_the_stock_instrumentation_is_off_nothing_is_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    # whatever another test of this process did with the one instrumentor there is
    monkeypatch.setattr(CeleryInstrumentor(), "_is_instrumented_by_opentelemetry", False)  # type: ignore[no-untyped-call]
    request = a_request()
    bench.main.received(request)
    bench.main.accepted(request)
    bench.main.failed(request, KeyboardInterrupt())
    assert bench.attributes() == []
    assert bench.events == [], "what nobody tells the end of must not begin"
