"""Spans per second and CPU per span: our receiver, the real Collector, and raw ``otel_traces`` alone.

Spans of real workers are recorded once (publish and run spans of a small shop's tasks) and multiplied into batches with
ids of their own. In each round every way gets the same number of new batches in turn, on stores that live through all
rounds: ``ours`` and ``collector`` fill all tables, ``raw`` is our receiver with every view taken away. Time is from
the first request until the rows are in the table; CPU is that of the store (and of the Collector), merges included.
Trust CPU per span and the ratios where the machine is shared.

    python -m bench.ingest [--rounds 3] [--batches 8] [--spans 5000] [--senders 4]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import start_broker
from tests.support.collector import Collector, new_collector
from tests.support.http import post
from tests.support.otlp_requests import Answer, send
from tests.support.otlp_sink import OtlpSink
from tests.support.store import Store, running_store
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

TASKS = 300
DEADLINE_S = 300.0
LOAD = f"""
answer([add.delay(n, 1).id for n in range({TASKS} // 3)]
    + [echo.delay({{"order": n, "items": ["book", "pen"], "note": "call"}}).id for n in range({TASKS} // 3)]
    + [mail.delay("someone@example.com", subject="Your order", order=n).id for n in range({TASKS} // 3)])
"""
_IDS = frozenset({semconv.MESSAGING_MESSAGE_ID, semconv.EXECUTION_ID, semconv.ROOT_ID})


def record(directory: Path) -> list[ExportTraceServiceRequest]:
    """What a real worker and publisher send for ``TASKS`` tasks."""
    broker = start_broker(directory)
    try:
        with OtlpSink() as sink:
            environment = worker_environment(
                broker.url, sink.url, TASKMON_OUTBOX_DIR=str(directory / "outbox"), OTEL_SERVICE_NAME="shop"
            )
            with start_worker(directory, environment) as worker:
                run_publisher(directory, environment, LOAD)
                wait_until(
                    lambda: len(sink.runs()) >= TASKS, "the runs", timeout=DEADLINE_S, context=worker.output
                )
            bodies = [request.body for request in sink.received if request.path.endswith("/v1/traces")]
    finally:
        broker.stop()
    return [ExportTraceServiceRequest.FromString(body) for body in bodies]


def multiply(recorded: Sequence[ExportTraceServiceRequest], spans: int) -> bytes:
    """A request of ``spans`` spans with new ids; spans of one trace stay together, and its times are now."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().resource.CopyFrom(recorded[0].resource_spans[0].resource)
    scope = request.resource_spans[0].scope_spans.add()
    originals = [
        span
        for each in recorded
        for of_resource in each.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]
    now = time.time_ns()
    while len(scope.spans) < spans:
        salt = os.urandom(6)
        suffix = salt.hex()
        for original in originals[: spans - len(scope.spans)]:
            span = scope.spans.add()
            span.CopyFrom(original)
            length_ns = original.end_time_unix_nano - original.start_time_unix_nano
            span.trace_id, span.span_id = salt + original.trace_id[6:], salt + os.urandom(2)
            span.start_time_unix_nano, span.end_time_unix_nano = now, now + length_ns
            for pair in span.attributes:
                if pair.key in _IDS:
                    pair.value.string_value = f"{pair.value.string_value[:-12]}{suffix}"
    return request.SerializeToString()


@dataclass
class Way:
    """One way into a store; ``processes`` are those whose CPU counts."""

    name: str
    store: Store
    deliver: Callable[[bytes], Answer]
    processes: Sequence[psutil.Process]
    rates: list[float] = field(default_factory=list)
    cpu_us: list[list[float]] = field(default_factory=list)
    parts_us: list[tuple[float, ...]] = field(default_factory=list)
    own_mb: list[float] = field(default_factory=list)
    mapped_mb: float = 0

    def run(self, bodies: Sequence[bytes], spans: int, senders: int) -> None:
        """Deliver all, wait until the rows are there, and note what it took."""
        before = rows(self.store)
        cpu = [cpu_s(process) for process in self.processes]
        parts = parts_s(self.processes[0])
        began = time.monotonic()
        with ThreadPoolExecutor(senders) as pool:
            for answer in pool.map(self.until_taken, bodies):
                assert answer.status == 200, answer.body
        wait_until(
            lambda: rows(self.store) - before >= spans, f"{spans} spans", timeout=DEADLINE_S, interval=0.02
        )
        took = time.monotonic() - began
        self.rates.append(spans / took)
        spent = [cpu_s(process) - was for process, was in zip(self.processes, cpu, strict=True)]
        self.cpu_us.append([seconds / spans * 1e6 for seconds in spent])
        spent_on = zip(parts_s(self.processes[0]), parts, strict=True)
        self.parts_us.append(tuple((now - was) / spans * 1e6 for now, was in spent_on))
        memory = self.processes[0].memory_info()
        self.own_mb.append((memory.rss - memory.shared) / 1e6)
        self.mapped_mb = memory.shared / 1e6

    def until_taken(self, body: bytes) -> Answer:
        answer = self.deliver(body)
        while answer.status == 503:  # told to try again: as a sender does
            answer = self.deliver(body)
        return answer

    def report(self) -> str:
        cpu = [statistics.median(column) for column in zip(*self.cpu_us, strict=True)]
        parts = " + ".join(f"{each:.1f}" for each in cpu)
        memory = " ".join(f"{each:.0f}" for each in self.own_mb)
        rates = f"{statistics.median(self.rates):9,.0f} [{min(self.rates):7,.0f} … {max(self.rates):7,.0f}]"
        return f"{self.name:<12}{rates}  {sum(cpu):9.1f}  = {parts:<14} {1e6 / sum(cpu):12,.0f}   {memory}"

    def where(self) -> str:
        """What the store spends per span: mean of all rounds, since merges come in some and not in others."""
        python, merging, engine = (statistics.fmean(column) for column in zip(*self.parts_us, strict=True))
        return (
            f"{self.name:<12}Python {python:5.1f}   inserts and views {engine:5.1f}   merges {merging:5.1f}"
        )


def rows(store: Store) -> int:
    return int(post(store.url, "SELECT count() FROM otel.otel_traces").data)


def cpu_s(process: psutil.Process) -> float:
    """On-CPU seconds of all its threads so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def parts_s(process: psutil.Process) -> tuple[float, float, float]:
    """On-CPU seconds of the threads that run Python, of those that merge, and of the engine's others, told by name."""
    python = merging = engine = 0.0
    for thread in process.threads():
        try:
            name = Path(f"/proc/{process.pid}/task/{thread.id}/comm").read_text().strip()
        except FileNotFoundError:
            continue  # it has just ended
        spent = thread.user_time + thread.system_time
        if name.startswith("python"):
            python += spent
        elif name == "MergeMutate":
            merging += spent
        else:
            engine += spent
    return python, merging, engine


def without_views(store: Store) -> None:
    """Leave only the raw table."""
    with store.client("admin") as admin:
        views = "SELECT name FROM system.tables WHERE database = 'otel' AND engine = 'MaterializedView'"
        for (name,) in admin.query(views).result_rows:
            admin.command("DROP VIEW otel.{name:Identifier}", parameters={"name": name})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=8, help="requests per way and round")
    parser.add_argument("--spans", type=int, default=5000, help="spans per request")
    parser.add_argument("--senders", type=int, default=4, help="requests at a time")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="taskmon-bench-") as folder:
        directory = Path(folder)
        print(f"recording {TASKS} tasks of a real worker …", flush=True)
        recorded = record(directory)
        for name in ("all", "raw"):
            (directory / name).mkdir()
        with running_store(directory / "all") as full, running_store(directory / "raw") as raw:
            without_views(raw)
            collector = new_collector(directory / "collector", full.url, full.ingest_password)
            collector.start()
            try:
                measure(wanted, recorded, ways(full, raw, collector))
            finally:
                collector.stop()


def ways(full: Store, raw: Store, collector: Collector) -> list[Way]:
    store, alone = psutil.Process(full.child.pid), psutil.Process(raw.child.pid)
    middle = psutil.Process(collector.child.pid)
    return [
        Way("ours", full, lambda body: send(full.otlp_http_port, body), [store]),
        Way("collector", full, lambda body: collector.send("/v1/traces", body), [store, middle]),
        Way("raw", raw, lambda body: send(raw.otlp_http_port, body), [alone]),
    ]


def measure(
    wanted: argparse.Namespace, recorded: Sequence[ExportTraceServiceRequest], all_ways: list[Way]
) -> None:
    spans = wanted.batches * wanted.spans
    size = 0
    for number in range(wanted.rounds + 1):
        for way in all_ways if number % 2 else reversed(all_ways):
            bodies = [multiply(recorded, wanted.spans) for _ in range(wanted.batches)]
            size = sum(map(len, bodies)) // spans
            way.run(bodies, spans, wanted.senders)
        if number == 0:  # the first round warms up
            for way in all_ways:
                way.rates.clear()
                way.cpu_us.clear()
                way.parts_us.clear()
        print(f"round {number} of {wanted.rounds}", flush=True)
    load = f"{wanted.rounds} rounds of {wanted.batches} × {wanted.spans:,} spans, {wanted.senders} senders"
    print(f"\n{load}, {size} bytes per span on the wire\n")
    print(
        f"{'':<12}{'spans/s, median [range]':<30}CPU µs/span  store + Collector  spans per CPU s"
        "   store's own memory, MB, by round"
    )
    for way in all_ways:
        print(way.report())
    print("\nthe store's µs per span, mean")
    for way in all_ways:
        print(way.where())
    mapped = max(way.mapped_mb for way in all_ways)
    print(
        f"\nfiles mapped into the store (the engine's program above all): {mapped:.0f} MB, not counted above"
    )
    print(f"load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
