"""Events of real workers, as they leave the worker and as the tables show them."""

from __future__ import annotations

from concurrent import futures
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from otel_taskmon import __version__, semconv
from otel_taskmon.demo.broker import Broker
from otel_taskmon.queries.connection import connect
from otel_taskmon.queries.queue_history import queue_workers
from tests.support.databases import own_database
from tests.support.otlp_sink import Event, OtlpSink, Span, decode, decode_logs
from tests.support.store import Store
from tests.support.waiting import wait_until
from tests.support.workers import SHOP, run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

APP = "tests.apps.endings"
BEAT = "0.3"


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo", "gevent"])
def test_a_worker_tells_what_it_holds_and_runs(broker: Broker, tmp_path: Path, pool: str) -> None:
    """In solo and gevent the task blocks the consumer, and the heartbeat goes on."""
    with OtlpSink() as sink:
        environment = worker_environment(
            own_database(broker), sink.url, ENDINGS_HEARTBEAT_S=BEAT, ENDINGS_PREFETCH="4"
        )
        with start_worker(tmp_path, environment, pool=pool, app=APP, name="endings", concurrency=1) as worker:
            task = "busy" if pool == "gevent" else "pause"
            code = f"answer([{task}.apply_async((2,), priority=4).id, pause.apply_async((0,), countdown=600).id])"
            running, waiting = run_publisher(tmp_path, environment, code, app=APP)
            (run,) = sink.wait_for_runs(running, context=worker.output)
            wait_until(
                lambda: sink.events(semconv.EVENT_RECEIVED, waiting), "the ETA task", context=worker.output
            )

            (held,) = sink.events(semconv.EVENT_RECEIVED, waiting)

            def later() -> list[Event]:
                after = max(held.at_ns, run.end_ns)
                return [e for e in sink.events(semconv.EVENT_HEARTBEAT) if e.at_ns > after]

            def only_the_waiting_one() -> bool:
                """Celery lets go of a task a little after its span has ended: when its result is stored."""
                told = [e.attributes[semconv.WORKER_HELD] for e in later()]
                return len(told) >= 2 and told[-1] == held.attributes[semconv.EXECUTION_ID]

            wait_until(only_the_waiting_one, "heartbeats after both", context=worker.output)
            last = later()[-1].attributes
            worker.stop()
        events = sink.events()
        (received,) = sink.events(semconv.EVENT_RECEIVED, running)
        (started,) = sink.events(semconv.EVENT_STARTED, running)
        assert sink.events(semconv.EVENT_STARTED, waiting) == []
        (publish,) = sink.publishes(running)
    names = [event.name for event in events]
    assert names.count(semconv.EVENT_ONLINE) == names.count(semconv.EVENT_OFFLINE) == 1
    workers_own = [event for event in events if event.name.startswith("taskmon.worker.")]
    assert (workers_own[0].name, workers_own[-1].name) == (semconv.EVENT_ONLINE, semconv.EVENT_OFFLINE)

    execution = run.attributes[semconv.EXECUTION_ID]
    for event in (received, started):
        same = set(event.attributes) & set(run.attributes)
        assert {key: event.attributes[key] for key in same} == {key: run.attributes[key] for key in same} | {
            key: event.attributes[key] for key in (semconv.STARTED_AT,) if key in same
        }
        assert same >= {
            *(semconv.EXECUTION_ID, semconv.MESSAGING_MESSAGE_ID, semconv.CELERY_TASK_NAME, semconv.WORKER),
            *(
                semconv.BOOT_ID,
                semconv.QUEUE,
                semconv.RETRIES,
                semconv.FIRST_PUBLISHED_AT,
                semconv.RECEIVED_AT,
            ),
            *(semconv.PUBLISHED_AT, semconv.ROOT_ID, semconv.ROUTING_KEY, semconv.PRIORITY, semconv.APP),
        }
        assert semconv.ARGS not in event.attributes
        assert (event.trace_id, event.resource["service.name"]) == (publish.trace_id, "endings")
    assert started.attributes[semconv.PID] == run.attributes[semconv.PID]
    assert abs(started.attributes[semconv.STARTED_AT] - run.start_ns) < 1e9

    heartbeats = [event for event in events if event.name == semconv.EVENT_HEARTBEAT]
    during = [e for e in heartbeats if started.at_ns < e.at_ns < run.end_ns]
    assert len(during) >= 2
    assert all(e.attributes[semconv.WORKER_RUNNING] == execution for e in during)
    assert all(e.attributes[semconv.WORKER_RUNNING_COUNT] == 1 for e in during)
    assert last[semconv.WORKER_RUNNING] == ""
    assert last[semconv.WORKER_HELD] == held.attributes[semconv.EXECUTION_ID]
    assert (last[semconv.WORKER_POOL_SIZE], last[semconv.WORKER_VERSION]) == (1, __version__)
    assert last[semconv.WORKER_PREFETCH] >= 4
    assert last[semconv.WORKER_INTERVAL_MS] == 300
    assert {e.attributes[semconv.BOOT_ID] for e in workers_own} == {run.attributes[semconv.BOOT_ID]}
    assert {e.attributes[semconv.WORKER] for e in workers_own} == {"endings@tests"}


