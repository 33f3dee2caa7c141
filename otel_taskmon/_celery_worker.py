"""Everything that reaches behind the public interfaces of Celery's worker; of the main process only.

Apart from ``_celery``, since publishers need nothing of it and the worker's modules take long to import: they
are imported inside the functions. ``missing_parts`` says what a new release of Celery has moved.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any

_MARK = "_taskmon_wraps"
_SNAPSHOT_TRIES = 5
_AT_COLD_SHUTDOWN = ("cancel_active_requests", "cancel_all_unacked_requests")
"""What a cold shutdown gives up running executions by, in newer and older versions; before 5.5 there is none."""
_giving_up = False


def wrap_request_classes(subclass: Callable[[type[Any]], type[Any] | None]) -> None:
    """Have each class of requests that the worker makes go through ``subclass`` (None: keep it as it is).

    The worker makes one class per task, from the task's own ``Request``, when it starts to consume.
    """
    from celery.worker import strategy

    original = strategy.create_request_cls
    if hasattr(original, _MARK):
        return

    @functools.wraps(original)
    def create_request_cls(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        return subclass(made) or made

    setattr(create_request_cls, _MARK, original)
    strategy.create_request_cls = create_request_cls


def wrap_decode_errors(before: Callable[[Any, Any, Any], object]) -> None:
    """Call ``before(consumer, message, error)`` for each message that cannot be decoded: no signal tells of those."""
    from celery.worker.consumer.consumer import Consumer

    original = Consumer.on_decode_error
    if hasattr(original, _MARK):
        return

    @functools.wraps(original)
    def on_decode_error(self: Any, message: Any, exc: Any) -> Any:
        before(self, message, exc)
        return original(self, message, exc)

    setattr(on_decode_error, _MARK, original)
    Consumer.on_decode_error = on_decode_error


def watch_cold_shutdown() -> None:
    """Know of a cold shutdown from its beginning: Celery cancels executions before it says that it terminates."""
    from celery.worker.consumer.consumer import Consumer

    for name in _AT_COLD_SHUTDOWN:
        original = getattr(Consumer, name, None)
        if original is not None and not hasattr(original, _MARK):
            setattr(Consumer, name, _noting(original))


def _noting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def cancel_requests(self: Any) -> Any:
        global _giving_up
        _giving_up = True
        return original(self)

    setattr(cancel_requests, _MARK, original)
    return cancel_requests


def lost_at_ns(request: Any, now_ns: int) -> int:
    """When the pool noticed that the process of ``request`` was gone; it waits some seconds before it says so."""
    kept = getattr(request, "_apply_result", None)
    result = kept() if callable(kept) else None
    lost = getattr(result, "_worker_lost", None)
    if not isinstance(lost, tuple) or not lost or not isinstance(lost[0], float):
        return now_ns
    return now_ns - max(0, int((time.monotonic() - lost[0]) * 1e9))


def skips_second_delivery(request: Any) -> bool:
    """Whether Celery does not run a task that is delivered again once it has succeeded, and this is such a delivery."""
    return bool(
        request.task.app.conf.worker_deduplicate_successful_tasks
        and (request.delivery_info or {}).get("redelivered")
    )


def is_terminating() -> bool:
    """The worker is in a cold shutdown."""
    from celery.worker import state

    code = getattr(state, "should_terminate", None)  # to exit with, so 0 says yes
    return _giving_up or (code is not None and code is not False)


def revoking_headers(request: Any) -> list[str]:
    """Names of the stamped headers by which tasks are revoked here and that ``request`` has."""
    from celery.worker import state

    revoked = getattr(state, "revoked_stamps", {})
    return [name for name in getattr(request, "stamped_headers", ()) if name in revoked]


def running_requests() -> list[Any]:
    """What the pool runs now; may be asked from any thread."""
    from celery.worker import state

    return _snapshot(state.active_requests)


def reserved_requests(consumer: Any) -> list[Any]:
    """What this worker has received and not finished: what runs, and what waits here for a place or for its time."""
    from celery.worker import state

    scheduled = getattr(state, "scheduled_requests", None)
    waiting = _snapshot(scheduled) if scheduled is not None else _in_timer(consumer)
    held = {id(request): request for request in waiting}
    held.update((id(request), request) for request in _snapshot(state.reserved_requests))
    return list(held.values())


def _in_timer(consumer: Any) -> list[Any]:
    """Before 5.7 Celery kept no list of what waits for its time; it is found in the timer, as ``inspect`` finds it."""
    from celery.worker.request import Request

    schedule = getattr(getattr(consumer, "timer", None), "schedule", None)
    entries = (getattr(entry, "entry", entry) for entry in _snapshot(getattr(schedule, "queue", ())))
    first = (next(iter(getattr(entry, "args", None) or ()), None) for entry in entries)
    return [found for found in first if isinstance(found, Request)]


def _snapshot(requests: Iterable[Any]) -> list[Any]:
    """The main thread adds to these sets at any time, and a set that changes cannot be read."""
    for _ in range(_SNAPSHOT_TRIES - 1):
        try:
            return list(requests)
        except RuntimeError:
            continue
    return list(requests)


def pool_size(consumer: Any) -> int | None:
    """How many tasks the pool runs at a time."""
    pool = getattr(consumer, "pool", None)
    # of greenlets, older versions count those that are at work
    name = "limit" if getattr(pool, "is_green", False) else "num_processes"
    found = getattr(pool, name, None)
    return found if type(found) is int else None


def prefetch_count(consumer: Any) -> int | None:
    """How many messages the worker takes ahead; 0 is no limit, None is not known (not connected)."""
    found = getattr(getattr(consumer, "qos", None), "value", None)
    return found if type(found) is int else None


def consumed_queues(consumer: Any) -> list[str] | None:
    """Names of the queues that the worker takes from, sorted; None is not known (not connected)."""
    found = getattr(getattr(consumer, "task_consumer", None), "queues", None)
    if found is None:
        return None
    return sorted({name for queue in list(found) if type(name := getattr(queue, "name", None)) is str})


def missing_parts() -> list[str]:
    """What this module and ``watched_request`` expect and do not find in the installed Celery."""
    from celery.worker import state, strategy
    from celery.worker.consumer.consumer import Consumer
    from celery.worker.request import Request

    wanted: list[tuple[object, str]] = [
        (strategy, "create_request_cls"),
        (Consumer, "on_decode_error"),
        (state, "active_requests"),
        (state, "reserved_requests"),
        (state, "revoked_stamps"),
        *(
            (Request, name)
            for name in (
                *("on_accepted", "on_success", "on_failure", "on_timeout", "revoked", "terminate", "cancel"),
                *("time_start", "worker_pid", "stamped_headers", "args", "kwargs", "task", "_apply_result"),
            )
        ),
    ]
    return [
        f"{getattr(owner, '__name__', owner)!s}.{name}" for owner, name in wanted if not hasattr(owner, name)
    ]
