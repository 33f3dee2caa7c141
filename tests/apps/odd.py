"""A worker's app of tasks and arguments that nobody should write, and somebody does."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

from celery import Celery, Task, signals
from celery.app.trace import build_tracer
from celery.worker.request import Request
from kombu import serialization
from opentelemetry import context, trace

import otel_taskmon

URL = os.environ["SHOP_BROKER"]
LONG = "odd." + "n" * 10_000

app = Celery("odd", broker=URL, backend=URL, set_as_current=True)
app.conf.update(
    task_serializer="odd",
    accept_content=["odd", "json"],
    task_default_queue="odd",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
otel_taskmon.instrument(app)


def bad(*_: object, **__: object) -> Any:
    raise RuntimeError("nobody is to ask me")


class Hostile:
    """Can be sent, and nothing else."""

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __eq__ = __hash__ = bad
    __dict__ = __class__ = property(bad)

    def __reduce_ex__(self, _protocol: object) -> Any:
        return Hostile, ()  # the worker's own pickling is no part of this


serialization.register(
    "odd",
    lambda value: json.dumps(value, default=lambda _: {"hostile": True}),
    lambda text: json.loads(text, object_hook=lambda found: Hostile() if "hostile" in found else found),
    content_type="application/x-odd",
    content_encoding="utf-8",
)


asked = 0


class Raises(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        global asked
        asked += 1
        raise RuntimeError("no text")


class Bytes(Exception):
    """Its text is none."""

    def __str__(self) -> str:
        global asked
        asked += 1
        return b"bytes"  # type: ignore[return-value]


@app.task(name="odd.take")
def take(*values: Any, **_more: Any) -> int:
    """How many it got, without a look at them."""
    return len(values)


@app.task(name=LONG)
def named(value: Any) -> Any:
    return value


@app.task(name="odd.chain_of_causes", serializer="json")
def chain_of_causes() -> None:
    error: Exception = ValueError("the first")
    for number in range(200):
        try:
            raise LookupError(number) from error
        except LookupError as caught:
            error = caught
    raise error


def published_in_thread() -> str:
    return str(take.delay(1).id)


@app.task(name="odd.forks")
def forks() -> tuple[int, int]:
    """After a thread was started; the forked process ends a span of its own and publishes."""
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    inner, outer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with trace.get_tracer("odd").start_as_current_span("in the forked process"):
            os.write(outer, str(take.delay(1, 2)).encode())
        os._exit(3)
    _, status = os.waitpid(pid, 0)
    return len(os.read(inner, 100)), os.waitstatus_to_exitcode(status)


@app.task(name="odd.leaks")
def leaks() -> str:
    """Attaches a context and never detaches it."""
    span = trace.get_tracer("odd").start_span("leaked")
    context.attach(trace.set_span_in_context(span))
    return "leaked"


@app.task(name="odd.spans")
def spans() -> str:
    """What an instrumentation of another library does."""
    with trace.get_tracer("somebody.else").start_as_current_span("GET /"):
        return "ok"


class CountingRequest(Request):  # type: ignore[misc]  # Celery ships no types
    """A user's own."""

    def on_accepted(self, *args: Any, **kwargs: Any) -> Any:
        print(f"CountingRequest accepted {self.id}", flush=True)
        return super().on_accepted(*args, **kwargs)


class Own(Task):  # type: ignore[misc]
    """With its own request class."""

    Request = CountingRequest
    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return ["called", super().__call__(*args, **kwargs)]


@app.task(base=Own, name="odd.own")
def own(value: Any) -> Any:
    return value


@app.task(name="odd.traced")
def traced(value: Any) -> Any:
    """Brings a tracer of its own, see ``_give_tracer``."""
    return value


def _give_tracer(**_signal: Any) -> None:
    plain = build_tracer(traced.name, traced, app=app)

    def tracer(*args: Any, **kwargs: Any) -> Any:
        print("the task's own tracer", flush=True)
        return plain(*args, **kwargs)

    traced.__trace__ = tracer


signals.worker_process_init.connect(_give_tracer, weak=False)


@app.task(name="odd.asked")
def how_often_asked() -> int:
    return asked


@app.task(name="odd.raises")
def raises(which: str) -> None:
    raise (Raises if which == "raises" else Bytes)("hunter2")


@app.task(name="odd.tiny")
def tiny(number: int) -> int:
    time.sleep(0.05)
    return number
