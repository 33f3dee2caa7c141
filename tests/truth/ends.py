"""The ways in which a worker ends, or loses a part of itself, each with fifty executions before it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGKILL, SIGQUIT, SIGTERM

from tests.support.processes import Child
from tests.support.waiting import wait_until
from tests.truth.cell import OURS, STOCK, Cell, pool_processes

COUNT = 50
COUNT_OF_NEW_PROCESSES = 20
"""Where every execution takes a process of its own."""
POOLS = ("prefork", "threads", "gevent", "eventlet", "solo")
_PREFORK = ("prefork",)
_WITHOUT_EVENTLET = ("prefork", "threads", "gevent", "solo")
_HOLD_S = 3.0
_LOST = "billiard.exceptions.WorkerLostError"
CUT_OFF = ("LOST", "worker shut down", "")
BROKEN_BY_CELERY = ("FAILURE", "", "NotImplementedError")
"""In solo Celery's signal handler runs inside the task, and what it raises there is the task's own end."""
NOT_REPORTED = ("LOST", "", "")
"""Nobody was left to say it: the latest view does."""


@dataclass(frozen=True)
class End:
    """One row of the matrix."""

    row: str
    run: Callable[[Cell], None]
    pools: tuple[str, ...] = _PREFORK
    kinds: tuple[str, ...] = (OURS, STOCK)


def _fifty(cell: Cell, worker: Child, count: int = COUNT, seconds: float = 0.01) -> None:
    cell.ticks(count, seconds=seconds)
    cell.wait_for(worker, ended=count)


def _fifty_and_running(cell: Cell, worker: Child, hold_s: float = 60.0, limit_s: int = 0) -> int:
    """Fifty that ended, and as many that run as the worker has places, but for one; how many run."""
    holds = 1
    cell.ticks(COUNT, holds=holds, hold_s=hold_s, limit_s=limit_s)
    cell.wait_for(worker, ended=COUNT, running=holds)
    return holds


def idle(cell: Cell) -> None:
    _fifty(cell, cell.worker())
    cell.lasting = True


def warm(cell: Cell) -> None:
    worker = cell.worker()
    _fifty(cell, worker)
    worker.stop(SIGTERM)


def cold_idle(cell: Cell) -> None:
    worker = cell.worker()
    _fifty(cell, worker)
    worker.stop(SIGQUIT)


def cold_running(cell: Cell) -> None:
    worker = cell.worker()
    _fifty_and_running(cell, worker, hold_s=_HOLD_S)
    worker.stop(SIGQUIT)
    cell.unfinished = BROKEN_BY_CELERY if cell.pool == "solo" else CUT_OFF


def sigterm_twice(cell: Cell) -> None:
    worker = cell.worker()
    _fifty_and_running(cell, worker, hold_s=_HOLD_S)
    worker.signal(SIGTERM)
    wait_until(lambda: "Warm shutdown" in worker.output(), "the warm shutdown", context=worker.output)
    worker.stop(SIGTERM)
    cell.unfinished = CUT_OFF


def sigterm_to_pool(cell: Cell) -> None:
    worker = cell.worker()
    _fifty(cell, worker)
    for pid in pool_processes(worker):
        os.kill(pid, SIGTERM)
    worker.stop(SIGTERM)


def max_tasks_1(cell: Cell) -> None:
    worker = cell.worker("--max-tasks-per-child=1")
    _fifty(cell, worker, COUNT_OF_NEW_PROCESSES)
    worker.stop(SIGTERM)


def max_tasks_10(cell: Cell) -> None:
    worker = cell.worker("--max-tasks-per-child=10")
    _fifty(cell, worker)
    worker.stop(SIGTERM)


def max_memory(cell: Cell) -> None:
    worker = cell.worker("--max-memory-per-child=1000")
    _fifty(cell, worker, COUNT_OF_NEW_PROCESSES)
    worker.stop(SIGTERM)


def autoscale(cell: Cell) -> None:
    worker = cell.worker("--autoscale=4,1")
    _fifty(cell, worker, seconds=0.1)
    wait_until(lambda: len(pool_processes(worker)) == 1, "the pool to shrink", context=worker.output)
    worker.stop(SIGTERM)


def pool_shrink(cell: Cell) -> None:
    worker = cell.worker(concurrency=3)
    _fifty(cell, worker)
    cell.control.pool_shrink(2, destination=[cell.node], reply=True, timeout=10)
    wait_until(lambda: len(pool_processes(worker)) == 1, "the pool to shrink", context=worker.output)
    worker.stop(SIGTERM)


def pool_restart(cell: Cell) -> None:
    """As Celery does it today: the parts around the pool begin anew, the pool processes stay."""
    worker = cell.worker()
    cell.ticks(COUNT // 2)
    cell.wait_for(worker, ended=COUNT // 2)
    answers = cell.control.pool_restart(destination=[cell.node], reply=True, timeout=20)
    assert answers == [{cell.node: {"ok": "reload started"}}], answers
    cell.ticks(COUNT - COUNT // 2)
    cell.wait_for(worker, ended=COUNT)
    worker.stop(SIGTERM)


def hard_limit(cell: Cell) -> None:
    worker = cell.worker()
    _fifty_and_running(cell, worker, limit_s=1)
    wait_until(lambda: "Hard time limit" in worker.output(), "the limit to strike", context=worker.output)
    worker.stop(SIGTERM)
    limit = "billiard.exceptions.TimeLimitExceeded"
    cell.unfinished = ("FAILURE", "hard time limit .1 s. exceeded", limit)


def revoke_terminate(cell: Cell) -> None:
    worker = cell.worker()
    _fifty_and_running(cell, worker)
    running = cell.told()[-1].task_id
    cell.control.terminate(running, destination=[cell.node], reply=True, timeout=10)
    wait_until(lambda: "Terminating" in worker.output(), "the termination", context=worker.output)
    worker.stop(SIGTERM)
    cell.unfinished = ("REVOKED", "terminated by SIGTERM", "")


def kill_pool_process(cell: Cell) -> None:
    worker = cell.worker()
    _fifty_and_running(cell, worker)
    for pid in pool_processes(worker):
        os.kill(pid, SIGKILL)
    wait_until(lambda: "WorkerLostError" in worker.output(), "the loss", context=worker.output)
    worker.stop(SIGTERM)
    cell.unfinished = ("LOST", "pool process ended: signal 9 .SIGKILL.", _LOST)


def kill_main(cell: Cell) -> None:
    worker = cell.worker()
    _fifty(cell, worker)
    worker.stop(SIGKILL)
    _next_process(cell)


def kill_main_running(cell: Cell) -> None:
    worker = cell.worker()
    _fifty_and_running(cell, worker)
    worker.stop(SIGKILL)
    _next_process(cell)
    cell.unfinished = NOT_REPORTED


def _next_process(cell: Cell) -> None:
    """The next one with an outbox on that host: a supervisor starts the worker again."""
    cell.worker()
    cell.lasting = True


ENDS: tuple[End, ...] = (
    End("idle", idle, POOLS),
    End("warm shutdown", warm, POOLS),
    End("cold shutdown, idle", cold_idle, _WITHOUT_EVENTLET),
    End("cold shutdown, running", cold_running, _WITHOUT_EVENTLET),
    End("SIGTERM twice, running", sigterm_twice, _WITHOUT_EVENTLET),
    End("SIGTERM to the pool processes", sigterm_to_pool),
    End("max-tasks-per-child 1", max_tasks_1),
    End("max-tasks-per-child 10", max_tasks_10),
    End("max-memory-per-child", max_memory),
    End("autoscale shrinks", autoscale),
    End("pool_shrink", pool_shrink),
    End("pool_restart", pool_restart),
    End("hard limit kills one of many", hard_limit),
    End("revoke with terminate", revoke_terminate),
    End("SIGKILL of the pool processes", kill_pool_process),
    End("SIGKILL of the main process", kill_main, _WITHOUT_EVENTLET),
    End("SIGKILL of main, task running", kill_main_running, _WITHOUT_EVENTLET),
)
