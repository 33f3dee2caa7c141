"""Publishers: what a failed publish leaves behind, eager tasks, exit, protocols."""

from __future__ import annotations

from concurrent import futures
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink, Span, decode
from tests.support.processes import free_port
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

FAILING = """
import gc
from opentelemetry import trace
from otel_taskmon.publishing import Publish
from kombu.exceptions import EncodeError, OperationalError
app.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
seen = []
for number in range(200):
    try:
        if number % 2:
            echo.apply_async((number,), retry=False)
        else:
            app.send_task("elsewhere.tasks.unknown", (number,), retry=False)
    except OperationalError:
        seen.append("down")
try:
    echo.apply_async((object(),), retry=False)
except EncodeError:
    seen.append("encode")
tracer = trace.get_tracer("user")
with tracer.start_as_current_span("user span"):
    pass
gc.collect()
answer({
    "seen": seen,
    "current": trace.get_current_span().get_span_context().is_valid,
    "kept": sum(isinstance(thing, Publish) for thing in gc.get_objects()),
    "on task": getattr(echo, "__otel_task_span", None) or {},
})
"""


def test_a_failed_publish_is_recorded_and_leaves_nothing_open(tmp_path: Path) -> None:
    with OtlpSink() as sink:
        down = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
        environment = worker_environment(down, sink.url, SHOP_BACKEND="disabled://")
        said = run_publisher(tmp_path, environment, FAILING)
        spans = sink.spans()
    assert said == {"seen": ["down"] * 200 + ["encode"], "current": False, "kept": 0, "on task": {}}
    publishes = [span for span in spans if span.kind == "PRODUCER"]
    assert len(publishes) == 201
    assert {publish.status for publish in publishes} == {"ERROR"}
    assert {publish.name for publish in publishes} == {
        "apply_async/shop.tasks.echo",
        "apply_async/elsewhere.tasks.unknown",
    }
    assert all(publish.parent_span_id == "" for publish in publishes)
    for publish in publishes:
        assert publish.attributes[semconv.ERROR_TYPE] == publish.exception[semconv.EXCEPTION_TYPE]
    assert publishes[0].exception[semconv.EXCEPTION_TYPE] == "kombu.exceptions.OperationalError"
    assert publishes[-1].exception[semconv.EXCEPTION_TYPE] == "kombu.exceptions.EncodeError"
    (users,) = [span for span in spans if span.name == "user span"]
    assert users.parent_span_id == ""


UNKNOWN = """
echo.delay()  # the provider is there from the first publish on
from opentelemetry import trace
with trace.get_tracer("user").start_as_current_span("request"):
    answer(app.send_task("elsewhere.tasks.unknown", (1,), queue="elsewhere").id)
"""


def test_a_task_of_another_program_has_a_whole_publish_span(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        task_id = run_publisher(tmp_path, worker_environment(own_database(broker), sink.url), UNKNOWN)
        (publish,) = sink.publishes(task_id)
        (request,) = [span for span in sink.spans() if span.name == "request"]
    assert publish.parent_span_id == request.span_id
    assert publish.attributes[semconv.QUEUE] == "elsewhere"
    assert publish.attributes[semconv.APP] == "elsewhere"
    # the message went out while it was open: a connection to the broker takes longer than the handler alone
    assert publish.attributes[semconv.PUBLISHED_AT] < publish.end_ns
    assert publish.end_ns - publish.start_ns > 300_000


EAGER = """
app.conf.task_always_eager = True
ids = {"fine": echo.delay([1]).id, "failed": fail.delay(1).id}
again_result = flaky.apply((1,), task_id="eager-retry")
app.conf.task_eager_propagates = True
try:
    fail.apply_async((2,), task_id="propagated")
except Declined:
    ids["raised"] = True
ids["answer"] = again_result.get()
answer(ids)
"""


def test_eager_tasks(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        ids = run_publisher(tmp_path, worker_environment(own_database(broker), sink.url), EAGER)
        (fine,), (failed,) = sink.runs(ids["fine"]), sink.runs(ids["failed"])
        first, second = sink.runs("eager-retry")
        (propagated,) = sink.runs("propagated")
    assert (ids["raised"], ids["answer"]) == (True, "paid")
    assert (fine.state, fine.attributes[semconv.RESULT]) == ("SUCCESS", "[1]")
    assert fine.attributes[semconv.IS_EAGER] is True
    assert semconv.WORKER not in fine.attributes, "no worker ran it"
    assert (failed.state, failed.status) == ("FAILURE", "ERROR")
    assert (propagated.state, propagated.status) == ("FAILURE", "ERROR")
    assert propagated.exception[semconv.EXCEPTION_MESSAGE] == "order 2 declined"
    assert (first.state, second.state) == ("RETRY", "SUCCESS")
    assert first.attributes[semconv.FIRST_PUBLISHED_AT] == second.attributes[semconv.FIRST_PUBLISHED_AT]
    assert semconv.PARENT_ID not in second.attributes


def test_standard_variables_are_followed(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(
            own_database(broker),
            sink.url,
            OTEL_SERVICE_NAME="web",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,host.name=node-1",
            OTEL_EXPORTER_OTLP_HEADERS="x-key=abc",
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        )
        task_id = run_publisher(tmp_path, environment, "answer(echo.delay(1).id)")
        (publish,) = sink.publishes(task_id)
        (request,) = sink.received
    assert publish.resource["service.name"] == "web"
    assert publish.resource["host.name"] == "node-1"
    assert publish.resource["deployment.environment.name"] == "test"
    assert request.path == "/v1/traces"
    assert request.headers["x-key"] == "abc"
    assert request.wire[:2] == b"\x1f\x8b"


def test_no_exporter_at_all(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, OTEL_TRACES_EXPORTER="none")
        assert run_publisher(tmp_path, environment, "answer(echo.delay(1).id)")
        assert sink.received == []


def test_grpc(broker: Broker, tmp_path: Path) -> None:
    got: list[Span] = []

    class Servicer(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(  # noqa: N802 - gRPC's name
            self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
        ) -> trace_service_pb2.ExportTraceServiceResponse:
            got.extend(decode(request.SerializeToString()))
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    add_to = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add_to(Servicer(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        environment = worker_environment(
            own_database(broker), f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc"
        )
        with start_worker(tmp_path, environment) as worker:
            ids = run_publisher(tmp_path, environment, "answer([echo.delay(n).id for n in range(10)])")
            wait_until(lambda: len(got) == 20, "20 spans", context=worker.output)
    finally:
        server.stop(None).wait(5)
    for name in ("apply_async/shop.tasks.echo", "run/shop.tasks.echo"):
        assert sorted(span.task_id for span in got if span.name == name) == sorted(ids)
