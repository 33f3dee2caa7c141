"""One execution of a task, from its start: what the run span says before the task's own code runs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from opentelemetry.trace import Span

from otel_taskmon import _celery, semconv, stamps
from otel_taskmon.boot import Boot, host_name, new_id
from otel_taskmon.facts import Attributes, Recorder, join_notes, lineage, messaging, payload

_ON_REQUEST = "_taskmon_execution"
REPORTER = "pool"


@dataclass
class Execution:
    """Kept on the request object, so that it lives and ends with it and needs no table of ids."""

    span: Span = field(repr=False)
    first_published_at: int
    """ns since the epoch; every execution of the task has this same one."""
    notes: tuple[str, ...]


def of(request: Any) -> Execution | None:
    """The execution that was begun for ``request``."""
    found = getattr(request, _ON_REQUEST, None)
    return found if isinstance(found, Execution) else None


def begin(recorder: Recorder, boot: Boot, task: Any, request: Any, span: Span) -> Execution:
    """Write all that is known at the start on ``span``, and keep it on ``request``."""
    started_at = getattr(span, "start_time", None) or time.time_ns()
    attributes = known_of(recorder, boot, task.app, task.name, request, started_at)
    attributes |= {semconv.REPORTER: REPORTER, semconv.PID: os.getpid(), semconv.STARTED_AT: started_at}
    notes = payload(recorder, task, request.args, request.kwargs, attributes)
    if notes:
        attributes[semconv.PAYLOAD_NOTES] = join_notes(notes)
    first_published_at = attributes[semconv.FIRST_PUBLISHED_AT]
    assert isinstance(first_published_at, int)
    if request.is_eager:
        # an eager retry publishes nothing: Celery hands it these headers, and so the time they share
        headers = request.headers if isinstance(request.headers, dict) else {}
        request.headers = {**headers, semconv.HEADER_FIRST_PUBLISHED_AT: first_published_at}
    span.set_attributes(attributes)
    execution = Execution(span, first_published_at, notes)
    setattr(request, _ON_REQUEST, execution)
    return execution


def known_of(
    recorder: Recorder, boot: Boot, app: Any, task_name: str, request: Any, started_at: int
) -> Attributes:
    """What is known of an execution before it starts, without its payload; the same for all who report it.

    ``request`` is the task's own or a :class:`~otel_taskmon.messages.Message`. ``started_at`` (ns) stands in for
    the time of the first publish where nobody stamped it.
    """
    attributes: Attributes = {
        semconv.APP: recorder.app_name(task_name),
        semconv.HOST: host_name(),
        semconv.IS_EAGER: bool(request.is_eager),
        semconv.RETRIES: stamps.number(request.retries) or 0,
    }
    lineage(stamps.name(request.id), partial(_header, request), request.chord, attributes)
    _worker(boot, request, attributes)
    _delivery(app, request, attributes)
    _times(app, request, started_at, attributes)
    return attributes


def _header(request: Any, name: str) -> Any:
    """Not ``request.get``: any header is an attribute of the request, one called ``get`` too."""
    return getattr(request, name, None)


def _worker(boot: Boot, request: Any, into: Attributes) -> None:
    """An eager task runs in whatever process called it: a worker is named only where there is one."""
    worker = boot.worker if request.is_eager else stamps.name(request.hostname)
    if worker:
        into[semconv.WORKER] = worker
        into[semconv.BOOT_ID] = boot.id
    into[semconv.EXECUTION_ID] = (
        stamps.execution_id(_header(request, semconv.REQUEST_EXECUTION_ID)) or new_id()
    )


def _delivery(app: Any, request: Any, into: Attributes) -> None:
    info = request.delivery_info if isinstance(request.delivery_info, dict) else {}
    if request.is_eager:
        messaging("", "", semconv.ACTION_RUN, into)
        return
    queue = stamps.name(_header(request, semconv.HEADER_QUEUE)) or stamps.name(_celery.queue_of(app, info))
    messaging(_celery.messaging_system(app), queue, semconv.ACTION_RUN, into)
    if queue:
        into[semconv.QUEUE] = queue
    routing_key = stamps.name(info.get("routing_key"))
    if routing_key:
        into[semconv.ROUTING_KEY] = routing_key
    priority = stamps.number(info.get("priority"))
    if priority is not None:
        into[semconv.PRIORITY] = priority
    into[semconv.REDELIVERED] = bool(info.get("redelivered"))


def _times(app: Any, request: Any, started_at: int, into: Attributes) -> None:
    """When it was published and received, eta and expires.

    Where no publisher of ours stamped the first publish, the receive time stands in, else the start.
    """
    now = time.time_ns()
    published = stamps.time_ns(_header(request, semconv.HEADER_PUBLISHED_AT), now)
    received = stamps.time_ns(_header(request, semconv.REQUEST_RECEIVED_AT), now)
    first = stamps.time_ns(_first_published(request), now) or published or received or started_at
    for key, value in (
        (semconv.FIRST_PUBLISHED_AT, first),
        (semconv.PUBLISHED_AT, published),
        (semconv.RECEIVED_AT, received),
        (semconv.ETA, stamps.moment_ns(request.eta, _celery.app_timezone(app))),
        (semconv.EXPIRES, stamps.moment_ns(request.expires, _celery.app_timezone(app))),
    ):
        if value is not None:
            into[key] = value


def _first_published(request: Any) -> object:
    found = _header(request, semconv.HEADER_FIRST_PUBLISHED_AT)
    if found is None and isinstance(request.headers, dict):
        found = request.headers.get(semconv.HEADER_FIRST_PUBLISHED_AT)
    return found
