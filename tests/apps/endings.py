"""An app whose tasks end in the ways that only the worker's main process can tell."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from celery import Celery, Task, signals
from celery.worker.request import Request
from kombu.connection import Connection
from opentelemetry import trace

from otel_taskmon import heartbeat
from tests.apps import providers

URL = os.environ["SHOP_BROKER"]
heartbeat.INTERVAL_S = float(os.environ.get("ENDINGS_HEARTBEAT_S", heartbeat.INTERVAL_S))

app = Celery("endings", broker=URL, backend=URL, set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=int(os.environ.get("ENDINGS_PREFETCH", "1")),
    task_default_queue="shop",
    worker_lost_wait=0.5,
)
providers.instrument(app, os.environ.get("SHOP_SETUP", "ours"))


@signals.worker_process_init.connect(weak=False)
def _provider_in_pool(**_signal: Any) -> None:
    if os.environ.get("SHOP_PROVIDER_IN_POOL"):
        trace.set_tracer_provider(providers.own_provider())


class OwnRequest(Request):  # type: ignore[misc]  # Celery ships no types
    """As users write theirs."""

    def on_accepted(self, pid: int, time_accepted: float) -> Any:
        answer = super().on_accepted(pid, time_accepted)
        print(f"own request accepted {self.id} by {pid}", flush=True)
        return answer

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        print(f"own request failed {self.id}", flush=True)
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)


class OwnTask(Task):  # type: ignore[misc]
    Request = OwnRequest


@app.task(name="endings.tasks.killed")
def killed(order: int, password: str = "", number: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), number)
    time.sleep(30)


@app.task(name="endings.tasks.own_killed", base=OwnTask)
def own_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="endings.tasks.own_fine", base=OwnTask)
def own_fine() -> str:
    return "fine"


@app.task(name="endings.tasks.killed_once", bind=True, acks_late=True, reject_on_worker_lost=True)
def killed_once(self: Task, mark: str) -> str:
    """Kills its process the first time; ``mark`` is a file."""
    if not os.path.exists(mark):  # noqa: PTH110
        with open(mark, "w"):  # noqa: PTH123
            pass
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(30)
    return "done"


@app.task(name="endings.tasks.os_exit")
def os_exit(code: int) -> None:
    os._exit(code)


@app.task(name="endings.tasks.sys_exit")
def sys_exit(code: Any) -> None:
    sys.exit(code)


@app.task(name="endings.tasks.interrupted")
def interrupted() -> None:
    raise KeyboardInterrupt


@app.task(name="endings.tasks.pause")
def pause(seconds: float, **_more: Any) -> float:
    time.sleep(seconds)
    return seconds


@app.task(name="endings.tasks.busy")
def busy(seconds: float) -> float:
    """Computes, and lets no green thread run meanwhile."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
    return seconds


@app.task(name="endings.tasks.fails")
def fails() -> None:
    raise KeyError("theirs")


@app.task(name="endings.tasks.rejects", acks_late=True)
def rejects() -> None:
    from celery.exceptions import Reject

    raise Reject("no", requeue=False)


def send_raw(body: bytes | str, headers: dict[str, Any] | None = None, **properties: Any) -> None:
    """A message as another program may send it."""
    with Connection(URL) as connection:
        producer = connection.Producer()
        producer.publish(body, routing_key="shop", exchange="", headers=headers, **properties)
