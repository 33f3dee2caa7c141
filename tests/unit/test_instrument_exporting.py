"""Sending: the plan from the environment, parts of a batch, one exporter per process, flushing with a bound."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_taskmon.errors import SettingError
from otel_taskmon.exporting import LOGS, ExportPlan, PerProcessExporter, build_provider, in_parts
from otel_taskmon.flushing import BoundedFlush, flush_all
from otel_taskmon.lifecycle import service_name
from otel_taskmon.process_outbox import ProcessOutbox
from otel_taskmon.settings import Settings


@pytest.mark.parametrize(
    ("environ", "plan"),
    [
        ({}, ExportPlan(("otlp",), "http/protobuf")),
        ({"OTEL_TRACES_EXPORTER": "none"}, ExportPlan((), "http/protobuf")),
        ({"OTEL_TRACES_EXPORTER": "otlp, console,otlp"}, ExportPlan(("otlp", "console"), "http/protobuf")),
        ({"OTEL_TRACES_EXPORTER": "otlp_proto_http"}, ExportPlan(("otlp_proto_http",), "http/protobuf")),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ExportPlan(("otlp",), "grpc")),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
            ExportPlan(("otlp",), "http/protobuf"),
        ),
    ],
)
def test_the_plan_follows_the_standard_variables(environ: dict[str, str], plan: ExportPlan) -> None:
    assert ExportPlan.from_environment(environ) == plan


@pytest.mark.parametrize(
    ("environ", "plan"),
    [
        ({}, ExportPlan(("otlp",), "http/protobuf")),
        ({"OTEL_LOGS_EXPORTER": "none"}, ExportPlan((), "http/protobuf")),
        ({"OTEL_TRACES_EXPORTER": "none"}, ExportPlan((), "http/protobuf")),
        ({"OTEL_TRACES_EXPORTER": "console"}, ExportPlan(("otlp",), "http/protobuf")),
        (
            {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "otlp"},
            ExportPlan(("otlp",), "http/protobuf"),
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_LOGS_EXPORTER": "otlp_proto_http"},
            ExportPlan(("otlp_proto_http",), "http/protobuf"),
        ),
        ({"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc"}, ExportPlan(("otlp",), "grpc")),
    ],
)
def test_events_have_a_plan_of_their_own(environ: dict[str, str], plan: ExportPlan) -> None:
    assert ExportPlan.from_environment(environ, LOGS) == plan


def test_a_wrong_exporter_of_events_is_named() -> None:
    with pytest.raises(SettingError, match="OTEL_LOGS_EXPORTER='fax'"):
        ExportPlan.from_environment({"OTEL_LOGS_EXPORTER": "fax"}, LOGS)


def test_the_resource_names_service_and_host_but_no_process() -> None:
    provider = build_provider(ExportPlan((), "grpc"), Settings(), ProcessOutbox(Settings()), "shop")
    said = provider.resource.attributes
    assert said["service.name"] == "shop"
    assert said["host.name"]
    assert "process.pid" not in said


def test_service_name_of_an_app() -> None:
    class App:
        def __init__(self, main: object) -> None:
            self.main = main

    assert [service_name(App(main)) for main in ("shop", None, "", "__main__")] == [
        "shop",
        "celery",
        "celery",
        "celery",
    ]


def span_of(size: int) -> ReadableSpan:
    return ReadableSpan("run/x", attributes={"taskmon.args": "a" * size})


def test_parts_hold_every_span_once_in_order() -> None:
    spans = [span_of(size) for size in (10, 5000, 20_000, 10, 10, 3000, 10)]
    parts = list(in_parts(spans, 8_000))
    assert [span for part in parts for span in part] == spans
    assert [len(part) for part in parts] == [2, 1, 4]
    assert list(in_parts([], 8_000)) == []


class Counting(SpanExporter):
    """Remembers the process it was made in."""

    def __init__(self) -> None:
        self.made_in = os.getpid()
        self.parts: list[int] = []
        self.shut = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.parts.append(len(spans))
        return SpanExportResult.SUCCESS if len(spans) < 3 else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.shut = True


def test_the_real_exporter_is_made_at_the_first_batch_and_again_after_a_fork() -> None:
    made: list[Counting] = []

    def make() -> SpanExporter:
        made.append(Counting())
        return made[-1]

    exporter = PerProcessExporter(make)
    assert made == []
    assert exporter.export([span_of(1)]) is SpanExportResult.SUCCESS
    assert exporter.export([span_of(1)] * 3) is SpanExportResult.FAILURE
    assert [one.parts for one in made] == [[1, 3]]
    child = os.fork()
    if child == 0:
        exporter.export([span_of(1)])
        right = len(made) == 2 and made[1].made_in == os.getpid() and made[0].parts == [1, 3]
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    exporter.shutdown()
    assert made[0].shut


def test_a_flush_that_ends_is_waited_for() -> None:
    done: list[int] = []
    flush = BoundedFlush(lambda: done.append(1), 5.0)
    assert flush.flush()
    assert flush.flush()
    assert done == [1, 1]


def test_a_flush_that_hangs_costs_its_bound_once(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    flush = BoundedFlush(lambda: release.wait(30), 1.5)
    began = time.monotonic()
    assert not flush.flush()
    assert 1.45 < time.monotonic() - began < 10
    began = time.monotonic()
    assert not flush.flush()
    assert time.monotonic() - began < 1.4
    assert "1.5 s" in caplog.text
    release.set()


def test_a_flush_that_fails_does_not_break_the_next() -> None:
    calls: list[int] = []

    def fail_once() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("no network")

    flush = BoundedFlush(fail_once, 5.0)
    assert flush.flush()
    assert flush.flush()
    assert len(calls) == 2


def test_a_prepared_flush_works_in_a_forked_process() -> None:
    flushed: list[int] = []
    flush = BoundedFlush(lambda: flushed.append(os.getpid()), 5.0)
    flush.prepare()
    child = os.fork()
    if child == 0:
        os._exit(0 if flush.flush() and flushed == [os.getpid()] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_flushes_run_side_by_side_under_one_deadline() -> None:
    release, done = threading.Event(), threading.Event()
    hanging = [BoundedFlush(lambda: release.wait(30), 2.0) for _ in range(3)]
    quick = BoundedFlush(done.set, 2.0)
    began = time.monotonic()
    assert not flush_all([*hanging, quick])
    assert 1.95 < time.monotonic() - began < 5.5
    assert done.is_set()
    began = time.monotonic()
    assert not flush_all(hanging), "they gave up once, and are not waited for again"
    assert time.monotonic() - began < 1.8
    assert flush_all([quick])
    assert flush_all([])
    release.set()
