"""Publishes: stamps in the message's headers, and what the publish span says.

The stock instrumentor keeps an open publish span on the task it finds by name, and finds none for a task of
another program: that span then ends before the message is sent. So its two handlers are called from here with
a sender of our own, one per publish: each publish has its span to its end, and a publish that fails, which no
signal tells, is closed by ``around_send``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any
from uuid import uuid4

from opentelemetry.trace import Span

from otel_taskmon import _celery, execution, outcome, semconv, stamps
from otel_taskmon._safely import goes_around, safely
from otel_taskmon.boot import host_name
from otel_taskmon.facts import Attributes, Recorder, join_notes, lineage, messaging, payload, secret_positions
from otel_taskmon.payload import describe_exception

_KEPT_OPEN = 16
"""A publish that goes past ``send_task`` and fails is forgotten after so many more in the same context."""

_GIVEN = ("eta", "expires", "retries", "root_id", "parent_id", "group_index")
"""What ``send_task`` is given under the names that the message's headers have."""
_app: ContextVar[Any] = ContextVar("taskmon_publishing_app", default=None)
_begun: ContextVar[bool] = ContextVar("taskmon_publish_begun", default=False)
_open: ContextVar[tuple[Publish, ...]] = ContextVar("taskmon_open_publishes", default=())


class Publish:
    """One publish on its way; the stock handlers see it as the sending task (they read ``name``)."""

    def __init__(self, name: str, task_id: Any) -> None:
        self.name = name
        self.task_id = task_id  # as Celery has it in the headers: mostly text, but a UUID object works too


