"""One execution of a task, from its start: what the run span says before the task's own code runs."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import Span

from otel_taskmon import _celery, alike, semconv, stamps
from otel_taskmon._safely import safely
from otel_taskmon.alike import Get
from otel_taskmon.boot import Boot, new_id
from otel_taskmon.facts import Attributes, Recorder, join_notes, lineage, payload
from otel_taskmon.outbox.known import Known
from otel_taskmon.span_attributes import PLAIN, put

_ON_REQUEST = "_taskmon_execution"
REPORTER = "pool"
starting: ContextVar[tuple[Any, Any] | None] = ContextVar("taskmon_starting_run", default=None)
"""(task, request) of the execution whose run span starts now."""


@dataclass(slots=True)
class Execution:
    """Kept on the request object, so that it lives and ends with it and needs no table of ids."""

    span: Span = field(repr=False)
    first_published_at: int
    """ns since the epoch; every execution of the task has this same one."""
    notes: tuple[str, ...]
    known: Known
    """What the span says of every execution like this one."""


def of(request: Any) -> Execution | None:
    """The execution that was begun for ``request``."""
    found = getattr(request, _ON_REQUEST, None)
    return found if isinstance(found, Execution) else None


def begin(recorder: Recorder, boot: Boot, task: Any, request: Any, span: Span) -> Execution:
    """Write all that is known at the start on ``span``, and keep it on ``request``."""
    started_at = getattr(span, "start_time", None) or time.time_ns()
    app, name = task.app, task.name
    get: Get = vars(request).get
    known, stock = alike.said_of(recorder, boot, app, name, get, REPORTER, lambda: stock_of(name, request))
    attributes = _its_own(get, get("chord"), started_at)
    if request.is_eager:
        _eager_lineage(request, attributes)
    attributes[semconv.STARTED_AT] = started_at
    notes = payload(recorder, task, request.args, request.kwargs, attributes)
    if notes:
        attributes[semconv.PAYLOAD_NOTES] = join_notes(notes)
    first_published_at = attributes[semconv.FIRST_PUBLISHED_AT]
    assert isinstance(first_published_at, int)
    if request.is_eager:
        # an eager retry publishes nothing: Celery hands it these headers, and so the time they share
        headers = request.headers if isinstance(request.headers, dict) else {}
        request.headers = {**headers, semconv.HEADER_FIRST_PUBLISHED_AT: first_published_at}
    if PLAIN.issuperset(map(type, stock.values())):
        attributes.update(stock)
        stock = {}
    put(span, attributes, known.attributes)
    if stock:  # the SDK has to look at these
        put(span, stock)
    execution = Execution(span, first_published_at, notes, known)
    setattr(request, _ON_REQUEST, execution)
    return execution


@safely("stock attributes")
def stock_of(task_name: str, request: Any) -> dict[str, Any]:
    """What the stock instrumentor says of an execution, but for its state; None where that cannot be read."""
    said = _celery.stock_run_attributes(request)
    said[semconv.CELERY_ACTION] = semconv.ACTION_RUN
    said[semconv.CELERY_TASK_NAME] = task_name
    return said


def known_of(
    recorder: Recorder, boot: Boot, app: Any, task_name: str, get: Get, chord: object, started_at: int
) -> tuple[Known, Attributes]:
    """What the main process knows of an execution before it starts, without its payload.

    In two parts, which have no key in common: what the next execution of this task will say too, and the rest.
    ``get`` reads the message's headers. ``chord``, ``started_at`` (ns): see ``_its_own``.
    """
    known, _ = alike.said_of(recorder, boot, app, task_name, get)
    return known, _its_own(get, chord, started_at)


def _its_own(get: Get, chord: object, started_at: int) -> Attributes:
    """Ids and times of this execution; eta and expires.

    ``chord``: its body's signature, where it has one. Where no publisher of ours stamped the first publish, the
    receive time stands in, else ``started_at``. All of the usual case is in here: each call costs a worker that slept
    between two tasks ten times what it costs in a loop.
    """
    attributes: Attributes = {}
    root = get("root_id")
    if (
        type(root) is str
        and 0 < len(root) <= stamps.MAX_NAME
        and root.isascii()
        and get("parent_id") is get("group") is get("group_index") is chord is None
    ):
        attributes[semconv.ROOT_ID] = root
    else:
        lineage(stamps.name(get("id")), get, chord, attributes)
    attributes[semconv.EXECUTION_ID] = stamps.execution_id(get(semconv.REQUEST_EXECUTION_ID)) or new_id()
    latest = time.time_ns() + stamps.LATEST_AHEAD_NS
    published, received = get(semconv.HEADER_PUBLISHED_AT), get(semconv.REQUEST_RECEIVED_AT)
    if type(published) is not int or not stamps.EARLIEST_NS <= published <= latest:
        published = None
    if type(received) is not int or not stamps.EARLIEST_NS <= received <= latest:
        received = None
    first = get(semconv.HEADER_FIRST_PUBLISHED_AT)
    if first is None:
        first = _first_published_before(get)
    if type(first) is not int or not stamps.EARLIEST_NS <= first <= latest:
        first = published or received or started_at
    attributes[semconv.FIRST_PUBLISHED_AT] = first
    if published is not None:
        attributes[semconv.PUBLISHED_AT] = published
    if received is not None:
        attributes[semconv.RECEIVED_AT] = received
    for key, said in ((semconv.ETA, get("eta")), (semconv.EXPIRES, get("expires"))):
        if said is not None:
            moment = stamps.moment_ns(said)
            if moment is not None:
                attributes[key] = moment
    return attributes


def _eager_lineage(request: Any, into: Attributes) -> None:
    """Older versions of Celery give an eager task neither root nor parent."""
    caller = None if semconv.PARENT_ID in into else _celery.enclosing_request(request)
    parent = "" if caller is None else stamps.name(caller.id)
    if parent:
        into[semconv.PARENT_ID] = parent
    root = (stamps.name(getattr(caller, "root_id", None)) or parent) or stamps.name(request.id)
    if root:
        into.setdefault(semconv.ROOT_ID, root)


def _first_published_before(get: Get) -> object:
    """As an eager retry is told it: by the headers that it shares with the execution before."""
    headers = get("headers")
    return headers.get(semconv.HEADER_FIRST_PUBLISHED_AT) if isinstance(headers, dict) else None
