"""What executions that are alike say, worked out for the first of them: worker, queue, app and the stock keys.

Two thirds of the attributes of a run span follow from the task, the worker and a few headers. They are found again by
those, raw as they came, and with them the bytes that they become.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from otel_taskmon import _celery, semconv, stamps
from otel_taskmon.boot import Boot, host_name
from otel_taskmon.facts import Attributes, Recorder, messaging
from otel_taskmon.outbox.known import Known
from otel_taskmon.span_attributes import PLAIN

Get = Callable[[str], Any]
"""Reads what came with a message by its name; None for what did not."""
Stock = Callable[[], Mapping[str, Any] | None]

_KINDS_AT_MOST: Final = 1_000
"""Of executions; tasks, queues, publishers and retries come from messages, so anybody may make up more."""
_LONGEST: Final = 512
"""Characters of a header by which anything is kept."""
_OF_ONE: Final = (
    ("id", semconv.MESSAGING_MESSAGE_ID),
    ("correlation_id", "messaging.conversation_id"),
    ("reply_to", "celery.reply_to"),
    ("eta", "celery.eta"),
    ("expires", "celery.expires"),
)
"""Headers that differ with each execution (or thread that publishes), and what the stock instrumentor calls them."""
_ELSEWHERE: Final = frozenset(("delivery_info", "timelimit", *(name for name, _ in _OF_ONE)))
_COMPARABLE: Final = frozenset((*PLAIN, type(None)))
_HEADERS: Final = tuple(
    dict.fromkeys(
        (
            *(name for name in _celery.STOCK_READS if name not in _ELSEWHERE),
            "hostname",
            "retries",
            semconv.HEADER_QUEUE,
        )
    )
)


class Alike(NamedTuple):
    """``known``, all of PLAIN types, goes on the span as it is; ``left`` is for the SDK to look at, or will change."""

    known: Known
    left: Mapping[str, Any]


def said_of(
    recorder: Recorder,
    boot: Boot,
    app: Any,
    task_name: str,
    get: Get,
    reporter: str = "",
    stock: Stock | None = None,
) -> tuple[Known, Mapping[str, Any]]:
    """What is said alike, and the rest of what the stock instrumentor says.

    ``reporter`` is said together with the process id. ``stock`` gives what the stock instrumentor says,
    None where that failed: then nothing is kept, the next execution may fare better.
    """
    eager = bool(get("is_eager"))
    found: Alike | None = None
    alike: tuple[Any, ...] | None = None
    if not eager and stock is None and not reporter:
        alike = key_without_stock(boot, app, task_name, get)
    elif not eager and _celery.STOCK_READS:
        alike = _key(boot, app, task_name, get, reporter)
    if alike is not None:
        try:
            found = recorder.remembered.get(alike)
        except TypeError:  # an app of a kind of its own
            alike = None
    if found is None:
        said = _delivered(recorder, boot, app, task_name, get, reporter, eager=eager)
        told = {} if stock is None else stock()
        found = _with_stock(said, told or {})
        if alike is not None and told is not None and is_short(alike):
            if len(recorder.remembered) >= _KINDS_AT_MOST:
                recorder.remembered.clear()
            recorder.remembered[alike] = found
    if stock is None:
        return found.known, {}
    rest = dict(found.left)
    for name, key in _OF_ONE:
        value = get(name)
        if value is not None and value != "":
            rest[key] = value
    return found.known, rest


def _with_stock(said: Attributes, stock: Mapping[str, Any]) -> Alike:
    left: dict[str, Any] = {key: value for key, value in said.items() if type(value) not in PLAIN}
    whole: dict[str, Any] = {key: value for key, value in said.items() if key not in left}
    for key, value in stock.items():
        if type(value) not in PLAIN or key == semconv.CELERY_STATE:
            left[key] = value
        elif all(key != own for _, own in _OF_ONE):
            whole[key] = value
    return Alike(Known(whole), left)


def _key(boot: Boot, app: Any, task_name: str, get: Get, reporter: str) -> tuple[Any, ...] | None:
    """All that the rest is made of; None where a header is nothing to find it by."""
    info, limits = get("delivery_info"), get("timelimit") or ()
    if not isinstance(info, dict):
        info = {}
    if type(limits) is not list and type(limits) is not tuple:
        return None
    headers = (*map(get, _HEADERS), *limits, *info, *info.values())
    kinds = tuple(map(type, headers))  # 1, 1.0 and True are the same key, but not the same attribute
    if not _COMPARABLE.issuperset(kinds):
        return None
    # a host may be renamed, a process forked, a worker restarted in this process
    process = (boot.id, boot.worker, host_name(), os.getpid())
    return app, task_name, reporter, process, headers, kinds, len(limits)


def key_without_stock(boot: Boot, app: Any, task_name: str, get: Get) -> tuple[Any, ...] | None:
    """As ``_key``, of the main process, which says nothing that the stock instrumentor says, nor its process id."""
    info = get("delivery_info")
    if type(info) is not dict:
        return None
    of = info.get
    headers = (
        get("hostname"),
        get("retries"),
        get(semconv.HEADER_QUEUE),
        of("exchange"),
        of("routing_key"),
        of("priority"),
        of("redelivered"),
    )
    kinds = tuple(map(type, headers))
    if not _COMPARABLE.issuperset(kinds):
        return None
    return app, task_name, "", (boot.id, boot.worker, host_name()), headers, kinds, 0


def is_short(key: tuple[Any, ...]) -> bool:
    """Whether no text in this key is longer than what may be kept."""
    _, task_name, _, _, headers, _, _ = key
    return all(type(text) is not str or len(text) <= _LONGEST for text in (task_name, *headers))


def _delivered(
    recorder: Recorder, boot: Boot, app: Any, task_name: str, get: Get, reporter: str, *, eager: bool
) -> Attributes:
    said: Attributes = {
        semconv.CELERY_TASK_NAME: task_name,
        semconv.APP: recorder.app_name(task_name),
        semconv.HOST: host_name(),
        semconv.IS_EAGER: eager,
        semconv.RETRIES: stamps.number(get("retries")) or 0,
    }
    if reporter:
        said[semconv.CELERY_ACTION] = semconv.ACTION_RUN
        said[semconv.REPORTER] = reporter
        said[semconv.PID] = os.getpid()
    # an eager task runs in whatever process called it: a worker is named only where there is one
    worker = boot.worker if eager else stamps.name(get("hostname"))
    if worker:
        said[semconv.WORKER] = worker
        said[semconv.BOOT_ID] = boot.id
    if eager:
        messaging("", "", semconv.ACTION_RUN, said)
    else:
        _delivery(app, get, said)
    return said


def _delivery(app: Any, get: Get, into: Attributes) -> None:
    info = get("delivery_info")
    if not isinstance(info, dict):
        info = {}
    queue = stamps.name(get(semconv.HEADER_QUEUE)) or stamps.name(_celery.queue_of(app, info))
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