class Publishing:
    """The handlers of ``before_task_publish`` and ``after_task_publish``, and the wrapper of ``send_task``."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.stock_before: list[_celery.Receiver] = []
        self.stock_after: list[_celery.Receiver] = []
        self.begin: Callable[..., object] = self.before
        """What a publish is begun with; set by who must do something before the first span of a process."""

    def before(self, sender: object = None, **signal: Any) -> None:
        """Stamp the headers, let the stock handler open its span, then complete that span."""
        if not _celery.stock_active():
            return
        headers = signal.get("headers")
        # protocol 1 has no headers; one of ours would make the instrumentor look for the task id there
        if not isinstance(headers, dict) or headers.get("id") is None:
            _forward(self.stock_before, sender, signal)
            return
        publish = Publish(str(sender), headers["id"])
        _begun.set(True)
        self._stamp(publish, signal)
        _open.set((*_open.get()[-_KEPT_OPEN + 1 :], publish))
        _forward(self.stock_before, publish, signal)
        self._complete(publish, signal)

    @safely("after publish")
    def after(self, sender: object = None, **signal: Any) -> None:
        """Let the stock handler end the span of this publish."""
        headers = signal.get("headers")
        task_id = headers.get("id") if isinstance(headers, dict) else None
        publishes = _open.get()
        found = next((p for p in reversed(publishes) if p.task_id == task_id), None)
        if found is not None:
            _open.set(tuple(p for p in publishes if p is not found))
        elif not _celery.stock_active():
            return
        _forward(self.stock_after, found if found is not None else sender, signal)

    @goes_around
    def around_send(self, app: Any, send: partial[Any]) -> Any:
        """Run one ``send_task``; when it raises, close what it opened. Never keeps the error from the caller."""
        before = _open.get()
        sending, begun = _app.set(app), _begun.set(False)
        try:
            return send()
        except BaseException as error:
            if isinstance(error, Exception) and not _begun.get():
                self._begin_failed(send)
            for publish in reversed(_open.get()):
                if publish not in before:
                    self._fail(publish, error)
            raise
        finally:
            _app.reset(sending)
            _begun.reset(begun)
            _open.set(before)

    @safely("failed before publish")
    def _begin_failed(self, send: partial[Any]) -> None:
        """A publish that failed before its first signal: no route, or the result backend did not answer.

        Taken from what ``send_task`` was called with; an id that it would have drawn nobody has seen.
        """
        given = dict(zip(("name", "args", "kwargs"), send.args[1:], strict=False)) | send.keywords
        known = {key: given[key] for key in _GIVEN if given.get(key) is not None}
        self.begin(
            sender=given.get("name"),
            headers={
                **known,
                "id": given.get("task_id") or str(uuid4()),
                "task": given.get("name"),
                "group": given.get("group_id"),
            },
            body=(given.get("args") or (), given.get("kwargs") or {}, {"chord": given.get("chord")}),
            properties={"priority": given.get("priority")},
            routing_key=given.get("routing_key"),
        )

    @safely("publish stamps")
    def _stamp(self, publish: Publish, signal: dict[str, Any]) -> None:
        headers = signal["headers"]
        now = time.time_ns()
        first = _first_of_running(str(publish.task_id))
        if first is None and headers.get("retries"):
            first = stamps.time_ns(headers.get(semconv.HEADER_FIRST_PUBLISHED_AT), now)
        # else the header, if there, came with other tasks' headers: some tasks pass on all that they were given
        headers[semconv.HEADER_FIRST_PUBLISHED_AT] = first or now
        headers[semconv.HEADER_PUBLISHED_AT] = now
        queue = _queue(signal)
        if queue:
            headers[semconv.HEADER_QUEUE] = queue
        else:
            headers.pop(semconv.HEADER_QUEUE, None)
        task = _celery.app_or_current(_app.get()).tasks.get(publish.name)
        secret = secret_positions(self._recorder, task)
        if secret:
            headers[semconv.HEADER_SECRET_ARGS] = list(secret)
        elif task is not None:
            headers.pop(semconv.HEADER_SECRET_ARGS, None)
        # a retry carries all headers of the execution it follows
        for stale in (semconv.REQUEST_RECEIVED_AT, semconv.REQUEST_EXECUTION_ID):
            headers.pop(stale, None)

    @safely("publish span")
    def _complete(self, publish: Publish, signal: dict[str, Any]) -> None:
        span = _celery.stock_span(publish, publish.task_id, publish=True)
        if span is None or not span.is_recording():
            return
        span.set_attributes(self._attributes(publish, signal))

    def _attributes(self, publish: Publish, signal: dict[str, Any]) -> Attributes:
        headers, app = signal["headers"], _celery.app_or_current(_app.get())
        properties = signal.get("properties") or {}
        task_id = str(publish.task_id)
        attributes: Attributes = {
            semconv.APP: self._recorder.app_name(publish.name),
            semconv.HOST: host_name(),
            semconv.MESSAGING_MESSAGE_ID: task_id,
            semconv.RETRIES: stamps.number(headers.get("retries")) or 0,
        }
        args, kwargs, embed = _body(signal.get("body"))
        notes = payload(self._recorder, app.tasks.get(publish.name), args, kwargs, attributes)
        if notes:
            attributes[semconv.PAYLOAD_NOTES] = join_notes(notes)
        lineage(task_id, headers.get, embed.get("chord"), attributes)
        queue = stamps.name(headers.get(semconv.HEADER_QUEUE))
        messaging(_celery.messaging_system(app), queue, semconv.ACTION_PUBLISH, attributes)
        for key, value in (
            (semconv.QUEUE, queue),
            (semconv.ROUTING_KEY, stamps.name(signal.get("routing_key"))),
            (semconv.PRIORITY, stamps.number(properties.get("priority"))),
            (semconv.ETA, stamps.moment_ns(headers.get("eta"))),
            (semconv.EXPIRES, stamps.moment_ns(headers.get("expires"))),
            (semconv.FIRST_PUBLISHED_AT, headers.get(semconv.HEADER_FIRST_PUBLISHED_AT)),
            (semconv.PUBLISHED_AT, headers.get(semconv.HEADER_PUBLISHED_AT)),
        ):
            if value not in (None, ""):
                attributes[key] = value
        return attributes

    @safely("failed publish")
    def _fail(self, publish: Publish, error: BaseException) -> None:
        try:
            span = _celery.stock_span(publish, publish.task_id, publish=True)
            if span is not None and span.is_recording():
                self._record_failure(span, error)
        finally:
            _celery.close_stock_publish(publish, publish.task_id)

    def _record_failure(self, span: Span, error: BaseException) -> None:
        found = describe_exception(error, self._recorder.encoder)
        outcome.add_exception(span, found)
        span.set_attribute(semconv.ERROR_TYPE, found.type)
        span.set_status(outcome.error_status(found))


def _forward(receivers: Sequence[_celery.Receiver], sender: object, signal: dict[str, Any]) -> None:
    for receiver in receivers:
        receiver(sender=sender, **signal)


def _first_of_running(task_id: str) -> int | None:
    """When a task publishes itself again (a retry), the time that its running execution goes by."""
    current = _celery.current_execution()
    if current is None or current[1].id != task_id:
        return None
    running = execution.of(current[1])
    return running.first_published_at if running is not None else None


def _queue(signal: dict[str, Any]) -> str:
    """The queue a message is going to: by the default exchange's rule, else the declared one if it is bound to that.

    Celery declares its default queue also where ``apply_async(exchange=…)`` sends the message past it.
    """
    exchange, key = signal.get("exchange"), signal.get("routing_key")
    if exchange == "":
        return stamps.name(key)
    exchange = getattr(exchange, "name", exchange)
    declared = signal.get("declare")
    if isinstance(exchange, str) and isinstance(declared, (list, tuple)):
        for queue in declared:
            if _celery.takes(queue, exchange, key if isinstance(key, str) else ""):
                return stamps.name(getattr(queue, "name", ""))
    return ""


def _body(body: object) -> tuple[object, object, dict[str, Any]]:
    if isinstance(body, (tuple, list)) and len(body) == 3:
        return body[0], body[1], body[2] if isinstance(body[2], dict) else {}
    return (), {}, {}
