"""A real worker, the real Collector, the real store; and OTLP that must not hold the pipeline up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_taskmon.demo.broker import Broker
from tests.support.collector import BUILD_TIMEOUT, TOKEN, Collector, collector_program, new_collector
from tests.support.databases import own_database
from tests.support.http import basic, post
from tests.support.otlp_requests import run_spans
from tests.support.store import Store, running_store
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(BUILD_TIMEOUT + 180)]

DAY_NS = 86_400_000_000_000
IN_2200 = 84_006 * DAY_NS
"""2200-01-01."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    collector_program()
    with running_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def collector(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    collector = new_collector(tmp_path_factory.mktemp("collector"), store.url, store.ingest_password)
    collector.start()
    yield collector
    collector.stop()


def fetch(store: Store, sql: str) -> list[list[Any]]:
    answer = post(store.url, f"{sql} FORMAT JSONCompact", output_format_json_quote_64bit_integers="0")
    assert answer.status == 200, answer.data
    rows: list[list[Any]] = answer.json()["data"]
    return rows


def wait_for_rows(store: Store, collector: Collector, sql: str, expected: list[list[Any]]) -> None:
    def same() -> bool:
        rows.append(fetch(store, sql))
        return rows[-1] == expected

    rows: list[list[list[Any]]] = []
    wait_until(
        same,
        f"{expected} from {sql}",
        timeout=30,
        context=lambda: f"{rows[-1]}\n{collector.child.output()[-4000:]}",
    )


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_workers_tasks_arrive_each_once_with_their_events(
    store: Store, collector: Collector, broker: Broker, tmp_path: Path, protocol: str
) -> None:
    name = protocol.replace("/", "-")
    url = collector.url if name != "grpc" else f"http://127.0.0.1:{collector.grpc_port}"
    environment = worker_environment(
        own_database(broker),
        url,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer%20{TOKEN}",
        OTEL_SERVICE_NAME=name,
        TASKMON_OUTBOX_DIR=str(tmp_path / "outbox"),
    )
    publish = "rs = [add.delay(n, 1) for n in range(40)]\n[r.get(20) for r in rs]\nanswer([r.id for r in rs])"
    with start_worker(tmp_path, environment, name=name) as worker:
        ids = run_publisher(tmp_path, environment, publish)
        where = f"WHERE service = '{name}'"
        counts = f"""
            SELECT (SELECT count() FROM otel.otel_traces WHERE ServiceName = '{name}'),
                (SELECT count() FROM otel.celery_task_runs {where}),
                (SELECT count() FROM otel.celery_task_sends {where}),
                (SELECT count() FROM otel.celery_task_events {where} AND event = 'received'),
                (SELECT count() FROM otel.celery_task_events {where} AND event = 'started')"""
        wait_for_rows(store, collector, counts, [[80, 40, 40, 40, 40]])
        latest = f"SELECT task_id, state, executions FROM otel.celery_tasks_latest {where} ORDER BY task_id"
        wait_for_rows(store, collector, latest, [[task_id, "SUCCESS", 1] for task_id in sorted(ids)])
        assert fetch(store, f"SELECT DISTINCT worker FROM otel.celery_task_runs {where}") == [
            [f"{name}@tests"]
        ]
        assert worker.running()


def every_kind_of_metric(service: str) -> ExportMetricsServiceRequest:
    """One point of each kind, and metrics that no table can hold: one without data, one without points."""
    request = ExportMetricsServiceRequest()
    of_resource = request.resource_metrics.add()
    of_resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    metrics = of_resource.scope_metrics.add().metrics
    now = time.time_ns()
    metrics.add(name="gauge").gauge.data_points.add(time_unix_nano=now, as_int=7)
    metrics.add(name="sum").sum.data_points.add(time_unix_nano=now, as_double=1.5)
    metrics.add(name="histogram").histogram.data_points.add(time_unix_nano=now, count=2, bucket_counts=[2])
    exponential = metrics.add(name="exponential").exponential_histogram.data_points
    exponential.add(time_unix_nano=now, count=3).positive.bucket_counts.append(3)
    metrics.add(name="summary").summary.data_points.add(time_unix_nano=now, count=4)
    metrics.add(name="without data")
    metrics.add(name="without points").gauge.SetInParent()
    return request


def test_every_kind_of_metric_arrives_and_one_without_data_holds_up_nothing(
    store: Store, collector: Collector
) -> None:
    assert collector.send("/v1/metrics", every_kind_of_metric("kinds").SerializeToString()).status == 200
    tables = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    parts = (
        f"SELECT MetricName FROM otel.otel_metrics_{table} WHERE ServiceName = 'kinds'" for table in tables
    )
    wait_for_rows(
        store,
        collector,
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY 1",
        [["exponential"], ["gauge"], ["histogram"], ["sum"], ["summary"]],
    )
    wait_until(lambda: not collector.waiting(), "an empty queue", context=collector.child.output)


def test_a_span_of_1970_and_one_of_2200_are_kept_and_hold_up_nothing(
    store: Store, collector: Collector
) -> None:
    first = 1_000_000
    request = run_spans(first, 100)
    old, future = request.resource_spans[0].scope_spans[0].spans[:2]
    old.start_time_unix_nano, old.end_time_unix_nano = 1_000, 6_000
    future.start_time_unix_nano, future.end_time_unix_nano = IN_2200, IN_2200 + 7_000
    began = time.time_ns()
    assert collector.send("/v1/traces", request.SerializeToString()).status == 200
    mine = f"SpanId BETWEEN '{first + 1:016x}' AND '{first + 100:016x}'"
    wait_for_rows(
        store,
        collector,
        f"""SELECT Duration, SpanAttributes['taskmon.clock.original_ns'],
                toUnixTimestamp64Nano(Timestamp) BETWEEN {began} AND {began} + 60000000000
            FROM otel.otel_traces WHERE {mine} AND mapContains(SpanAttributes, 'taskmon.clock.original_ns')
            ORDER BY Duration""",
        [[5_000, "1000", 1], [7_000, str(IN_2200), 1]],
    )
    wait_for_rows(store, collector, f"SELECT count() FROM otel.otel_traces WHERE {mine}", [[100]])
    runs = f"toUInt32OrZero(substring(task_id, 6)) BETWEEN {first} AND {first + 99}"
    # a raw row can be seen a moment before what is derived from it
    wait_for_rows(store, collector, f"SELECT count() FROM otel.celery_task_runs FINAL WHERE {runs}", [[100]])
    days = fetch(store, "SELECT DISTINCT toYear(Timestamp) FROM otel.otel_traces")
    assert days == [[time.gmtime().tm_year]]


def test_what_a_worker_did_not_mask_is_masked_here(store: Store, collector: Collector) -> None:
    first = 2_000_000
    request = run_spans(first, 1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    secrets = {
        "http.request.header.authorization": "Basic Zm9vOmJhcg==",
        "celery.note": "from amqp://me:hunter2@broker/ and eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    }
    for key, value in secrets.items():
        span.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    span.status.message = "LoginError: password='hunter2' at https://me:hunter2@api/"
    span.events.add(name="exception").attributes.append(
        KeyValue(key="exception.message", value=AnyValue(string_value="redis://:hunter2@cache/0 is down"))
    )
    assert collector.send("/v1/traces", request.SerializeToString()).status == 200
    wait_for_rows(
        store,
        collector,
        f"""SELECT SpanAttributes['http.request.header.authorization'], SpanAttributes['celery.note'],
                StatusMessage, Events.Attributes[1]['exception.message']
            FROM otel.otel_traces WHERE SpanId = '{first + 1:016x}'""",
        [
            [
                "****",
                "from ****broker/ and ****",
                "LoginError: password=**** at https://****@api/",
                "****cache/0 is down",
            ]
        ],
    )


def test_a_wrong_token_is_refused_and_told(collector: Collector) -> None:
    body = run_spans(3_000_000, 1).SerializeToString()
    for token in ("wrong", ""):
        answer = collector.send("/v1/traces", body, token=token)
        assert answer.status == 401
        assert b"authori" in answer.body.lower() or b"missing" in answer.body.lower(), answer.body


def test_a_wrong_password_is_told_on_both_sides_and_loses_nothing(store: Store, tmp_path: Path) -> None:
    first = 4_000_000
    collector = new_collector(tmp_path / "collector", store.url, "not-the-password")
    collector.start()
    try:
        assert collector.send("/v1/traces", run_spans(first, 10).SerializeToString()).status == 200
        collector.child.wait_for_output("ingest: Authentication failed: password is incorrect")
        assert collector.waiting() == 10
        refused = post(store.url, "SELECT 1", headers=basic("ingest", "not-the-password"))
        assert (refused.status, b"Authentication failed" in refused.data) == (401, True)
        collector.child.stop()
        collector.environment["CLICKHOUSE_PASSWORD"] = store.ingest_password
        collector.start()
        wait_for_rows(
            store,
            collector,
            f"SELECT count() FROM otel.otel_traces WHERE SpanId BETWEEN '{first + 1:016x}' AND '{first + 10:016x}'",
            [[10]],
        )
    finally:
        collector.stop()
