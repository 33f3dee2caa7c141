"""Signs of life of a worker: online, a heartbeat every ten seconds, offline.

The heartbeat comes from a thread of the operating system: a task that blocks the consumer (solo) or the hub
(gevent) makes a worker slow, not dead.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from celery import __version__ as celery_version

from otel_taskmon import _celery, _celery_worker, semconv, stamps
from otel_taskmon._safely import safely
from otel_taskmon._version import __version__
from otel_taskmon.boot import Boot, host_name
from otel_taskmon.facts import Attributes

if TYPE_CHECKING:
    from otel_taskmon.outbox.real_thread import Flag

INTERVAL_S = 10.0
QUEUES_MAX = 200
"""Most queues that one heartbeat names."""
HELD_MAX = 1000
"""Most waiting executions that one heartbeat names; their number is always told."""

Emit = Callable[[str, Attributes, None, int], object]


class Heartbeat:
    """Of the worker in this process, from :meth:`start` to :meth:`stop`."""

    def __init__(self, boot: Boot, emit: Emit) -> None:
        self._boot = boot
        self._emit = emit
        self._consumer: Any = None
        self._process = 0
        self._stopped: Flag | None = None

    @safely("worker online")
    def start(self, sender: Any = None, **_signal: Any) -> None:
        """``worker_ready``; ``sender`` is the consumer."""
        if self._process == os.getpid():
            return
        from otel_taskmon.outbox import real_thread  # publishers have no heart

        self._process, self._consumer, self._stopped = os.getpid(), sender, real_thread.Flag()
        self._say(semconv.EVENT_ONLINE)
        real_thread.start(partial(self._run, self._stopped))

    @safely("worker offline")
    def stop(self, **_signal: Any) -> None:
        """``worker_shutdown``, and at exit for a worker that ends without it; nothing in other processes."""
        if self._process != os.getpid():
            return
        self._process = 0
        if self._stopped is not None:
            self._stopped.set()
        self._say(semconv.EVENT_OFFLINE)

    def _run(self, stopped: Flag) -> None:
        self._beat()
        while not stopped.wait(INTERVAL_S):
            self._beat()

    @safely("heartbeat")
    def _beat(self) -> None:
        self._say(semconv.EVENT_HEARTBEAT)

    def _say(self, event: str) -> None:
        now = time.time_ns()  # before looking: what begins meanwhile is later than this, and may be missing
        running = _celery_worker.running_requests()
        are_running = {id(request) for request in running}
        held = [r for r in _celery_worker.reserved_requests(self._consumer) if id(r) not in are_running]
        said: Attributes = {
            semconv.WORKER: self._boot.worker,
            semconv.BOOT_ID: self._boot.id,
            semconv.HOST: host_name(),
            semconv.PID: os.getpid(),
            semconv.WORKER_RUNNING: _ids(running),
            semconv.WORKER_RUNNING_COUNT: len(running),
            semconv.WORKER_HELD: _ids(held[:HELD_MAX]),
            semconv.WORKER_HELD_COUNT: len(held),
            semconv.WORKER_INTERVAL_MS: round(INTERVAL_S * 1000),
            semconv.WORKER_VERSION: __version__,
            semconv.WORKER_CELERY_VERSION: celery_version,
        }
        for key, value in (
            (semconv.WORKER_POOL_SIZE, _celery_worker.pool_size(self._consumer)),
            (semconv.WORKER_PREFETCH, _celery_worker.prefetch_count(self._consumer)),
        ):
            if value is not None:
                said[key] = value
        queues = _celery_worker.consumed_queues(self._consumer)
        if queues is not None:
            said[semconv.WORKER_QUEUES] = json.dumps(queues[:QUEUES_MAX])
        self._emit(event, said, None, now)


def _ids(requests: Sequence[Any]) -> str:
    """Execution ids; a request that our hook has not seen has none."""
    found = (
        stamps.execution_id((_celery.request_dict(request) or {}).get(semconv.REQUEST_EXECUTION_ID))
        for request in requests
    )
    return ",".join(sorted(one for one in found if one))
