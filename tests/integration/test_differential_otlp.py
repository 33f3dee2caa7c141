"""The same OTLP bytes through the real Collector and through our receiver: equal rows, column for column."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from otel_taskmon.demo.broker import Broker
from tests.support import otlp_strategies as otlp
from tests.support.both_ways import COLLECTED, RECEIVED, TABLES, BothWays, both_ways
from tests.support.collector import BUILD_TIMEOUT, collector_program
from tests.support.databases import own_database
from tests.support.http import post
from tests.support.otlp_sink import OtlpSink
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(BUILD_TIMEOUT + 180)]

METRICS = [table for table in TABLES if "metrics" in table]
PUBLISH = """
kept = [echo.delay({"text": "日本語 <&>", "numbers": [1, 2.5, None, True], "long": "x" * 5000})]
kept += [echo.delay(None), add.delay(1, 2), mail.delay("to", subject="hi")]
kept += [add.si(3, 4).apply_async(countdown=0.2), add.delay("a", 1)]
kept.append(group(add.s(n, n) for n in range(10)).apply_async())
answer([r.id for r in kept[:-1]] + [r.id for r in kept[-1].results])
"""
numbers = itertools.count()
Requests = Callable[[str], st.SearchStrategy[Any]]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BothWays]:
    collector_program()
    with both_ways(tmp_path_factory.mktemp("both")) as ways:
        yield ways
        print("rows compared, all equal:", dict(ways.compared))


@pytest.mark.parametrize(
    ("path", "requests", "tables"),
    [
        ("/v1/traces", otlp.trace_requests, ["otel_traces"]),
        ("/v1/logs", otlp.log_requests, ["otel_logs"]),
        ("/v1/metrics", otlp.metric_requests, METRICS),
    ],
)
def test_generated_requests_give_equal_rows(
    ways: BothWays, path: str, requests: Requests, tables: list[str]
) -> None:
    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # shrinking would go through both senders hundreds of times
    )
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        service = f"generated-{next(numbers)}"
        request: Message = data.draw(requests(service))
        ways.send(path, request.SerializeToString())
        ways.compare(f"ServiceName = '{service}'", tables=tables, timeout=30)

    check()


def test_what_real_workers_sent_gives_equal_rows(ways: BothWays, broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(
            own_database(broker),
            sink.url,
            OTEL_SERVICE_NAME="recorded",
            TASKMON_OUTBOX_DIR=str(tmp_path / "outbox"),
        )
        with start_worker(tmp_path, environment, name="recorded") as worker:
            ids = run_publisher(tmp_path, environment, PUBLISH)
            for task_id in ids:
                sink.wait_for_runs(task_id, context=worker.output)
        requests = {(request.path, request.body) for request in sink.received}
    for path, body in sorted(requests):
        ways.send(path, body)
    equal = ways.compare("ServiceName = 'recorded'")
    print("recorded from workers:", dict(equal))
    assert equal["otel_traces"] >= 2 * len(ids)
    assert equal["otel_logs"] >= 2 * len(ids)


def test_the_differences_that_remain_are_those_of_the_readme(ways: BothWays) -> None:
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.append(text("service.name", "different"))
    span = of_resource.scope_spans.add().spans.add(start_time_unix_nano=time.time_ns(), name="x-here")
    numbers = ArrayValue(values=[AnyValue(double_value=math.nan), AnyValue(int_value=7)])
    span.attributes.append(KeyValue(key="numbers", value=AnyValue(array_value=numbers)))
    ways.send("/v1/traces", request.SerializeToString().replace(b"x-here", b"\xff-here"))
    shown = "SELECT SpanAttributes['numbers'], hex(SpanName) FROM otel.otel_traces WHERE ServiceName = 'different' AND "

    def one(select: str, where: str) -> list[str]:
        return post(ways.store.url, select + where).data.decode().rstrip("\n").split("\t")

    wait_until(
        lambda: len(one(shown, COLLECTED)) == 2, "the Collector's row", context=ways.collector.child.output
    )
    assert one(shown, RECEIVED) == ['["NaN",7]', "\ufffd-here".encode().hex().upper()]
    assert one(shown, COLLECTED) == ["", b"\xff-here".hex().upper()]

    summaries = ExportMetricsServiceRequest()
    measured = summaries.resource_metrics.add()
    measured.resource.attributes.append(text("service.name", "different"))
    metric = measured.scope_metrics.add().metrics.add(name="zeros")
    point = metric.summary.data_points.add(time_unix_nano=time.time_ns(), sum=-0.0)
    point.quantile_values.add(quantile=0.5, value=-0.0)
    ways.send("/v1/metrics", summaries.SerializeToString())
    sums = "SELECT Sum, ValueAtQuantiles.Value FROM otel.otel_metrics_summary WHERE ServiceName = 'different' AND "
    wait_until(
        lambda: len(one(sums, COLLECTED)) == 2, "the Collector's point", context=ways.collector.child.output
    )
    assert one(sums, RECEIVED) == ["-0", "[-0]"]
    assert one(sums, COLLECTED) == ["0", "[0]"]


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
