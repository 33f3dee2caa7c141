"""The worker's main process: what it receives and starts, and the ends that no pool process can report.

Each such end is a run span of its own, made in one go, with the same keys as a pool process writes; the tables
put it in the place of what the pool process left. All of this runs on the consumer's loop, so it only builds
records and hands them to the batch.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Tracer, get_current_span

from otel_taskmon import (
    _celery,
    _celery_worker,
    endings,
    execution,
    messages,
    outcome,
    semconv,
    stamps,
    watched_request,
)
from otel_taskmon._safely import safely
from otel_taskmon.boot import Boot, new_id
from otel_taskmon.endings import Ending
from otel_taskmon.facts import Attributes, Recorder, join_notes, payload
from otel_taskmon.messages import Message
from otel_taskmon.outbox.known import Known
from otel_taskmon.payload import describe_exception
from otel_taskmon.payload.redaction import MASK
from otel_taskmon.usual_events import Usual, UsualEvents

_log = logging.getLogger("otel_taskmon")
_ON_REQUEST = "_taskmon_held"
REPORTER = "main"
_PID_MOST = 1 << 22
"""Linux has no larger process id; pools of green threads give the address of a greenlet instead."""


Emit = Callable[[str, Attributes, SpanContext | None, None, Known], object]
"""Takes name, attributes, the publish that it goes back to, time (None: now), attributes that others say too."""


@dataclass(slots=True)
class Held:
    """Kept on a worker's request from its receipt to its end."""

    known: Known | None = None
    """What is known before the start; filled in when it is first needed."""
    publish: SpanContext | None = None
    usual: Usual | None = None
    """Its receipt was told from a template; then what is known of it is not filled in."""
    untold: bool = False
    """There are to be no events of it."""
    ended: bool = False
    """Its end has been reported; Celery tells of some ends more than once."""


