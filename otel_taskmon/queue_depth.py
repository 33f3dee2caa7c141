"""Lengths of the app's queues, sampled by one of its workers at a time and told as gauges.

Which worker that is, is settled on the broker (``broker.lease``): of all workers that use the same one, one counts,
for the queues that any of them knows. It runs in a thread of the operating system with a connection of its own and
short time-outs, so a broker that hangs or refuses delays no task, and nothing but the gauges is missing then.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel_taskmon import broker, semconv
from otel_taskmon._safely import safely

if TYPE_CHECKING:
    from otel_taskmon.broker.amqp import AmqpBroker
    from otel_taskmon.broker.amqp_lease import AmqpLease
    from otel_taskmon.broker.redis_broker import RedisBroker
    from otel_taskmon.broker.redis_lease import RedisLease
    from otel_taskmon.outbox.real_thread import Flag

_log = logging.getLogger("otel_taskmon")

LEASE: Final = "queue_depth"
LEASE_INTERVALS: Final = 1.5
"""A holder that is gone is replaced within this many intervals and one more: 25 s."""
TOLD_INTERVALS: Final = 3.0
"""A queue of which no worker has told for so long is no longer counted."""
MOST_QUEUES: Final = 1_000
END_S: Final = 0.5

EmitGauge = Callable[[str, int, Mapping[str, str], int], object]
"""Name, value, attributes, time in ns since 1970."""


class QueueDepth:
    """Of the worker in this process, from :meth:`start` to :meth:`stop`."""

    def __init__(
        self,
        connect: Callable[[], RedisBroker | AmqpBroker],
        queues: Callable[[], Iterable[str]],
        emit: EmitGauge,
        interval_s: float,
    ) -> None:
        """``connect`` gives a broker that nobody else uses; ``queues`` names those that this worker knows."""
        self._connect, self._queues, self._emit = connect, queues, emit
        self._interval_s = interval_s
        self._process = 0
        self._stopped: Flag | None = None
        self._ended: Flag | None = None
        self._broker: RedisBroker | AmqpBroker | None = None
        self._lease: RedisLease | AmqpLease | None = None

    @safely("queue depth start")
    def start(self, **_signal: Any) -> None:
        """``worker_ready``, in the main process."""
        if self._process == os.getpid():
            return
        from otel_taskmon.outbox import real_thread  # publishers count nothing

        self._stopped, self._ended = real_thread.Flag(), real_thread.Flag()
        self._process, self._broker, self._lease = os.getpid(), None, None
        real_thread.start(partial(self._run, self._stopped, self._ended))

    @safely("queue depth end")
    def begin_stop(self) -> None:
        """The worker ends; does not wait."""
        if self._process == os.getpid() and self._stopped is not None:
            self._stopped.set()

    @safely("queue depth stop")
    def stop(self) -> None:
        """The worker ends. Waits for half a second at most; a lease that is not given back by then runs out.

        Under eventlet and gevent the thread's sockets are green ones, and a thread that the interpreter ends in the
        middle of a switch between greenlets takes the process with it: so it gets the time to end by itself.
        """
        if self._process == os.getpid() and self._stopped is not None and self._ended is not None:
            self._process = 0
            self._stopped.set()
            self._ended.wait(END_S)

    def _run(self, stopped: Flag, ended: Flag) -> None:
        with (
            suppress_instrumentation()
        ):  # what an instrumentation of the broker's library sees are the user's calls
            self._rounds(stopped)
            self._give_back()
        ended.set()

    def _rounds(self, stopped: Flag) -> None:
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                due = time.monotonic() + self._interval_s
                if self._round() is None:
                    self._forget()
            else:
                self._keep_alive()
            every_s = self._lease.keep_alive_every_s if self._lease is not None else None
            if stopped.wait(min(max(due - time.monotonic(), 0.0), every_s or self._interval_s)):
                return

    @safely("queue depth")
    def _round(self) -> bool:
        """One sample, where this worker is the one; None where it failed."""
        if self._broker is None or self._lease is None:
            try:
                self._broker = self._connect()
            except broker.UnsupportedBroker as error:
                _log.info("queue depth is not recorded: %s", error)
                if self._stopped is not None:
                    self._stopped.set()
                return True
            self._lease = self._broker.lease(LEASE, self._interval_s * LEASE_INTERVALS)
        own = set(self._queues())
        held = self._lease.hold()
        self._lease.tell(own)
        if held:
            known = own | self._lease.told(self._interval_s * TOLD_INTERVALS)
            self._sample(self._broker, sorted(known)[:MOST_QUEUES])
        return True

    def _sample(self, source: RedisBroker | AmqpBroker, queues: list[str]) -> None:
        depths = source.depths(queues)
        now = time.time_ns()
        for depth in depths:
            said = {
                semconv.MESSAGING_SYSTEM: source.system,
                semconv.MESSAGING_DESTINATION_NAME: depth.queue,
            }
            for name, value in (
                (semconv.QUEUE_DEPTH, depth.depth),
                (semconv.QUEUE_UNACKED, depth.unacked),
                (semconv.QUEUE_CONSUMERS, depth.consumers),
                (semconv.QUEUE_OLDEST_AT, depth.oldest_at_ns),
            ):
                if value is not None:
                    self._emit(name, value, said, now)

    @safely("queue depth connection")
    def _keep_alive(self) -> None:
        if self._lease is not None:
            self._lease.keep_alive()

    @safely("queue depth lease")
    def _give_back(self) -> None:
        if self._lease is not None:
            self._lease.release()
        self._forget()

    @safely("queue depth connection")
    def _forget(self) -> None:
        """The next round connects anew."""
        gone, self._broker, self._lease = self._broker, None, None
        if gone is not None:
            gone.close()


def of_app(app: Callable[[], Any], emit: EmitGauge, interval_s: float) -> QueueDepth:
    """For a Celery app's own broker and queues; ``app`` is asked when the worker is ready."""
    return QueueDepth(
        lambda: broker.connect_by(app().connection_for_read), lambda: queue_names(app()), emit, interval_s
    )


def queue_names(app: Any) -> set[str]:
    """Declared queues, those that this worker consumes from, and those that ``task_routes`` names.

    Queues of fanout exchanges are left out: each consumer has one of its own, with a name made at its start.
    """
    queues = {**app.amqp.queues, **app.amqp.queues.consume_from}
    declared = {
        queue.name for queue in queues.values() if getattr(queue.exchange, "type", "direct") != "fanout"
    }
    return {name for name in declared | set(_routed(app.conf.task_routes)) if name}


def _routed(routes: object) -> Iterator[str]:
    """Queues in the forms of ``task_routes`` that can be read without a task: dicts, and lists of pairs and dicts."""
    if isinstance(routes, Mapping):
        routes = routes.items()
    elif not isinstance(routes, list | tuple):
        return
    for route in routes:
        if isinstance(route, Mapping):
            yield from _routed(route)
        elif isinstance(route, list | tuple) and len(route) == 2:
            target = route[1].get("queue") if isinstance(route[1], Mapping) else route[1]
            name = getattr(target, "name", target)
            if isinstance(name, str):
                yield name
