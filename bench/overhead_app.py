"""The Celery app of the overhead bench: the same no-op task, plain, with the stock instrumentation, or with ours.

``BENCH_VARIANT`` says which, ``BENCH_BROKER`` where. Stock exports with a batch processor over OTLP/HTTP, every 500 ms;
ours through its outbox to the same endpoint, as often.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from celery import Celery, signals

VARIANT = os.environ.get("BENCH_VARIANT", "plain")

app = Celery("bench", broker=os.environ.get("BENCH_BROKER", "redis://127.0.0.1:6379/0"))
app.conf.update(
    task_default_queue=f"bench-{VARIANT}",
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
)


@app.task(name="bench.tasks.noop")
def noop(*_args: object, **_kwargs: object) -> None:
    """Nothing, so that all time is overhead."""


@app.task(name="bench.tasks.nap")
def nap(seconds: float) -> None:
    """Sleeps; when it began and ended (monotonic, s) goes to the end of the file ``BENCH_TIMES``."""
    began = time.monotonic()
    time.sleep(seconds)
    with Path(os.environ["BENCH_TIMES"]).open("a") as times:
        times.write(f"{began} {time.monotonic()}\n")


def _stock() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create(), shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=500, max_queue_size=16384)
    )
    trace.set_tracer_provider(provider)
    CeleryInstrumentor().instrument()

    def flush(**_: object) -> None:
        provider.force_flush(2000)

    signals.worker_process_shutdown.connect(flush, weak=False)


if VARIANT == "stock":
    _stock()
elif VARIANT == "ours":
    import otel_taskmon

    otel_taskmon.instrument(app)


def publish(count: int, payload_bytes: int) -> None:
    """Send ``count`` tasks of about 130 bytes of arguments, or ``payload_bytes`` more, from this process."""
    text = "x" * payload_bytes
    with app.producer_pool.acquire(block=True) as producer:
        for n in range(count):
            args = (n, "alice@example.com", text) if text else (n, "alice@example.com")
            noop.apply_async(args, {"order_id": n, "lang": "en", "express": False}, producer=producer)


def publish_naps(count: int, seconds: float) -> None:
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(count):
            nap.apply_async((seconds,), producer=producer)


if __name__ == "__main__":
    if sys.argv[1] == "nap":
        publish_naps(int(sys.argv[2]), float(sys.argv[3]))
    else:
        publish(int(sys.argv[1]), int(sys.argv[2]))
    if VARIANT == "stock":
        from opentelemetry import trace

        trace.get_tracer_provider().force_flush(5000)  # type: ignore[attr-defined]
