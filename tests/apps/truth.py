"""The app whose tasks tell Redis themselves what they do, so that what is recorded can be held against it.

``TRUTH_KIND`` says who watches: ``ours``, ``stock`` or ``none``. Every task begins with ``begins(self)``, which
writes what Celery told it; one that comes to its end writes that too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import redis
from celery import Celery, Task, signals
from celery.backends.redis import RedisBackend
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

import otel_taskmon
from otel_taskmon import heartbeat

URL = os.environ["TRUTH_BROKER"]
CELL = os.environ["TRUTH_CELL"]
STARTS, ENDS, OVER = (f"truth:{CELL}:{part}" for part in ("starts", "ends", "over"))
heartbeat.INTERVAL_S = float(os.environ.get("TRUTH_HEARTBEAT_S", heartbeat.INTERVAL_S))

app = Celery("truth", broker=URL, backend=os.environ.get("TRUTH_BACKEND", URL), set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    result_expires=600,
    result_backend_transport_options={"retry_policy": {"max_retries": 1, "interval_start": 0}},
    task_default_queue=os.environ.get("TRUTH_QUEUE", "truth"),
    worker_hijack_root_logger=False,
    worker_lost_wait=0.5,
    worker_pool_restarts=True,
    worker_prefetch_multiplier=4,
)
KIND = os.environ.get("TRUTH_KIND", "ours")


def _stock() -> None:
    """As its own documentation and ``opentelemetry-instrument`` set it up: a batch processor with its defaults."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    CeleryInstrumentor().instrument()


if KIND == "ours":
    otel_taskmon.instrument(app)
elif KIND == "stock":
    _stock()

_written = redis.Redis.from_url(URL)


@signals.task_postrun.connect(weak=False)
def _is_over(task_id: str = "", **_signal: Any) -> None:
    """Connected last, so that a worker which is killed now has had its time to record this one."""
    _written.rpush(OVER, task_id)


class Declined(Exception):
    """A business failure."""


class Expected(Exception):
    """Declared in ``throws``."""


def begins(task: Any) -> str:
    """Tell that an execution starts, as Celery told the task; the name that the truth gives it."""
    request = task.request
    execution = os.urandom(8).hex()
    if request.called_directly:
        return execution
    chord = request.chord if isinstance(request.chord, dict) else {}
    told = {
        "execution": execution,
        "task_id": request.id,
        "task": task.name,
        "retries": request.retries,
        "args": request.args,
        "kwargs": request.kwargs,
        "root": request.root_id,
        "parent": request.parent_id,
        "group": request.group,
        "group_index": request.group_index,
        "chord": chord.get("options", {}).get("task_id"),
        "redelivered": bool((request.delivery_info or {}).get("redelivered")),
        "eager": bool(request.is_eager),
        "worker": request.hostname,
        "pid": os.getpid(),
        "started_ns": time.time_ns(),
    }
    _written.rpush(STARTS, json.dumps(told, default=repr))
    return execution


def ends(execution: str) -> None:
    """Tell that the body came to its end."""
    _written.rpush(ENDS, execution)


# ---- ways to end well ------------------------------------------------------------------------------------------
@app.task(name="truth.tick", bind=True, ignore_result=True)
def tick(self: Task, number: int, seconds: float = 0.0) -> int:
    execution = begins(self)
    time.sleep(seconds)
    ends(execution)
    return number


@app.task(name="truth.echo", bind=True)
def echo(self: Task, value: Any = None) -> Any:
    ends(begins(self))
    return value


@app.task(name="truth.quiet", bind=True, ignore_result=True)
def quiet(self: Task, value: Any = None) -> Any:
    ends(begins(self))
    return value


@app.task(name="truth.no_trail", bind=True, trail=False)
def no_trail(self: Task, child_id: str) -> str:
    execution = begins(self)
    echo.apply_async(("child",), task_id=child_id)
    ends(execution)
    return child_id


@app.task(name="truth.add", bind=True)
def add(self: Task, a: int, b: int) -> int:
    ends(begins(self))
    return a + b


@app.task(name="truth.total", bind=True)
def total(self: Task, numbers: list[int]) -> int:
    ends(begins(self))
    return sum(numbers)


# ---- failures and retries --------------------------------------------------------------------------------------
@app.task(name="truth.fails", bind=True)
def fails(self: Task, order: int) -> None:
    begins(self)
    try:
        raise KeyError("card")
    except KeyError as error:
        raise Declined(f"order {order} declined") from error


@app.task(name="truth.expected", bind=True, throws=(Expected,))
def expected(self: Task) -> None:
    begins(self)
    raise Expected("as agreed")


