"""A worker's app whose prerun hook is still at work when the task's soft time limit strikes."""

from __future__ import annotations

import os
import time

from celery import Celery, signals

from otel_taskmon._safely import SoftTimeLimitExceeded, entering_task, leaving_task, safely

app = Celery("slow_hook", broker=os.environ["SLOW_HOOK_BROKER"], backend=os.environ["SLOW_HOOK_BROKER"])
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        len(str(until))


@app.task(name="slow_hook.limited", soft_time_limit=1)
def limited() -> str:
    try:
        spin(10)
    except SoftTimeLimitExceeded:
        return "limit"
    return "no limit"


@app.task(name="slow_hook.unlimited")
def unlimited() -> str:
    spin(0.2)
    return "no limit"


@signals.task_prerun.connect(weak=False)
@safely("slow prerun")
def prerun(task: object = None, **_: object) -> None:
    entering_task()
    if getattr(task, "name", "") == "slow_hook.limited":
        spin(3)


@signals.task_postrun.connect(weak=False)
@safely("postrun")
def postrun(**_: object) -> None:
    leaving_task()
