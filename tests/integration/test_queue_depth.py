"""Sampling by real workers: gauges equal independent counts, one of two samples, and the other when that is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from redis import Redis

from otel_taskmon import broker as brokers
from otel_taskmon.demo.broker import Broker
from otel_taskmon.queue_depth import QueueDepth
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Child, free_port
from tests.support.queued_messages import message, push
from tests.support.store import running_store
from tests.support.waiting import wait_until
from tests.support.workers import start_worker, worker_environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Gauge = tuple[str, str, int, int]
"""Name, queue, value, time in ns."""


@pytest.fixture
def url(broker: Broker) -> str:
    return own_database(broker)


@pytest.fixture
def redis(url: str) -> Iterator[Redis]:
    with Redis.from_url(url) as client:
        yield client


class Kept:
    """What samplers emitted, by sampler."""

    def __init__(self) -> None:
        self.by: dict[str, list[Gauge]] = {}

    def of(self, name: str) -> Any:
        kept = self.by.setdefault(name, [])

        def emit(metric: str, value: int, said: Mapping[str, str], time_ns: int) -> None:
            kept.append((metric, said["messaging.destination.name"], value, time_ns))

        return emit


def sampler(url: str, kept: Kept, name: str, queues: set[str], interval_s: float = 0.2) -> QueueDepth:
    return QueueDepth(lambda: brokers.connect(url), lambda: queues, kept.of(name), interval_s)


def gauges(sink: OtlpSink) -> list[tuple[str, str, int]]:
    """(metric, queue, value) of all that arrived."""
    found = []
    for request in list(sink.received):
        if request.path != "/v1/metrics":
            continue
        for of_resource in ExportMetricsServiceRequest.FromString(request.body).resource_metrics:
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    for point in metric.gauge.data_points:
                        said = {one.key: one.value.string_value for one in point.attributes}
                        found.append((metric.name, said.get("messaging.destination.name", ""), point.as_int))
    return found


def test_samples_lie_between_independent_counts(url: str, redis: Redis) -> None:
    """Under load, within the least and the most that was counted around each sample; exact when idle."""
    counts: list[tuple[int, int]] = []
    ended, counted = threading.Event(), threading.Event()

    def churn() -> None:
        client = Redis.from_url(url)
        number = 0
        while not ended.is_set():
            number += 1
            key = ("q", "q\x06\x163", "q\x06\x169")[number % 3]
            client.lpush(key, message("a.b", "x"))
            if number % 3 == 0:
                client.rpop("q")

    def count() -> None:
        client = Redis.from_url(url)
        while not counted.is_set():
            with client.pipeline(transaction=True) as pipe:
                for key in ("q", "q\x06\x163", "q\x06\x169"):
                    pipe.llen(key)
                counts.append((sum(pipe.execute()), time.time_ns()))

    threads = [threading.Thread(target=churn), threading.Thread(target=count)]
    kept = Kept()
    sampling = sampler(url, kept, "one", {"q", "idle"}, interval_s=0.05)
    push(redis, "idle", [message("a.b", "x")] * 7)
    try:
        for thread in threads:
            thread.start()
        sampling.start()
        wait_until(lambda: len(depths_of(kept, "q")) > 100, "100 samples", timeout=60)
    finally:
        sampling.stop()
        ended.set()
        counted.set()
        for thread in threads:
            thread.join()
    for value, at in depths_of(kept, "q")[:100]:
        near = [n for n, when in counts if abs(when - at) <= 10**9]
        assert min(near) <= value <= max(near)
    assert {value for value, _ in depths_of(kept, "idle")} == {7}


def depths_of(kept: Kept, queue: str) -> list[tuple[int, int]]:
    return [
        (value, at)
        for metric, name, value, at in list(kept.by["one"])
        if (metric, name) == ("taskmon.queue.depth", queue)
    ]


def test_values_of_one_moment_have_one_time(url: str, redis: Redis) -> None:
    kept = Kept()
    now = time.time_ns()
    redis.lpush("q", message("a.b", "x", taskmon_published_at=now))
    sampling = sampler(url, kept, "one", {"q"}, interval_s=60)
    sampling.start()
    wait_until(lambda: len(kept.by["one"]) >= 3, "a sample")
    sampling.stop()
    found = kept.by["one"]
    assert len({at for *_, at in found}) == 1
    assert {(metric, value) for metric, _, value, _ in found} == {
        ("taskmon.queue.depth", 1), ("taskmon.queue.unacked", 0), ("taskmon.queue.oldest_at", now),
    }  # fmt: skip


def test_instrumentations_of_the_brokers_library_see_nothing_of_it(url: str, redis: Redis) -> None:
    kept, seen = Kept(), []

    def connect() -> Any:
        seen.append(is_instrumentation_enabled())
        return brokers.connect(url)

    sampling = QueueDepth(connect, lambda: {"q"}, kept.of("one"), 60)
    sampling.start()
    wait_until(lambda: kept.by["one"], "a sample")
    sampling.stop()
    assert seen == [False]
    assert is_instrumentation_enabled(), "the process's own calls are"


def test_one_of_two_counts_the_queues_of_both(url: str, redis: Redis) -> None:
    kept = Kept()
    first, second = sampler(url, kept, "first", {"a"}), sampler(url, kept, "second", {"b"})
    first.start()
    wait_until(lambda: kept.by["first"], "the first to sample")
    second.start()
    wait_until(
        lambda: any(name == "b" for _, name, *_ in kept.by["first"]), "the first to count the second's queue"
    )
    assert kept.by["second"] == []
    first.stop()
    wait_until(lambda: kept.by["second"], "the second to take over")
    second.stop()


def test_a_broker_that_comes_later_is_sampled_then(tmp_path: Path) -> None:
    from otel_taskmon.demo.broker import start_broker

    kept, port = Kept(), free_port()
    sampling = sampler(f"redis://127.0.0.1:{port}/0", kept, "one", {"q"})
    sampling.start()
    server = start_broker(tmp_path, port)
    try:
        wait_until(lambda: kept.by["one"], "a sample")
    finally:
        sampling.stop()
        server.stop()


def test_real_workers_and_the_next_when_the_holder_is_killed(url: str, redis: Redis, tmp_path: Path) -> None:
    push(redis, "quiet", [message("a.b", "x")] * 3)
    with OtlpSink() as sink:
        environment = worker_environment(url, sink.url, TASKMON_QUEUE_DEPTH_INTERVAL_S="0.5")
        workers: list[Child] = []
        try:
            for pool, queues in (("gevent", "shop"), ("prefork", "shop,quiet-not-consumed,mails")):
                redis.lpush("quiet-not-consumed", message("unknown.task", "x"))
                redis.delete("quiet-not-consumed")
                workers.append(
                    start_worker(tmp_path, environment, pool=pool, name=f"w{len(workers)}", queues=queues)
                )
                if len(workers) == 1:
                    wait_until(lambda: gauges(sink), "the first worker's samples", context=workers[0].output)
            holder = redis.get("taskmon.lease.queue_depth")
            assert holder
            wait_until(
                lambda: {"shop", "mails", "quiet-not-consumed"} <= {queue for _, queue, _ in gauges(sink)},
                "the queues of both workers",
                context=workers[1].output,
            )
            assert redis.get("taskmon.lease.queue_depth") == holder, "still the first one's"
            workers[0].signal(SIGKILL)
            killed = time.monotonic()
            wait_until(
                lambda: redis.get("taskmon.lease.queue_depth") not in (None, holder),
                "another holder",
                timeout=30,
            )
            took = time.monotonic() - killed
            count = len(gauges(sink))
            wait_until(lambda: len(gauges(sink)) > count, "samples of the other", context=workers[1].output)
            print(f"replaced after {took:.2f} s at an interval of 0.5 s")
        finally:
            for worker in workers:
                worker.stop()


def test_samples_become_rows_of_the_table(url: str, redis: Redis, tmp_path: Path) -> None:
    published = time.time_ns() - 5 * 10**9
    push(redis, "mails", [message("a.b", "x", taskmon_published_at=published), message("a.b", "y")])
    with running_store(tmp_path) as store:
        environment = worker_environment(url, store.otlp_url, TASKMON_QUEUE_DEPTH_INTERVAL_S="0.5")
        with (
            start_worker(tmp_path, environment, pool="solo", queues="shop") as worker,
            store.client() as client,
        ):

            def rows() -> Any:
                return client.query(
                    "SELECT broker, queue, depth, unacked, consumers, toUnixTimestamp64Micro(oldest_at) "
                    "FROM otel.celery_queue_depth FINAL ORDER BY ts DESC, queue LIMIT 2"
                ).result_rows

            expected = [
                ("redis", "mails", 2, 0, None, published // 1000),
                ("redis", "shop", 0, 0, None, None),
            ]
            wait_until(lambda: rows() == expected, "both queues in the table", context=worker.output)


def test_switched_off(url: str, redis: Redis, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(url, sink.url, TASKMON_QUEUE_DEPTH="false")
        with start_worker(tmp_path, environment, pool="solo") as worker:
            wait_until(lambda: sink.received, "the worker's first event", context=worker.output)
            assert redis.keys("taskmon.*") == []
