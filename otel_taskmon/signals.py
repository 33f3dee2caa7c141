"""Which handler hangs on which Celery signal; the stock instrumentor's are called by ours."""

from __future__ import annotations

import atexit
from typing import Any

from celery import signals

from otel_taskmon import _celery
from otel_taskmon._safely import entering_task, leaving_task, safely
from otel_taskmon.events import Events
from otel_taskmon.facts import Recorder
from otel_taskmon.heartbeat import Heartbeat
from otel_taskmon.lifecycle import Lifecycle
from otel_taskmon.main_process import MainProcess
from otel_taskmon.processor import TaskSpanProcessor
from otel_taskmon.publishing import Publishing
from otel_taskmon.queue_depth import QueueDepth
from otel_taskmon.running import Running
from otel_taskmon.usual_events import UsualEvents


class Hooks:
    """All our handlers, made once per process that calls ``instrument()``."""

    def __init__(
        self,
        recorder: Recorder,
        lifecycle: Lifecycle,
        events: Events | None,
        queue_depth: QueueDepth | None = None,
    ) -> None:
        """``events``, ``queue_depth``: None where none are wanted."""
        self._lifecycle = lifecycle
        self._events = events
        self._queue_depth = queue_depth
        emit = None if events is None else events.emit
        usual = None
        if events is not None and events.takes_encoded:
            usual = UsualEvents(recorder, lifecycle.boot, events.append)
        self._main = MainProcess(
            recorder, lifecycle.boot, lifecycle.tracer, emit, usual, lifecycle.drops_unsampled
        )
        self._heartbeat = None if emit is None else Heartbeat(lifecycle.boot, emit)
        self._processor = TaskSpanProcessor(recorder, lifecycle.boot)
        self._publishing = Publishing(recorder)
        self._publishing.begin = self.before_publish
        self._running = Running(recorder, lifecycle.boot)

    def connect(self) -> list[str]:
        """Connect everything; called again, it takes over stock receivers that were connected since.

        Gives the names of the signals on which no stock receiver was ever found: none in the versions we know.
        """
        # these two put unmasked, unbounded exception text on the span, and mark expected failures as errors
        _celery.take_stock_receivers(signals.task_failure)
        _celery.take_stock_receivers(signals.task_retry)
        missing: list[str] = []
        # the others are called by our own, see running and publishing
        for signal, ours, calls, stock in (
            (signals.task_prerun, self.prerun, self._running, "stock_before"),
            (signals.task_postrun, self.postrun, self._running, "stock_after"),
            (signals.before_task_publish, self.before_publish, self._publishing, "stock_before"),
            (signals.after_task_publish, self._publishing.after, self._publishing, "stock_after"),
        ):
            taken = _celery.take_stock_receivers(signal)
            if taken:
                setattr(calls, stock, taken)
            elif not getattr(calls, stock):
                missing.append(signal.name)
            signal.connect(ours, weak=False, dispatch_uid=f"taskmon.{signal.name}")
        _celery.wrap_send_task(self._publishing.around_send)
        lifecycle, main = self._lifecycle, self._main
        handlers: list[tuple[Any, Any]] = [
            (signals.worker_init, self.worker_starts),
            (signals.worker_process_init, lifecycle.pool_process_starts),
            (signals.worker_process_shutdown, lifecycle.pool_process_ends),
            (signals.worker_shutdown, self.worker_ends),
            (signals.task_received, self.received),
            (signals.task_revoked, main.revoked),
            (signals.task_unknown, main.unknown),
            (signals.task_rejected, main.rejected),
        ]
        if self._heartbeat is not None:
            handlers.append((signals.worker_ready, self._heartbeat.start))
        for signal, handler in handlers:
            signal.connect(handler, weak=False, dispatch_uid=f"taskmon.{signal.name}")
        if self._queue_depth is not None:
            signals.worker_ready.connect(
                self._queue_depth.start, weak=False, dispatch_uid="taskmon.queue_depth"
            )
        atexit.unregister(self.process_ends)
        atexit.register(self.process_ends)
        return missing

    def attach(self) -> None:
        """Join the provider that is set up already, if one is."""
        self._lifecycle.attach(self._processor)

    @safely("before publish")
    def before_publish(self, sender: object = None, **signal: Any) -> None:
        self._lifecycle.ensure(self._processor)
        self._publishing.before(sender, **signal)

    def received(self, request: Any = None, **_signal: Any) -> None:
        """In the worker's main process."""
        self._main.received(request)

    def worker_starts(self, **signal: Any) -> None:
        """``worker_init``, in the main process."""
        self._lifecycle.worker_starts(**signal)
        self._watch()

    def worker_ends(self, **_signal: Any) -> None:
        """``worker_shutdown``, in the main process."""
        if self._queue_depth is not None:
            self._queue_depth.begin_stop()
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._lifecycle.worker_ends()
        if self._queue_depth is not None:
            self._queue_depth.stop()

    def process_ends(self) -> None:
        """``atexit``; a worker that is shut down cold comes here without ``worker_shutdown``."""
        if self._queue_depth is not None:
            self._queue_depth.begin_stop()
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._lifecycle.process_ends()
        if self._queue_depth is not None:
            self._queue_depth.stop()

    @safely("watching the main process")
    def _watch(self) -> None:
        self._main.watch()
        if self._events is not None:
            self._events.prepare(self._lifecycle.boot.id)

    @safely("before the run")
    def prerun(self, task: Any = None, **_signal: Any) -> None:
        request = task.request  # asked once: it goes through a stack of requests per thread
        if not request.is_eager:  # an eager one inside another goes by the limit of that
            entering_task()
        if not self._lifecycle.is_ready():
            self._lifecycle.ensure(self._processor)
        self._running.before(task, request)

    @safely("after the run")
    def postrun(self, task: Any = None, state: str | None = None, **signal: Any) -> None:
        request = task.request
        if not request.is_eager:
            leaving_task()
        self._running.after(task, request, state, signal)
        if request.id is None:  # no message's own
            self._main.batch_ended(task, request, state, signal.get("args"))