@pytest.mark.parametrize(
    "switch", [{"TASKMON_EVENTS": "false"}, {"OTEL_LOGS_EXPORTER": "none"}, {"OTEL_TRACES_EXPORTER": "none"}]
)
def test_events_can_be_switched_off(broker: Broker, tmp_path: Path, switch: dict[str, str]) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, **switch)
        with start_worker(tmp_path, environment, app=APP, name="endings", concurrency=1) as worker:
            task_id, lost = run_publisher(
                tmp_path, environment, "answer([own_fine.delay().id, killed.delay(1).id])", app=APP
            )
            if "OTEL_TRACES_EXPORTER" not in switch:
                (run,) = sink.wait_for_runs(lost, context=worker.output)
                assert run.state == "LOST"
                assert run.attributes[semconv.RECEIVED_AT] <= run.start_ns
            wait_until(lambda: f"[{task_id}] succeeded" in worker.output(), "its end", context=worker.output)
            assert worker.stop() == 0
        assert "/v1/logs" not in {request.path for request in sink.received}
        assert "OTEL_TRACES_EXPORTER" not in switch or sink.received == []


def test_the_tables_show_states_on_the_way_and_one_row_per_end(
    broker: Broker, store: Store, tmp_path: Path
) -> None:
    client = store.client()
    environment = worker_environment(own_database(broker), store.otlp_url, ENDINGS_PREFETCH="4")

    def state_of(task_id: str) -> str:
        rows = client.query(
            "SELECT state FROM otel.celery_tasks_latest WHERE task_id = {id:String}", {"id": task_id}
        ).result_rows
        return str(rows[0][0]) if rows else ""

    with start_worker(tmp_path, environment, app=APP, name="endings", concurrency=1) as worker:
        code = (
            "ids = {'runs': pause.apply_async((60,), time_limit=8, priority=3).id, 'waits': pause.delay(0).id}\n"
            "ids['expired'] = pause.apply_async((0,), expires=-1).id\n"
            "ids['unknown'] = app.send_task('a.b.c', queue='shop').id\nanswer(ids)"
        )
        ids = run_publisher(tmp_path, environment, code, app=APP)
        wait_until(lambda: state_of(ids["runs"]) == "STARTED", "STARTED", context=worker.output)
        wait_until(lambda: state_of(ids["waits"]) == "RECEIVED", "RECEIVED", context=worker.output)
        for label, state in (
            ("runs", "FAILURE"),
            ("waits", "SUCCESS"),
            ("expired", "EXPIRED"),
            ("unknown", "REJECTED"),
        ):
            wait_until(lambda: state_of(ids[label]) == state, f"{label} {state}", context=worker.output)  # noqa: B023
        with connect(store.url) as reader:
            assert queue_workers(reader, datetime.now(UTC)) == {"mails": 1, "shop": 1}
        worker.stop()
    with connect(store.url) as reader:
        gone = "the worker that said it goes to count no more"
        wait_until(lambda: queue_workers(reader, datetime.now(UTC)) == {}, gone, timeout=30)
    rows = client.query(
        """SELECT event, task_name, execution_id != '', retries, worker, boot_id != '', queue, trace_id != '', service,
                  host != '', attrs['taskmon.priority']
           FROM otel.celery_task_events FINAL WHERE task_id = {id:String} ORDER BY ts""",
        {"id": ids["runs"]},
    ).result_rows
    told = ("endings.tasks.pause", True, 0, "endings@tests", True, "shop", True, "endings", True, "3")
    assert [tuple(row) for row in rows] == [("received", *told), ("started", *told)]
    workers = client.query(
        """SELECT event, count(), countDistinct(boot_id), any(worker), any(attrs['taskmon.worker.pool_size'])
           FROM otel.celery_task_events FINAL WHERE task_id = '' AND event != 'offline' GROUP BY event ORDER BY event"""
    ).result_rows
    assert [(row[0], *row[2:]) for row in workers] == [
        ("heartbeat", 1, "endings@tests", "1"),
        ("online", 1, "endings@tests", "1"),
    ]
    runs = client.query(
        """SELECT task_id, state, reason, duration_ns IS NULL, is_error, args, exc_type, pid != 0
           FROM otel.celery_task_runs FINAL ORDER BY task_id"""
    ).result_rows
    limit, expired = "hard time limit (8 s) exceeded", "expired"
    assert sorted(map(tuple, runs)) == sorted(
        [
            (ids["runs"], "FAILURE", limit, False, 1, "[60]", "billiard.exceptions.TimeLimitExceeded", True),
            (ids["waits"], "SUCCESS", "", False, 0, "[0]", "", True),
            (ids["expired"], "EXPIRED", expired, True, 0, "[0]", "", False),
            (
                ids["unknown"],
                "REJECTED",
                "the task is not registered on this worker",
                True,
                0,
                "[]",
                "",
                False,
            ),
        ]
    )


