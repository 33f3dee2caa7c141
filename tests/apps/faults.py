"""A worker's app in which our own code fails, or is struck by a soft time limit, at a point that each task names.

Points are counted by Python's own trace hook, in files of ``otel_taskmon`` only: calls made below the guard for
exceptions, lines for limits. ``task_prerun`` (pool process) and ``task_received`` (main process) begin the count, in
receivers connected before ours.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery, Task, signals
from celery.utils.dispatch import Signal as CelerySignal
from kombu.exceptions import EncodeError

import otel_taskmon
from otel_taskmon import _safely

URL = os.environ["FAULTS_BROKER"]
OURS = str(Path(otel_taskmon.__file__).parent) + os.sep
POOL, MAIN, LIMIT, PUBLISH = "pool", "main", "limit", "publish"
BODY_S = 5.0

app = Celery("faults", broker=URL, backend=URL, set_as_current=True)
app.conf.update(
    worker_prefetch_multiplier=1,
    task_default_queue="faults",
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


class Custom(Exception):
    """Of nobody's."""


KINDS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (ValueError, MemoryError, RecursionError, OSError, StopIteration, AssertionError, Custom)
}


class Points:
    """Counts the points of one task, and strikes at one of them."""

    def __init__(self, kind: str, at: int, *, lines: bool) -> None:
        self.kind, self.at, self.lines = kind, at, lines
        self.count = 0
        self.struck = ""

    def trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == ("line" if self.lines else "call") and (self.lines or below_the_guard(frame)):
            self.count += 1
            if self.count == self.at:
                self.struck = (
                    f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_qualname}"
                )
                if self.lines:
                    os.kill(os.getpid(), signal.SIGUSR1)
                else:
                    raise KINDS[self.kind]("injected")
        return self.trace if self.lines else None


def below_the_guard(frame: FrameType | None) -> bool:
    while frame is not None:
        frame = frame.f_back
        if frame is not None and frame.f_code is _safely._guarded_code:
            return True
    return False


now: Points | None = None
last: Points | None = None


def begin(plan: dict[str, Any] | None, where: tuple[str, ...]) -> None:
    """From here on, for the task whose argument ``plan`` is."""
    global now, last
    if now is not None:
        last = now
    if isinstance(plan, dict) and plan.get("where") in where:
        now = Points(plan["kind"], plan["at"], lines=plan["where"] in (LIMIT, PUBLISH))
        if plan["where"] != PUBLISH:  # that is counted from the body on
            sys.settrace(now.trace)
    else:
        now = None
        sys.settrace(None)


@signals.task_prerun.connect(weak=False)
def prerun(kwargs: dict[str, Any], **_signal: Any) -> None:
    begin(kwargs.get("plan"), (POOL, LIMIT, PUBLISH))


@signals.task_received.connect(weak=False)
def received(request: Any, **_signal: Any) -> None:
    begin(request.kwargs.get("plan"), (MAIN,))


@signals.worker_ready.connect(weak=False)
def ready(**_signal: Any) -> None:
    """What the main process has counted can only be asked there."""
    connect_main_report()


def connect_main_report() -> None:
    path = os.environ.get("FAULTS_MAIN_REPORT")
    if path is None:
        return

    def report(request: Any, **_signal: Any) -> None:
        if request.task.name == tell.name and last is not None:
            Path(path).write_text(f"{last.count}\n{last.struck}\n")

    signals.task_received.connect(report, weak=False)


@app.task(name="faults.nothing")
def nothing(value: Any) -> None:
    """Published, never run."""


@app.task(name="faults.work")
def work(value: Any, plan: dict[str, Any] | None = None) -> Any:
    """Publishes too, since that has hooks of its own."""
    nothing.apply_async(("x",), queue="nobody", ignore_result=True)
    return [value]


@app.task(name="faults.fail", throws=(KeyError,))
def fail(value: Any, plan: dict[str, Any] | None = None) -> None:
    raise LookupError(value)


@app.task(name="faults.limited")
def limited(plan: dict[str, Any] | None = None, **_more: Any) -> tuple[str, Any]:
    """Ends by its limit; "not reached" where this execution has no such point before its body.

    It publishes nothing: a limit that strikes in Celery's own publishing ends up in there as it would without us.
    """
    try:
        if now is not None and not now.struck:
            return "not reached", now.count
        until = time.monotonic() + BODY_S
        while time.monotonic() < until:
            time.sleep(0.01)
    except SoftTimeLimitExceeded:
        return "limit", now.struck if now is not None else ""
    return "no limit", now.struck if now is not None else ""