class MainProcess:
    """The handlers of the main process; ``tracer`` is asked at each report, since the provider may come late."""

    def __init__(
        self,
        recorder: Recorder,
        boot: Boot,
        tracer: Callable[[], Tracer],
        emit: Emit | None,
        usual: UsualEvents | None = None,
        drops_unsampled: Callable[[], bool] = lambda: False,
    ) -> None:
        """``emit`` takes events; None: there are to be none. ``usual`` takes those that it can, before.

        ``drops_unsampled``: whether the spans of a task are dropped whose publish is not sampled.
        """
        self._recorder = recorder
        self._boot = boot
        self._tracer = tracer
        self._emit = emit
        self._usual = usual
        self._drops_unsampled = drops_unsampled

    def watch(self) -> None:
        """Before the worker makes its classes of requests; once per process."""
        missing = _celery_worker.missing_parts()
        if missing:
            _log.error(
                "ends that only the main process can tell are not recorded: this version of Celery has no %s",
                ", ".join(missing),
            )
            return
        _celery_worker.wrap_request_classes(lambda made: watched_request.subclass(made, self))
        _celery_worker.wrap_decode_errors(self.undecodable)
        _celery_worker.watch_cold_shutdown()

    # ---- on the way ----------------------------------------------------------------------------------------
    @safely("task received")
    def received(self, request: Any) -> None:
        """Stamp it: (task id, retries) is not unique under redelivery, the execution id is."""
        headers = _celery.request_dict(request)
        if headers is None:
            return
        held = self._hold(request, headers)
        if self._emit is None:
            return
        # what is never told to end must not begin
        if not _celery.stock_active() or (self._drops_unsampled() and not _is_sampled(headers)):
            held.untold = True
            return
        task, chord = request.task, _celery.chord_of(request)
        if self._usual is not None:
            held.usual = self._usual.received(task.app, task.name, headers, chord)
        if held.usual is None:
            known = self._know(held, task.app, task.name, headers, chord)
            self._emit(semconv.EVENT_RECEIVED, {}, held.publish, None, known)

    @safely("task started")
    def accepted(self, request: Any) -> None:
        if self._emit is None:
            return
        held, task, start = self._held(request), request.task, _start(request)
        if held.untold:
            return
        headers = _celery.request_dict(request) or {}
        if (
            held.usual is not None
            and self._usual is not None
            and self._usual.started(held.usual, task.app, task.name, headers, start)
        ):
            return
        known = self._know(held, task.app, task.name, headers, _celery.chord_of(request))
        self._emit(semconv.EVENT_STARTED, start, held.publish, None, known)

    # ---- ends ----------------------------------------------------------------------------------------------
    @safely("task failed in the main process")
    def failed(self, request: Any, error: object) -> None:
        ending = endings.of_failure(error)
        if ending is not None:
            self._end(request, ending)

    @safely("task not run")
    def not_run(self, request: Any) -> None:
        skips = _celery_worker.skips_second_delivery(request)
        ending = endings.of_not_run(request.kwargs, skips=skips)
        if ending is not None:
            self._end(request, ending, ran=False)

    @safely("task cancelled")
    def cancelled(self, request: Any) -> None:
        self._end(request, endings.of_cancel(shutting_down=_celery_worker.is_terminating()))

    @safely("task revoked")
    def revoked(
        self,
        sender: Any = None,
        request: Any = None,
        terminated: bool = False,
        signum: object = None,
        expired: bool = False,
        **_signal: Any,
    ) -> None:
        """``task_revoked``; its ``request`` is a context, the worker's own request is the one being handled."""
        handled = watched_request.handled()
        ending = endings.of_revoke(handled, terminated=terminated, signum=signum, expired=expired)
        if handled is not None:
            self._end(handled, ending)
        elif sender is not None:  # a worker whose requests are not made by Celery's own strategy
            message = Message(vars(request), **self._stamps())
            self._report(ending, sender.name, sender, sender.app, message, Held(), {}, time.time_ns())

    @safely("unknown task")
    def unknown(self, sender: Any = None, message: Any = None, name: Any = None, **_signal: Any) -> None:
        self._turned_down(sender, message, name, endings.of_unknown_task(), decode=True)

    @safely("task rejected")
    def rejected(self, sender: Any = None, message: Any = None, exc: object = None, **_signal: Any) -> None:
        self._turned_down(sender, message, None, endings.of_rejected(message, exc), decode=True)

    @safely("undecodable message")
    def undecodable(self, consumer: Any, message: Any, error: object) -> None:
        self._turned_down(consumer, message, None, endings.of_undecodable(error), decode=False)

    @safely("tasks run together")
    def batch_ended(self, task: Any, request: Any, state: str | None, args: object) -> None:
        """In the process that ran them: the only run span that there is so far is of no message.

        ``args``: of the call; ``request``: without an id, as ``task_postrun`` finds it where a task takes messages
        at once. The task's own code says which of them have failed, and only to the result backend.
        """
        taken = messages.of_batch(args)
        if not taken or state is None:
            return
        begun = execution.of(request)
        now = time.time_ns()
        started_at = now if begun is None else getattr(begun.span, "start_time", None) or now
        start: Attributes = {semconv.STARTED_AT: started_at, semconv.PID: os.getpid()}
        ending = Ending(state, f"one of {len(taken)} messages that ran together")
        for message in taken:
            self._report(
                ending, task.name, task, task.app, message, Held(), start, now, reporter=execution.REPORTER
            )

    # ---- inside --------------------------------------------------------------------------------------------
    def _stamps(self) -> dict[str, Any]:
        return {
            semconv.REQUEST_RECEIVED_AT: time.time_ns(),
            semconv.REQUEST_EXECUTION_ID: new_id(),
        }

    def _hold(self, request: Any, headers: dict[str, Any]) -> Held:
        headers.update(self._stamps())
        held = Held()
        setattr(request, _ON_REQUEST, held)
        return held

    def _held(self, request: Any) -> Held:
        """One that was revoked as it came in has not been received as far as Celery's signals go."""
        held = getattr(request, _ON_REQUEST, None)
        if isinstance(held, Held):
            return held
        headers = _celery.request_dict(request)
        if headers is None:
            raise TypeError("a request without its dict")
        return self._hold(request, headers)

    def _know(self, held: Held, app: Any, task_name: str, headers: Mapping[str, Any], chord: object) -> Known:
        known = held.known
        if known is None:
            common, own = execution.known_of(
                self._recorder, self._boot, app, task_name, headers.get, chord, time.time_ns()
            )
            own[semconv.MESSAGING_MESSAGE_ID] = stamps.name(headers.get("id"))
            known = held.known = Known(own, common)
            held.publish = messages.publish_of(headers)
        return known

    def _end(self, request: Any, ending: Ending, *, ran: bool = True) -> None:
        """``ran``: False where the pool took it and never began with the task's own code."""
        held = self._held(request)
        if held.ended:
            return
        held.ended = True
        headers = _celery.request_dict(request) or {}
        message = messages.of_request(headers, request)
        now = time.time_ns()
        ended_at = _celery_worker.lost_at_ns(request, now) if ending.state == endings.LOST else now
        self._report(
            ending,
            request.task.name,
            request.task,
            request.task.app,
            message,
            held,
            _start(request) if ran else {},
            ended_at,
        )

    def _turned_down(self, consumer: Any, message: Any, name: Any, ending: Ending, *, decode: bool) -> None:
        found = messages.of_raw(message, self._boot.worker, self._stamps(), decode=decode)
        task_name = stamps.name(name or found.task)
        task = consumer.app.tasks.get(task_name)
        self._report(ending, task_name, task, consumer.app, found, Held(), {}, time.time_ns())

    def _report(
        self,
        ending: Ending,
        task_name: str,
        task: Any,
        app: Any,
        message: Message,
        held: Held,
        start: Attributes,
        ended_at: int,
        *,
        reporter: str = REPORTER,
    ) -> None:
        """One run span from beginning to end."""
        if not _celery.stock_active():
            return
        known = self._know(held, app, task_name, vars(message), message.chord)
        attributes: Attributes = {
            **known.attributes,
            **start,
            semconv.CELERY_ACTION: semconv.ACTION_RUN,
            semconv.CELERY_STATE: ending.state,
            semconv.CELERY_TASK_NAME: task_name,
            semconv.MESSAGING_MESSAGE_ID: stamps.name(message.id) or new_id(),
            semconv.REPORTER: reporter,
        }
        notes = self._payload(task, message, attributes)
        reason = self._recorder.encoder.text(ending.reason, part="exception")
        attributes[semconv.REASON] = reason.text
        notes = (*notes, *reason.notes)
        found = describe_exception(ending.error, self._recorder.encoder) if ending.error else None
        if found is not None:
            attributes[semconv.ERROR_TYPE] = found.type
            notes = (*notes, *found.notes)
        if notes:
            attributes[semconv.PAYLOAD_NOTES] = join_notes(notes)
        started_at = start.get(semconv.STARTED_AT)
        first_ns = started_at if isinstance(started_at, int) else ended_at
        context = messages.trace_context(message)
        publish = get_current_span(context).get_span_context()
        linked = _celery.uses_links() and publish.is_valid
        span = self._tracer().start_span(
            f"run/{task_name or 'unknown'}",
            context=Context() if linked else context,
            links=[Link(publish)] if linked else None,
            kind=SpanKind.CONSUMER,
            start_time=first_ns,
            attributes=attributes,
        )
        if found is not None:
            outcome.add_exception(span, found)
        if ending.is_error:
            span.set_status(outcome.error_status(found, ending.reason))
        span.end(max(first_ns, ended_at))

    def _payload(self, task: Any, message: Message, into: Attributes) -> tuple[str, ...]:
        if message.args is None and message.kwargs is None:  # a body that nobody could or would read
            return ("args:dropped", "kwargs:dropped")
        args = message.args
        secret: tuple[int, ...] = ()
        if task is None and args and self._recorder.settings.redact:
            # nobody here knows what its arguments are called
            secret = stamps.positions(getattr(message, semconv.HEADER_SECRET_ARGS), len(args))
            args = [MASK if place in secret else item for place, item in enumerate(args)] if secret else args
        notes = payload(self._recorder, task, args, message.kwargs, into)
        return (*notes, "args:redacted") if secret else notes


def _is_sampled(headers: Mapping[str, Any]) -> bool:
    """False where the message names a publish of a trace that is not."""
    publish = messages.publish_of(headers)
    return not publish.is_valid or publish.trace_flags.sampled


def _start(request: Any) -> Attributes:
    """When the pool began with it, and the process that did; {} when it never began."""
    started = request.time_start  # seconds since the epoch
    if not isinstance(started, float):
        return {}
    pid = request.worker_pid
    return {
        semconv.STARTED_AT: int(started * 1e9),
        semconv.PID: pid if type(pid) is int and 0 < pid <= _PID_MOST else os.getpid(),
    }