def test_grpc_with_pool_processes_that_are_replaced(broker: Broker, tmp_path: Path) -> None:
    """The main process has sent over a connection of its own when it forks."""
    spans: list[Span] = []
    events: list[Event] = []

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(  # noqa: N802 - gRPC's name
            self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
        ) -> trace_service_pb2.ExportTraceServiceResponse:
            spans.extend(decode(request.SerializeToString()))
            return trace_service_pb2.ExportTraceServiceResponse()

    class Logs(logs_service_pb2_grpc.LogsServiceServicer):
        def Export(  # noqa: N802 - gRPC's name
            self, request: logs_service_pb2.ExportLogsServiceRequest, context: grpc.ServicerContext
        ) -> logs_service_pb2.ExportLogsServiceResponse:
            events.extend(decode_logs(request.SerializeToString()))
            return logs_service_pb2.ExportLogsServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(4))
    add_traces = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add_logs = logs_service_pb2_grpc.add_LogsServiceServicer_to_server
    add_traces(Traces(), server)  # type: ignore[no-untyped-call]
    add_logs(Logs(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        environment = worker_environment(
            own_database(broker), f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc"
        )
        more = ["--max-tasks-per-child=1"]
        with start_worker(tmp_path, environment, app=APP, name="endings", more=more) as worker:
            code = "answer([interrupted.delay().id, *(own_fine.delay().id for _ in range(10))])"
            lost, *fine = run_publisher(tmp_path, environment, code, app=APP)

            def ended() -> set[str]:
                return {span.task_id for span in list(spans) if span.state in ("SUCCESS", "LOST")}

            wait_until(lambda: ended() == {lost, *fine}, "all ends", context=worker.output)
            wait_until(
                lambda: sum(event.name == semconv.EVENT_STARTED for event in list(events)) == 11,
                "all starts",
                context=worker.output,
            )
    finally:
        server.stop(None).wait(5)


def test_publishers_send_no_events(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        run_publisher(tmp_path, environment, "answer(echo.delay(1).id)", app=SHOP)
        assert {request.path for request in sink.received} == {"/v1/traces"}
