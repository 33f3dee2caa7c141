"""The outbox in real workers and publishers: kills, cold ends, forks, beat, a full outbox, TLS."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from otel_taskmon.outbox import Signal, list_folders
from tests.support.certificates import self_signed, server_context
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink, decode
from tests.support.outbox_sink import GrpcSink, HttpSink
from tests.support.processes import Child
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, with_outbox, worker_environment

pytestmark = pytest.mark.integration

RUN_20 = "rs = [add.delay(n, 1) for n in range(20)]\n[r.get(20) for r in rs]\nanswer([r.id for r in rs])"
LATE = {"TASKMON_EXPORT_INTERVAL_MS": "60000", "TASKMON_FLUSH_TIMEOUT_S": "10"}
"""Nothing is sent but at the end; and that has time enough on a busy machine."""


def waiting_records(folder: Path) -> int:
    return sum(status.records for status in list_folders(folder / "outbox"))


def test_a_killed_pool_process_loses_nothing_that_it_finished(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, **LATE)
        with start_worker(tmp_path, environment, concurrency=1) as worker:
            ids = run_publisher(tmp_path, environment, RUN_20)
            wait_until(lambda: worker.output().count("succeeded in") == 20, "20 ends", context=worker.output)
            (pool,) = [one for one in psutil.Process(worker.pid).children() if one.name() != "sh"]
            pool.send_signal(signal.SIGKILL)
            wait_until(lambda: "exited with 'signal 9" in worker.output(), "its end", context=worker.output)
            assert worker.stop() == 0
        assert sorted(run.task_id for run in sink.runs()) == sorted(ids)
        assert waiting_records(tmp_path) == 0


def test_what_a_killed_main_process_left_is_sent_by_the_next_worker(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, {**environment, **LATE}, concurrency=1) as worker:
            ids = run_publisher(tmp_path, environment, RUN_20)
            wait_until(lambda: worker.output().count("succeeded in") == 20, "20 ends", context=worker.output)
            worker.stop(signal.SIGKILL)
        assert sink.runs() == []
        with start_worker(tmp_path, environment, concurrency=1) as worker:
            for task_id in ids:
                sink.wait_for_runs(task_id, context=worker.output)
            worker.stop()
        assert sorted(run.task_id for run in sink.runs()) == sorted(ids)
        online = [event.attributes[semconv.BOOT_ID] for event in sink.events(semconv.EVENT_ONLINE)]
        assert len(set(online)) == 2
        assert {run.attributes[semconv.BOOT_ID] for run in sink.runs()} == {online[0]}


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_cold_shutdown_sends_what_is_left(broker: Broker, tmp_path: Path, pool: str) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, **LATE)
        # an older Celery with threads that has taken all it may take looks for more every five seconds only
        more = ["--prefetch-multiplier=20"]
        with start_worker(tmp_path, environment, pool=pool, concurrency=1, more=more) as worker:
            ids = run_publisher(tmp_path, environment, RUN_20)
            wait_until(lambda: worker.output().count("succeeded in") == 20, "20 ends", context=worker.output)
            worker.stop(signal.SIGQUIT)
        assert sorted(run.task_id for run in sink.runs()) == sorted(ids), worker.output()
        assert len(sink.events(semconv.EVENT_OFFLINE)) == 1


FORKS = """
import os, sys
ids = [echo.delay("before").id]
inside, out = os.pipe()
child = os.fork()
if child == 0:
    os.write(out, echo.delay("forked").id.encode())
    sys.exit(0)
