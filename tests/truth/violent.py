"""Executions that do not come to an end of their own, with what must be recorded of them; see ``outcomes``."""

from __future__ import annotations

import time
from signal import SIGKILL, SIGSEGV, SIGTERM
from typing import Any

import redis

from tests.apps import truth as shop
from tests.truth.expected import Expected
from tests.truth.outcomes import Outcome

_DEADLINE_S = 30.0
_LOST = "billiard.exceptions.WorkerLostError"


def result_backend_down() -> list[Expected]:
    """In solo Celery takes it for the loss of its broker and connects again: wait until it is back."""
    row, task_id = "backend down when the result is stored", shop.backend_down.delay().id
    _wait_for_start(task_id)
    until = time.monotonic() + _DEADLINE_S
    while not shop.app.control.ping(destination=[f"{shop.CELL}@tests"], timeout=0.5):
        if time.monotonic() > until:
            raise TimeoutError(f"the worker did not answer within {_DEADLINE_S:g} s")
    reason = "the result was not stored .*"
    return [Expected(row, task_id, "truth.backend_down", "SUCCESS", result='"done"', reason=reason)]


def pool_process_dies() -> list[Expected]:
    killed, faulted = shop.kills_itself.delay(int(SIGKILL)).id, shop.kills_itself.delay(int(SIGSEGV)).id
    left = shop.os_exit.delay(7).id
    ended = "pool process ended: "
    return [
        _lost("SIGKILL of its pool process", killed, "kills_itself", f"{ended}signal 9 .SIGKILL.", [9]),
        _lost("SIGSEGV", faulted, "kills_itself", f"{ended}signal 11 .SIGSEGV.", [11]),
        _lost("os._exit", left, "os_exit", f"{ended}exit code 7", [7]),
    ]


def exits_in_prefork() -> list[Expected]:
    return _exits("pool process ended: exit code 3")


def exits_elsewhere() -> list[Expected]:
    return _exits("the task raised SystemExit")


def exits_in_solo() -> list[Expected]:
    """Celery's own worker breaks on it and ends, so nothing can come behind."""
    task_id, reason = shop.sys_exit.delay(3).id, "the task raised SystemExit"
    return [_lost("sys.exit", task_id, "sys_exit", reason, [3])]


def interrupted_in_solo() -> list[Expected]:
    return [_interrupted()]


def _exits(of_exit: str) -> list[Expected]:
    left = shop.sys_exit.delay(3).id
    return [_lost("sys.exit", left, "sys_exit", of_exit, [3]), _interrupted()]


def _interrupted() -> Expected:
    task_id, reason = shop.interrupted.delay().id, "the task raised KeyboardInterrupt"
    return _lost("KeyboardInterrupt", task_id, "interrupted", reason, [])


def redelivered() -> list[Expected]:
    task_id, row, name = (
        shop.killed_once.delay().id,
        "reject_on_worker_lost, redelivered",
        "truth.killed_once",
    )
    reason = "pool process ended: signal 9 .SIGKILL."
    return [
        Expected(row, task_id, name, "LOST", reason=reason, exc_type=_LOST),
        Expected(row, task_id, name, "SUCCESS", redelivered=True, result='"done"'),
    ]


def soft_limit() -> list[Expected]:
    task_id, exc_type = shop.softly_limited.delay().id, "billiard.exceptions.SoftTimeLimitExceeded"
    return [Expected("soft time limit", task_id, "truth.softly_limited", "FAILURE", exc_type=exc_type)]


def hard_limit() -> list[Expected]:
    task_id, exc_type = shop.hold.apply_async((30,), time_limit=1).id, "billiard.exceptions.TimeLimitExceeded"
    said: dict[str, Any] = {"reason": "hard time limit .1 s. exceeded", "exc_type": exc_type, "args": [30]}
    return [Expected("hard time limit", task_id, "truth.hold", "FAILURE", **said)]


def terminated() -> list[Expected]:
    task_id = shop.hold.delay(30.5).id
    _wait_for_start(task_id)
    shop.app.control.revoke(
        task_id, terminate=True, signal="SIGTERM", destination=[f"{shop.CELL}@tests"], reply=True, timeout=10
    )
    reason = f"terminated by {SIGTERM.name}"
    row = "revoked with terminate=True while running"
    return [Expected(row, task_id, "truth.hold", "REVOKED", reason=reason, args=[30.5])]


def _lost(row: str, task_id: str, name: str, reason: str, args: list[Any]) -> Expected:
    return Expected(row, task_id, f"truth.{name}", "LOST", reason=reason, exc_type=_LOST, args=args)


def _wait_for_start(task_id: str) -> None:
    """Until the task itself says that it runs."""
    told = redis.Redis.from_url(shop.URL)
    until = time.monotonic() + _DEADLINE_S
    while not any(task_id.encode() in one for one in told.lrange(shop.STARTS, 0, -1)):
        if time.monotonic() > until:
            raise TimeoutError(f"{task_id} did not start within {_DEADLINE_S:g} s")
        time.sleep(0.05)


_GREEN: tuple[Outcome, ...] = (result_backend_down, exits_elsewhere, terminated)
VIOLENT: dict[str, tuple[Outcome, ...]] = {
    "prefork": (
        *(result_backend_down, soft_limit, hard_limit, pool_process_dies, exits_in_prefork, redelivered),
        terminated,
    ),
    "threads": (result_backend_down, exits_elsewhere),
    "gevent": (*_GREEN, hard_limit),
    "eventlet": _GREEN,
    "solo": (result_backend_down, exits_in_solo),
}
"""By pool: what Celery has there. Elsewhere than in prefork ``os._exit`` and signals end the whole worker, time limits
do not exist (a hard one does in gevent), and only green pools terminate a running task."""
INTERRUPTED: dict[str, tuple[Outcome, ...]] = {"solo": (interrupted_in_solo,)}
"""What needs a worker for itself."""