@app.task(
    name="truth.hopeless",
    bind=True,
    autoretry_for=(Declined,),
    retry_backoff=False,
    retry_kwargs={"max_retries": 2, "countdown": 0.05},
)
def hopeless(self: Task) -> None:
    begins(self)
    raise Declined("no")


@app.task(name="truth.flaky", bind=True, max_retries=5)
def flaky(self: Task, times: int, eta_s: float = 0.0) -> str:
    """Fails ``times`` times, then works."""
    execution = begins(self)
    if self.request.retries < times:
        try:
            raise ConnectionError("gateway down")
        except ConnectionError as error:
            when: dict[str, Any] = {"countdown": 0.05}
            if eta_s:
                from datetime import UTC, datetime, timedelta

                when = {"eta": datetime.now(UTC) + timedelta(seconds=eta_s)}
            raise self.retry(exc=error, **when) from error
    ends(execution)
    return "paid"


@app.task(name="truth.gives_up", bind=True, max_retries=1)
def gives_up(self: Task, with_cause: bool) -> None:
    """Retries until Celery says it is enough."""
    begins(self)
    if not with_cause:
        raise self.retry(countdown=0.05)
    raise self.retry(exc=ConnectionError("gateway down"), countdown=0.05)


@app.task(name="truth.ignores", bind=True)
def ignores(self: Task) -> None:
    begins(self)
    raise Ignore("not needed")


@app.task(name="truth.rejects", bind=True, acks_late=True)
def rejects(self: Task) -> None:
    begins(self)
    raise Reject("broken order", requeue=False)


@app.task(name="truth.requeues", bind=True, acks_late=True)
def requeues(self: Task) -> str:
    execution = begins(self)
    if not self.request.delivery_info.get("redelivered"):
        raise Reject("not now", requeue=True)
    ends(execution)
    return "later"


@app.task(name="truth.unserialisable", bind=True)
def unserialisable(self: Task) -> object:
    begins(self)
    return object()


@app.task(name="truth.backend_down", bind=True, backend=RedisBackend(url="redis://127.0.0.1:1/0", app=app))
def backend_down(self: Task) -> str:
    """Nobody listens where its result is to be stored."""
    begins(self)
    return "done"


@app.task(name="truth.softly_limited", bind=True, soft_time_limit=1)
def softly_limited(self: Task) -> None:
    begins(self)
    try:
        time.sleep(20)
    except SoftTimeLimitExceeded:
        raise


# ---- tasks of tasks --------------------------------------------------------------------------------------------
@app.task(name="truth.parent", bind=True)
def parent(self: Task, child_id: str) -> str:
    execution = begins(self)
    echo.apply_async(("child",), task_id=child_id)
    ends(execution)
    return child_id


@app.task(name="truth.eager_inside", bind=True)
def eager_inside(self: Task, child_id: str) -> Any:
    execution = begins(self)
    found = echo.apply(("eager",), task_id=child_id).get(disable_sync_subtasks=False)
    ends(execution)
    return found


@app.task(name="truth.calls_directly", bind=True)
def calls_directly(self: Task) -> int:
    execution = begins(self)
    found: int = add(1, 2)
    ends(execution)
    return found


@app.task(name="truth.replaces", bind=True)
def replaces(self: Task) -> None:
    begins(self)
    raise self.replace(echo.s("instead"))


@app.task(name="truth.extends_chord", bind=True)
def extends_chord(self: Task, more_id: str) -> int:
    execution = begins(self)
    self.add_to_chord(add.s(20, 22).set(task_id=more_id))
    ends(execution)
    return 1


@app.task(name="truth.errback", bind=True)
def errback(self: Task, failed_id: str) -> None:
    ends(begins(self))


# ---- violent ends ----------------------------------------------------------------------------------------------
@app.task(name="truth.hold", bind=True)
def hold(self: Task, seconds: float) -> float:
    execution = begins(self)
    time.sleep(seconds)
    ends(execution)
    return seconds


@app.task(name="truth.kills_itself", bind=True)
def kills_itself(self: Task, number: int) -> None:
    begins(self)
    os.kill(os.getpid(), number)
    time.sleep(30)


@app.task(name="truth.killed_once", bind=True, acks_late=True, reject_on_worker_lost=True)
def killed_once(self: Task) -> str:
    execution = begins(self)
    if not self.request.delivery_info.get("redelivered"):
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(30)
    ends(execution)
    return "done"


@app.task(name="truth.os_exit", bind=True)
def os_exit(self: Task, code: int) -> None:
    begins(self)
    os._exit(code)


@app.task(name="truth.sys_exit", bind=True)
def sys_exit(self: Task, code: int) -> None:
    begins(self)
    sys.exit(code)


@app.task(name="truth.interrupted", bind=True)
def interrupted(self: Task) -> None:
    begins(self)
    raise KeyboardInterrupt
