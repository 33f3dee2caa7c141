"""What recording costs in one process, without a worker and a network: for comparing two states of the code.

Thread time (µs, medians) of what a pool process does around a task, and of what the main process does at a receipt and
a start. *Warm* is one call right after the other. *Cold* is after 12 MB of other memory were read, which is nearer to a
worker that does something else, or nothing, between two tasks. Load moves these figures less than those of
``bench.overhead``; only the differences between two runs one after the other mean anything.

    python -m bench.one_process [--calls 400] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

COLD_BYTES = 12 << 20
VARIANTS = ("plain", "stock", "ours")


def medians(call: Callable[[int], object], calls: int) -> dict[str, float]:
    """``call(n)`` for n = 0 … in µs of thread time; ``warm`` and ``cold``."""
    memory = bytearray(os.urandom(1 << 20) * (COLD_BYTES >> 20))
    taken: dict[str, list[int]] = {"warm": [], "cold": []}
    for n in range(50):
        call(n)
    for kind, times in taken.items():
        for n in range(calls):
            if kind == "cold":
                zlib.crc32(memory)
            began = time.thread_time_ns()
            call(n)
            times.append(time.thread_time_ns() - began)
    return {kind: statistics.median(times) / 1000 for kind, times in taken.items()}


def headers(n: int) -> dict[str, Any]:
    """Of a message as ours publishes it and Redis delivers it."""
    task_id = f"6a1f0b5e-0000-4000-8000-{n:012d}"
    now = time.time_ns()
    return {
        "lang": "py",
        "task": "bench.tasks.noop",
        "id": task_id,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": "",
        "kwargsrepr": "",
        "origin": "gen1@publisher",
        "ignore_result": True,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
        "taskmon_published_at": now,
        "taskmon_first_published_at": now,
        "taskmon_queue": "bench-ours",
        "traceparent": f"00-{n + 1:032x}-{n + 1:016x}-01",
        "properties": {"correlation_id": task_id, "reply_to": "b2d2c7a4-0000-3000-8000-000000000001"},
        "reply_to": "b2d2c7a4-0000-3000-8000-000000000001",
        "correlation_id": task_id,
        "hostname": "ours@bench",
        "delivery_info": {"exchange": "", "routing_key": "bench-ours", "priority": 0, "redelivered": None},
    }


def execution(calls: int) -> dict[str, float]:
    """From ``task_prerun`` to ``task_postrun``, by Celery's own tracer."""
    from celery.app.trace import build_tracer

    from bench import overhead_app

    task = overhead_app.app.tasks["bench.tasks.noop"]
    trace = build_tracer(task.name, task, app=overhead_app.app)
    recorded = overhead_app.VARIANT == "ours"

    def call(n: int) -> None:
        args, kwargs = (n, "alice@example.com"), {"order_id": n, "lang": "en", "express": False}
        request = {**headers(n), "args": args, "kwargs": kwargs, "is_eager": False, "called_directly": False}
        if recorded:
            request["taskmon_received_at"] = time.time_ns()
            request["taskmon_execution_id"] = f"{n:032x}"
        before = time.thread_time_ns()
        trace(request["id"], args, kwargs, request)
        own.append(time.thread_time_ns() - before)

    own: list[int] = []
    medians(call, calls)
    del own[:50]
    return {
        "warm": statistics.median(own[:calls]) / 1000,
        "cold": statistics.median(own[calls:]) / 1000,
    }


def stock_export(calls: int) -> float:
    """µs of CPU time to serialise one of stock's spans in its batch."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import SpanKind

    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    said = {f"celery.attribute_{n}": f"a value of it {n}" for n in range(9)}
    for _ in range(calls):
        provider.get_tracer("t").start_span(
            "run/bench.tasks.noop", kind=SpanKind.CONSUMER, attributes=said
        ).end()
    spans = kept.get_finished_spans()
    began = time.thread_time_ns()
    encode_spans(spans).SerializeToString()
    return (time.thread_time_ns() - began) / calls / 1000


def main_process(calls: int) -> dict[str, dict[str, float]]:
    """A receipt, and the start that follows it."""
    from celery import signals

    from bench import overhead_app

    received = next(
        found for _, found in signals.task_received.receivers if getattr(found, "__name__", "") == "received"
    )
    main = received.__self__._main
    task = overhead_app.app.tasks["bench.tasks.noop"]
    requests = {
        n: SimpleNamespace(
            id=headers(n)["id"],
            chord=None,
            task=task,
            time_start=time.time(),
            worker_pid=1234,
            _request_dict=headers(n),
        )
        for n in range(max(50, calls))
    }
    return {
        "receipt": medians(lambda n: received(request=requests[n]), calls),
        "start": medians(lambda n: main.accepted(requests[n]), calls),
    }


def one(variant: str, calls: int) -> dict[str, dict[str, float]]:
    """All figures of one variant, in this process."""
    found = {"execution": execution(calls)}
    if variant == "stock":
        export = stock_export(calls)
        found["execution"] = {kind: value + export for kind, value in found["execution"].items()}
    if variant == "ours":
        found |= main_process(calls)
    return found


def in_a_process(variant: str, calls: int) -> dict[str, dict[str, float]]:
    folder = tempfile.mkdtemp(prefix="bench-one-process-")
    environment = {
        **os.environ,
        "BENCH_VARIANT": variant,
        "BENCH_BROKER": "memory://",
        "OTEL_SERVICE_NAME": f"bench-{variant}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",  # nobody there: it waits, and nothing is sent meanwhile
        "OTEL_BSP_SCHEDULE_DELAY": "3600000",
        "TASKMON_EXPORT_INTERVAL_MS": "60000",
        "TASKMON_FLUSH_TIMEOUT_S": "0.1",
        "TASKMON_OUTBOX_DIR": str(Path(folder) / "outbox"),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.one_process", "--variant", variant, "--calls", str(calls)],
            env=environment,
            check=True,
            capture_output=True,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=400, help="of each kind and round")
    parser.add_argument("--rounds", type=int, default=3, help="each variant in a new process per round")
    parser.add_argument("--variant", choices=VARIANTS, help="only this one, as JSON, in this process")
    options = parser.parse_args()
    if options.variant:
        print(json.dumps(one(options.variant, options.calls)), flush=True)
        os._exit(0)  # what waits in its outbox is nobody's
    rounds = [{v: in_a_process(v, options.calls) for v in VARIANTS} for _ in range(options.rounds)]

    def median(variant: str, what: str, kind: str) -> float:
        return statistics.median(found[variant][what][kind] for found in rounds)

    print(f"{'µs of thread time, medians':44}{'warm':>8}{'cold':>8}")
    for variant in VARIANTS:
        less = dict.fromkeys(("warm", "cold"), 0.0)
        if variant != "plain":
            less = {kind: median("plain", "execution", kind) for kind in less}
        cells = [median(variant, "execution", kind) - less[kind] for kind in less]
        name = f"execution, {variant}" + ("" if variant == "plain" else ", less plain")
        print(f"{name:44}{cells[0]:8.1f}{cells[1]:8.1f}")
    for what in ("receipt", "start"):
        cells = [median("ours", what, kind) for kind in ("warm", "cold")]
        print(f"{what + ' in the main process':44}{cells[0]:8.1f}{cells[1]:8.1f}")


if __name__ == "__main__":
    main()