os.waitpid(child, 0)
answer([*ids, os.read(inside, 100).decode(), echo.delay("after").id])
"""


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_publishers_that_fork(broker: Broker, tmp_path: Path, protocol: str) -> None:
    """As a forking web server does. Over gRPC the parent may have to ship for what it forked."""
    with HttpSink() if protocol == "http/protobuf" else GrpcSink() as sink:
        environment = worker_environment(
            own_database(broker),
            sink.url,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            TASKMON_FLUSH_TIMEOUT_S="20",  # each process imports gRPC for itself, however busy the machine is
        )
        ids = run_publisher(tmp_path, environment, FORKS)
        spans = [
            span
            for request, _ in sink.requests
            if request.signal is Signal.TRACES
            for span in decode(request.body)
        ]
    said = "".join(log.read_text() for log in tmp_path.glob("publish-*.log"))
    assert waiting_records(tmp_path) == 0, said
    assert sorted(span.task_id for span in spans) == sorted(ids), said


@pytest.mark.parametrize("embedded", [False, True])
def test_beat(broker: Broker, tmp_path: Path, embedded: bool) -> None:
    """By itself it is a publisher; inside a worker (-B) it only writes, and the main process ships."""
    with OtlpSink() as sink:
        environment = with_outbox(tmp_path, worker_environment(own_database(broker), sink.url))
        part = ["worker", "-B", "-P", "prefork", "-c", "1", "-Q", "bare"] if embedded else ["beat"]
        args = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "tests.apps.beat",
            *part,
            "-s",
            str(tmp_path / "schedule"),
        ]
        with Child([*args, "-l", "INFO"], tmp_path / "beat.log", env=environment) as beat:
            wait_until(lambda: len(sink.publishes()) >= 3, "three ticks", context=beat.output)
            if embedded:
                wait_until(lambda: len(sink.runs()) >= 2, "two runs", context=beat.output)
            beat.stop()
        sent = beat.output().count("Sending due task tick")
        # beat says so before it sends: its last word may be of a publish that the signal cut off
        assert sent - 1 <= len(sink.publishes()) + waiting_records(tmp_path) <= sent


def span_ids(sink: OtlpSink) -> set[str]:
    """Of all spans that were taken."""
    return {span.span_id for one in sink.received if one.path == "/v1/traces" for span in decode(one.body)}


def overflowed(sink: OtlpSink) -> int:
    """Spans that were lost for lack of room, as told: the last word of each boot."""
    told: dict[str, int] = {}
    for one in list(sink.received):
        if one.path != "/v1/metrics":
            continue
        for resource in ExportMetricsServiceRequest.FromString(one.body).resource_metrics:
            for metric in resource.scope_metrics[0].metrics:
                assert metric.name == semconv.DROPPED
                for point in metric.sum.data_points:
                    said = {a.key: a.value.string_value for a in point.attributes}
                    if (said[semconv.SIGNAL], said[semconv.REASON]) == ("traces", "overflow"):
                        told[said[semconv.BOOT_ID]] = point.as_int
    return sum(told.values())


def test_what_overflows_is_counted_and_told(broker: Broker, tmp_path: Path) -> None:
    """Ten times what may wait, while nobody takes it: the oldest come, and the number of the others."""
    up = False

    with OtlpSink(answer=lambda: 200 if up else 503) as sink:
        environment = worker_environment(own_database(broker), sink.url, TASKMON_OUTBOX_MAX_BYTES="1048576")
        mark = tmp_path / "published"
        code = (
            "import pathlib, time\n"
            "for n in range(300): echo.delay('x' * 8000, kwarg='y' * 8000, n=n)\n"
            f"pathlib.Path({str(mark)!r}).touch()\n"
            f"while not pathlib.Path({str(mark)!r} + '.go').exists(): time.sleep(0.05)\n"
        )
        script = tmp_path / "publish.py"
        script.write_text(f"from tests.apps.shop import *\n{code}")
        args = [sys.executable, "-c", f"import runpy; runpy.run_path({str(script)!r})"]
        with Child(args, tmp_path / "publish.log", env=with_outbox(tmp_path, environment)) as publisher:
            wait_until(mark.exists, "300 publishes", context=publisher.output)
            up = True

            wait_until(lambda: overflowed(sink), "the count", context=publisher.output)
            (tmp_path / "published.go").touch()
            assert publisher.process.wait(30) == 0
        lost, names = overflowed(sink), span_ids(sink)
        assert lost > 100
        assert len(names) + lost == 300
        assert "holds as much as it may" in publisher.output()


def test_what_overflowed_in_a_program_that_has_ended_is_told_all_the_same(
    broker: Broker, tmp_path: Path
) -> None:
    up = False
    # after the first half the word of its loss takes what room is left
    publish = """
from otel_taskmon.outbox import outbox
from tests.support.waiting import wait_until
for half in range(2):
    for n in range(1000): echo.delay("x" * 500, n=n)
    (box,) = outbox._all
    wait_until(lambda: box.lost()["traces"] == box._writer.lost[0] > 0, "the thread to count all losses")
"""
    with OtlpSink(answer=lambda: 200 if up else 503) as sink:
        environment = worker_environment(own_database(broker), sink.url, TASKMON_OUTBOX_MAX_BYTES="1048576")
        run_publisher(tmp_path, environment, publish)
        up = True
        go = tmp_path / "go"
        waiting = (
            "import pathlib\nfrom tests.support.waiting import wait_until\necho.delay()\n"
            f"wait_until(pathlib.Path({str(go)!r}).exists, 'the word to end', timeout=60)"
        )
        with Child(
            [sys.executable, "-c", f"from tests.apps.shop import *\n{waiting}"],
            tmp_path / "next.log",
            env=with_outbox(tmp_path, environment),
        ) as publisher:
            wait_until(
                lambda: len(span_ids(sink)) + overflowed(sink) == 2001,
                "all 2001 publishes, taken or told as lost",
                timeout=30,
                context=lambda: f"{len(span_ids(sink))} taken, {overflowed(sink)} lost\n{publisher.output()}",
            )
            go.touch()
            assert publisher.process.wait(30) == 0
        assert overflowed(sink) > 300


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_tls_headers_and_compression_are_the_environments(
    broker: Broker, tmp_path: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # the requests library puts these before a session's own
    key, certificate = self_signed(tmp_path)
    sink: HttpSink | GrpcSink
    if protocol == "grpc":
        sink = GrpcSink()
        sink.certificate = (key.read_bytes(), certificate.read_bytes())
    else:
        sink = HttpSink()
        sink.tls = server_context(key, certificate)
    environment = worker_environment(
        own_database(broker),
        sink.url,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_CERTIFICATE=str(certificate),
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Basic%20abc",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
    )
    with sink, start_worker(tmp_path, environment) as worker:
        task_id = run_publisher(tmp_path, environment, "answer(echo.delay(1).id)")
        wait_until(
            lambda: sink.names()["run/shop.tasks.echo"] and sink.names(Signal.LOGS)[semconv.EVENT_STARTED],
            f"the run of {task_id}",
            context=worker.output,
        )
        assert worker.stop() == 0
    assert {request.headers["authorization"] for request, _ in sink.requests} == {"Basic abc"}
    if protocol != "grpc":  # gRPC's library decompresses before anybody can look
        assert {request.headers["content-encoding"] for request, _ in sink.requests} == {"gzip"}
    assert [path.name for path in (tmp_path / "outbox").iterdir()] in ([], ["usage"])