@app.task(name="faults.publishing")
def publishing(plan: dict[str, Any] | None = None, **more: Any) -> tuple[str, Any]:
    """As ``limited``; points are counted while it publishes, in one of ``PUBLISHES``."""
    assert now is not None
    try:
        sys.settrace(now.trace)
        try:
            PUBLISHES[now.kind](more)
        finally:
            sys.settrace(None)
        if not now.struck:
            return "not reached", now.count
        until = time.monotonic() + BODY_S
        while time.monotonic() < until:
            time.sleep(0.01)
    except SoftTimeLimitExceeded:
        return "limit", now.struck
    return "no limit", now.struck


def cannot_be_published(_more: dict[str, Any]) -> None:
    with contextlib.suppress(EncodeError):
        nothing.apply_async((object(),), queue="nobody", ignore_result=True)


PUBLISHES: dict[str, Callable[[dict[str, Any]], object]] = {
    "task": lambda more: nothing.apply_async((more,), queue="nobody", ignore_result=True),
    "name": lambda more: app.send_task("faults.elsewhere", (more,), queue="nobody", ignore_result=True),
    "unserialisable": cannot_be_published,
}
"""Kind of publish -> it, with arguments."""


@app.task(name="faults.again", bind=True, max_retries=1)
def again(self: Task, value: Any) -> Any:
    if self.request.retries == 0:
        raise self.retry(exc=LookupError(value), countdown=0.01)
    return value


@app.task(name="faults.endless", time_limit=1)
def endless() -> None:
    time.sleep(BODY_S)


@app.task(name="faults.killed")
def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="faults.tell")
def tell() -> tuple[int, str]:
    """How many points the task before this one had in this process, and where it was struck."""
    return (0, "") if last is None else (last.count, last.struck)


def hooks() -> set[str]:
    """Where Celery and OpenTelemetry call us: receivers, overridden methods, wrapped functions, processors."""
    import celery.worker.strategy  # noqa: F401 - a worker's process has it
    from celery.app import trace  # noqa: F401
    from opentelemetry.sdk.trace import SpanProcessor

    from otel_taskmon.outbox import OutboxLogRecordProcessor, OutboxSpanProcessor
    from otel_taskmon.processor import TaskSpanProcessor
    from otel_taskmon.watched_request import WatchedRequest

    found = set()
    for name, one in vars(signals).items():
        if isinstance(one, CelerySignal):
            for _, receiver in one.receivers or ():
                target = receiver
                with contextlib.suppress(TypeError):
                    target = receiver() if type(receiver).__name__ in ("ref", "WeakMethod") else receiver
                if str(getattr(target, "__module__", "")).startswith("otel_taskmon"):
                    found.add(f"signal {name}")
    processors: tuple[type[Any], ...] = (OutboxSpanProcessor, OutboxLogRecordProcessor, TaskSpanProcessor)
    for owner in processors:
        found.update(
            f"{owner.__name__}.{name}"
            for name in vars(owner)
            if not name.startswith("_") and (owner is not TaskSpanProcessor or hasattr(SpanProcessor, name))
        )
    found.update(f"WatchedRequest.{n}" for n, v in vars(WatchedRequest).items() if callable(v))
    for module in list(sys.modules.values()):
        if not str(getattr(module, "__name__", "")).startswith(("celery", "kombu", "billiard")):
            continue
        for holder in (module, *(v for v in vars(module).values() if isinstance(v, type))):
            for name, value in list(vars(holder).items()):
                code = getattr(value, "__code__", None)
                if code is not None and code.co_filename.startswith(OURS):
                    found.add(f"wrapped {getattr(holder, '__name__', holder)}.{name}")
    return found


@app.task(name="faults.hooks")
def known_hooks() -> list[str]:
    return sorted(hooks())


def break_all() -> int:
    """From now on every hook of ours raises, each time another kind; how many there are."""
    kinds = itertools.cycle(KINDS.values())

    def broken(*_: object, **__: object) -> None:
        raise next(kinds)("injected")

    broke = 0
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__ is _safely._guarded_code:
            cell = (one.__closure__ or ())[one.__code__.co_freevars.index("hook")]
            cell.cell_contents = broken
            broke += 1
    return broke


otel_taskmon.instrument(app)
if os.environ.get("FAULTS_ALL"):
    import otel_taskmon.outbox  # its hooks too

    sys.stdout.write(f"{break_all()} hooks are broken\n")
