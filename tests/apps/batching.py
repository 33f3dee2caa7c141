"""A task that takes messages by twos, written as celery-batches is: a strategy, a buffer and a tracer of its own."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from celery import Celery, Task, signals
from celery._state import _task_stack
from celery.app.task import Context
from celery.utils.imports import symbol_by_name
from celery.worker.request import create_request_cls
from celery.worker.strategy import proto1_to_proto2

import otel_taskmon

URL = os.environ["SHOP_BROKER"]
app = Celery("batching", broker=URL, backend=URL, set_as_current=True)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_default_queue="batching",
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=10,
)
otel_taskmon.instrument(app)


def run_together(task: Task, requests: list[Any]) -> None:
    """In a pool process: one call, told of once, with a request that is of no message."""
    args = (requests,)
    _task_stack.push(task)
    task.request_stack.push(Context())
    told: dict[str, Any] = {
        "sender": task,
        "task_id": "of the batch",
        "task": task,
        "args": args,
        "kwargs": {},
    }
    retval, state = None, "FAILURE"
    try:
        signals.task_prerun.send(**told)
        try:
            retval = task(*args)
            state = "SUCCESS"
        except Exception as error:
            print("the batch failed", repr(error), flush=True)
    finally:
        signals.task_postrun.send(**told, retval=retval, state=state)
        _task_stack.pop()
        task.request_stack.pop()


class ByTwos(Task):  # type: ignore[misc]  # Celery ships no types
    """Its messages are run two at a time."""

    abstract = True

    def Strategy(self, task: Task, app: Celery, consumer: Any) -> Any:  # noqa: N802 - Celery's name
        request_class = create_request_cls(
            symbol_by_name(task.Request),
            task,
            consumer.pool,
            consumer.hostname,
            consumer.event_dispatcher,
        )
        waiting: list[Any] = []

        def take(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **_more: Any) -> None:
            if body is None:
                body, headers, decoded, utc = message.body, message.headers, False, True
            else:
                body, headers, decoded, utc = proto1_to_proto2(message, body)
            request = request_class(
                message, on_ack=ack, on_reject=reject, app=app, hostname=consumer.hostname, task=task,
                eventer=consumer.event_dispatcher, body=body, headers=headers, decoded=decoded, utc=utc,
                connection_errors=consumer.connection_errors,
            )  # fmt: skip
            waiting.append(request)
            signals.task_received.send(sender=consumer, request=request)
            if len(waiting) == 2:
                taken, waiting[:] = list(waiting), []
                for one in taken:
                    one.acknowledge()
                consumer.pool.apply_async(run_together, (task, [_plain(one) for one in taken]))

        return take


def _plain(request: Any) -> Any:
    """What can be pickled of it."""
    args, kwargs, _ = request._payload
    return SimpleNamespace(
        id=request.id,
        args=args,
        kwargs=kwargs,
        hostname=request.hostname,
        delivery_info=request.delivery_info,
        request_dict=request.request_dict,
    )


@app.task(name="batching.add_up", base=ByTwos)
def add_up(requests: list[Any]) -> int:
    return sum(request.args[0] for request in requests)


@app.task(name="batching.fail", base=ByTwos)
def fail(requests: list[Any]) -> None:
    raise KeyError("card")


@app.task(name="batching.alone")
def alone(requests: list[Any]) -> int:
    """Takes a list, and is no batch."""
    return len(requests)
