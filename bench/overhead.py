"""What monitoring costs a worker per task: plain, stock instrumentation and ours, interleaved in one run.

Three real prefork workers (one pool process each) wait side by side on one Redis; in each round every worker gets
the same number of no-op tasks in turn, the order reversed each round. They are published beforehand into another
database of that Redis and moved over in one go: else a slower publisher makes the worker wake more often, and that is
counted as the worker's. Counted is on-CPU time (schedstat) of the pool process and of the main process from the first
task until all is executed and exported. The figures to quote are the
paired differences from plain and their ratio; absolute times depend on the machine and its load. ``--payload 10000``
is the case of a large argument. How much data each variant sends per task is counted where it arrives.

    python -m bench.overhead [--rounds 6] [--tasks 1000] [--payload 0] [--profile]
"""

from __future__ import annotations

import argparse
import atexit
import cProfile
import os
import pstats
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import redis
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_taskmon.demo.broker import start_broker

DEADLINE_S = 180.0
VARIANTS = ("plain", "stock", "ours")


@dataclass
class Received:
    """What one service has sent: run spans and events of tasks, with their attributes and bytes."""

    runs: int = 0
    run_attributes: int = 0
    run_bytes: int = 0
    events: int = 0
    event_bytes: int = 0


class Sink(ThreadingHTTPServer):
    """An OTLP/HTTP endpoint that counts what comes per service and keeps nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: dict[str, Received] = {}
        self.lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans = [
                    s for scope in resource.scope_spans for s in scope.spans if s.name.startswith("run/")
                ]
                with self.server.lock:
                    found = self._of(resource.resource)
                    found.runs += len(spans)
                    found.run_attributes += sum(len(span.attributes) for span in spans)
                    found.run_bytes += sum(span.ByteSize() for span in spans)
        elif self.path == "/v1/logs":
            for of_resource in ExportLogsServiceRequest.FromString(body).resource_logs:
                records = [r for scope in of_resource.scope_logs for r in scope.log_records]
                events = [r for r in records if r.event_name.startswith("taskmon.task.")]
                with self.server.lock:
                    found = self._of(of_resource.resource)
                    found.events += len(events)
                    found.event_bytes += sum(event.ByteSize() for event in events)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _of(self, resource: Resource) -> Received:
        name = next((a.value.string_value for a in resource.attributes if a.key == "service.name"), "")
        return self.server.received.setdefault(name, Received())

    def log_message(self, *_args: object) -> None:
        """Quiet."""


def on_cpu_ns(pid: int) -> int:
    """On-CPU time of all threads of a process so far, in ns."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue  # a thread that ended between listing and reading
    return total


def pool_process(main: int) -> int:
    """Pid of the only pool process of a worker."""
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return int(children[0])


def environment(variant: str, broker: str, endpoint: str, folder: Path) -> dict[str, str]:
    """``folder`` holds the outboxes, one per variant and role, so that nobody ships what is not its own."""
    return {
        **os.environ,
        "BENCH_VARIANT": variant,
        "BENCH_BROKER": broker,
        "OTEL_SERVICE_NAME": f"bench-{variant}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "TASKMON_OUTBOX_DIR": str(folder / f"outbox-{variant}"),
        "PYTHONUNBUFFERED": "1",
    }


def until(condition: object, what: str) -> None:
    """Poll ``condition()`` every 50 ms; SystemExit after the deadline."""
    assert callable(condition)
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up after {DEADLINE_S:g} s waiting for {what}")
        time.sleep(0.05)


