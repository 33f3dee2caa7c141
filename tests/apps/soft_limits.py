"""Runs tasks in Celery's own tracer and sends itself SIGUSR1 while hooks of ours run; prints what became of each.

``python -m tests.apps.soft_limits MODE ROUNDS``, where MODE is ``worker``: with the worker's signal handler; ``other``:
with a handler of somebody else's; ``late``: a signal that comes when the body has ended; ``short``: a body that ends at
once; ``publish``, ``stuck``: a signal in a hook of a publish, which swallows what is raised in it, or which hangs. Two
lines come out: how many signals struck in a hook, and how the tasks ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

from billiard.pool import soft_timeout_sighandler
from celery import Celery, signals
from celery.app.trace import build_tracer

from otel_taskmon import _safely
from otel_taskmon._safely import SoftTimeLimitExceeded, entering_task, goes_around, leaving_task, safely

HOOK_S = 0.006
BODY_S = 2.0
SWALLOWING_S = 0.05
STUCK_S = 30.0
mode, rounds = sys.argv[1], int(sys.argv[2])
app = Celery("soft_limits", broker="memory://", set_as_current=True)
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)
fire, sent = threading.Event(), threading.Event()
delay = 0.0
kept = 0


def spin(seconds: float) -> None:
    """Python code that a signal can strike at any bytecode."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        len(str(until))


def strike_here() -> None:
    """Stay here until the signal has struck, however busy the machine is."""
    sent.clear()
    fire.set()
    while not sent.is_set():
        spin(0.0005)
    spin(0.001)


@safely("before publish")
def before_publish() -> None:
    strike_here()


def swallowing() -> None:
    """As libraries below a publish do."""
    until = time.perf_counter() + SWALLOWING_S
    while time.perf_counter() < until:
        with contextlib.suppress(Exception):
            spin(SWALLOWING_S / 4)


@goes_around
def publish(work: Callable[[], None]) -> None:
    before_publish()
    work()


@app.task(name="soft_limits.body")
def body() -> str:
    try:
        if mode in PUBLISHES:
            publish(PUBLISHES[mode])
        spin(0.0 if mode == "short" else 0.02 if mode == "late" else BODY_S)
    except SoftTimeLimitExceeded:
        return "limit"
    return "no limit"


PUBLISHES: dict[str, Callable[[], None]] = {"publish": swallowing, "stuck": lambda: spin(STUCK_S)}


@safely("prerun")
def prerun(**_: object) -> None:
    entering_task()
    if mode == "worker":  # at any point of the hook, and now and then behind it
        fire.set()
        spin(HOOK_S)
    elif mode != "late" and mode not in PUBLISHES:
        strike_here()


@safely("postrun")
def postrun(**_: object) -> None:
    leaving_task()
    if mode == "late":
        strike_here()


def other_handler(_number: int, _frame: FrameType | None) -> None:
    raise SoftTimeLimitExceeded


def count_kept() -> None:
    keep = _safely._keeper.keep

    def counted(*, goes_on: bool = False) -> bool:
        global kept
        kept += 1
        return keep(goes_on=goes_on)

    _safely._keeper.keep = counted  # type: ignore[method-assign]  # watched, not replaced


def send_signals() -> None:
    while True:
        fire.wait()
        fire.clear()
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGUSR1)
        sent.set()


def main() -> None:
    global delay
    signal.signal(signal.SIGUSR1, other_handler if mode == "other" else soft_timeout_sighandler)
    signals.task_prerun.connect(prerun, weak=False)
    signals.task_postrun.connect(postrun, weak=False)
    threading.Thread(target=send_signals, daemon=True).start()
    app.finalize()
    count_kept()
    sys.setswitchinterval(0.0001)  # the sender is to have its turn while a hook spins
    seen: Counter[str] = Counter()
    for number in range(rounds):
        delay = HOOK_S * 0.7 * number / rounds
        tracer: Any = build_tracer("soft_limits.body", body, app=app)
        result = tracer(f"id-{number}", (), {}, {"id": f"id-{number}", "delivery_info": {}})
        # it may strike in the body's first line, before the ``try``: then it is the task's end by itself
        seen["limit" if "SoftTimeLimitExceeded" in str(result[0]) else str(result[0])] += 1
    sys.stdout.write(f"{kept}\n{json.dumps(seen)}\n")


main()