@contextmanager
def workers(broker: str, endpoint: str, folder: Path) -> Iterator[dict[str, int]]:
    """One worker per variant; main-process pids by variant. All are ended by id afterwards."""
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for variant in VARIANTS:
            log = (folder / f"{variant}.log").open("wb")
            command = [sys.executable, "-m", "celery", "-A", "bench.overhead_app", "worker", "-P", "prefork"]
            command += [
                "-c",
                "1",
                "-n",
                f"{variant}@bench",
                "--without-gossip",
                "--without-mingle",
                "-l",
                "warning",
            ]
            started[variant] = subprocess.Popen(
                command, env=environment(variant, broker, endpoint, folder), stdout=log, stderr=log
            )
        yield {variant: process.pid for variant, process in started.items()}
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def measure(
    rounds: int, tasks: int, payload: int
) -> tuple[dict[str, dict[str, list[float]]], dict[str, Received]]:
    """µs of on-CPU time per task, by variant and process, one value a round; and what arrived, by variant."""
    costs: dict[str, dict[str, list[float]]] = {v: {"pool": [], "main": []} for v in VARIANTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = start_broker(folder / "broker")
        sink = Sink()
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        client, beforehand = redis.Redis(port=broker.port), redis.Redis(port=broker.port, db=1)
        other_database = f"{broker.url.rpartition('/')[0]}/1"
        executed = dict.fromkeys(VARIANTS, 0)

        def publish(variant: str, count: int) -> None:
            subprocess.run(
                [sys.executable, "-m", "bench.overhead_app", str(count), str(payload)],
                env=environment(variant, other_database, sink.endpoint, folder / "publisher"),
                check=True,
            )
            executed[variant] += count

        def deliver(variant: str) -> None:
            if not beforehand.move(f"bench-{variant}", 0):
                raise SystemExit(f"the tasks of {variant} could not be moved to their worker's database")

        def finished(variant: str) -> bool:
            waiting = client.llen(f"bench-{variant}") + client.hlen("unacked")
            arrived = sink.received.get(f"bench-{variant}", Received())
            wanted = 0 if variant == "plain" else executed[variant]
            events = 2 * wanted if variant == "ours" else 0
            return waiting == 0 and arrived.runs >= wanted and arrived.events >= events

        try:
            with workers(broker.url, sink.endpoint, folder) as mains:
                for variant in VARIANTS:  # warm up: imports, caches, connections
                    publish(variant, 100)
                    deliver(variant)
                    until(lambda v=variant: finished(v), f"the warm-up of {variant}")
                for turn in range(rounds):
                    print(f"round {turn + 1} of {rounds} …", file=sys.stderr, flush=True)
                    for variant in VARIANTS if turn % 2 == 0 else reversed(VARIANTS):
                        publish(variant, tasks)
                        pids = {"main": mains[variant], "pool": pool_process(mains[variant])}
                        before = {role: on_cpu_ns(pid) for role, pid in pids.items()}
                        deliver(variant)
                        until(lambda v=variant: finished(v), f"{tasks} tasks of {variant}")
                        for role, pid in pids.items():
                            costs[variant][role].append((on_cpu_ns(pid) - before[role]) / tasks / 1000)
        finally:
            sink.shutdown()
            client.close()
            beforehand.close()
            broker.stop()
    return costs, {v: sink.received.get(f"bench-{v}", Received()) for v in VARIANTS}


def report(costs: dict[str, dict[str, list[float]]], received: dict[str, Received]) -> None:
    """Print medians, paired differences from plain, and the ratio of what ours adds to what stock adds."""
    added: dict[tuple[str, str], float] = {}
    print(f"{'':8}{'pool process, µs per task':>44}{'main process, µs per task':>44}")
    for variant in VARIANTS:
        cells = []
        for role in ("pool", "main"):
            values = costs[variant][role]
            differences = [a - b for a, b in zip(values, costs["plain"][role], strict=True)]
            added[variant, role] = statistics.median(differences)
            cells.append(
                f"{statistics.median(values):9.0f}   added {added[variant, role]:+6.0f}"
                f" [{min(differences):+.0f} … {max(differences):+.0f}]"
            )
        print(f"{variant:8}{cells[0]:>44}{cells[1]:>44}")
    ratio = added["ours", "pool"] / added["stock", "pool"]
    print(f"\npool process: ours adds {ratio:.2f} × what the stock instrumentation adds (goal ≤ 1.3 ×)")
    print(f"main process: ours adds {added['ours', 'main']:+.0f} µs (goal ≤ +150 µs)")
    for variant in VARIANTS[1:]:
        found = received[variant]
        print(
            f"{variant:8}sends per task: run span of {found.run_attributes / found.runs:.0f} attributes,"
            f" {found.run_bytes / found.runs:.0f} bytes; {found.events / found.runs:.0f} events,"
            f" {found.event_bytes / found.runs:.0f} bytes"
        )


def profile(tasks: int) -> None:
    """Where our time goes: the task's tracing path in this process, without worker and network."""
    folder = Path(tempfile.mkdtemp(prefix="bench-overhead-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(environment("ours", "memory://", "http://127.0.0.1:9", folder))
    from celery.app.trace import build_tracer

    from bench import overhead_app

    task = overhead_app.app.tasks["bench.tasks.noop"]
    trace = build_tracer(task.name, task, app=overhead_app.app)
    now = time.time_ns()
    request = {
        "task": task.name,
        "hostname": "ours@bench",
        "delivery_info": {"routing_key": "bench", "priority": 0, "redelivered": False},
        "retries": 0,
        "root_id": "r",
        "parent_id": None,
        "is_eager": False,
        "reply_to": "q",
        "correlation_id": "c",
        "taskmon_published_at": now,
        "taskmon_first_published_at": now,
        "taskmon_received_at": now,
        "taskmon_execution_id": "e",
        "taskmon_queue": "bench",
    }
    profiler = cProfile.Profile()
    profiler.enable()
    for n in range(tasks):
        args, kwargs = (n, "alice@example.com"), {"order_id": n}
        trace(f"id-{n}", args, kwargs, {**request, "id": f"id-{n}", "args": args, "kwargs": kwargs})
    profiler.disable()
    print(f"profile of {tasks} executions in one process, outbox included, by own time:")
    pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--tasks", type=int, default=1000, help="per variant and round")
    parser.add_argument("--payload", type=int, default=0, help="bytes added to the arguments")
    parser.add_argument("--profile", action="store_true", help="only print where our time goes")
    options = parser.parse_args()
    if options.profile:
        profile(3000)
    else:
        report(*measure(options.rounds, options.tasks, options.payload))


if __name__ == "__main__":
    main()
