"""What the main process knows of an execution: from the message alone, since the task's own code is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.instrumentation.celery import celery_getter
from opentelemetry.propagate import extract
from opentelemetry.trace import SpanContext, get_current_span

from otel_taskmon import traceparent


class Message:
    """Headers of a message, read as ``task.request`` is read: what is not there is None."""

    def __init__(self, headers: Mapping[Any, Any], **known: Any) -> None:
        """``known`` goes before what the headers say."""
        said = vars(self)  # as Celery's own class keeps them
        said.update(headers)
        said.update(known)

    def __getattr__(self, name: str) -> Any:
        return None


def trace_context(message: Message) -> Context:
    """The publish that the message comes from, read as the stock instrumentor reads it in a pool process."""
    return extract(message, context=Context(), getter=celery_getter)


def publish_of(headers: Mapping[str, Any]) -> SpanContext:
    """The span of the publish that these headers name; an invalid one where they name none."""
    known = traceparent.publish_of(headers.get)
    if known is not None:
        return known
    return get_current_span(trace_context(Message(headers))).get_span_context()


def of_request(request_dict: Mapping[str, Any], request: Any) -> Message:
    """The message of a worker's ``Request``."""
    # Celery's property takes what a message embeds for a mapping
    return Message(request_dict, id=request.id, chord=getattr(request, "chord", None))


def of_batch(args: object) -> list[Message]:
    """The messages that a task takes at once which is given requests for its only argument, as with celery-batches.

    [] for the arguments of any other task.
    """
    requests = args[0] if isinstance(args, (list, tuple)) and len(args) == 1 else None
    found: list[Message] = []
    for request in requests if isinstance(requests, (list, tuple)) else ():
        headers = getattr(request, "request_dict", None)
        if isinstance(headers, Mapping) and headers:
            known = {key: getattr(request, key, None) for key in ("id", "args", "kwargs", "hostname")}
            found.append(Message(headers, **known))
    return found


def of_raw(message: Any, worker: str, stamps: Mapping[str, Any], *, decode: bool) -> Message:
    """A message that no ``Request`` was made of; ``decode``: its body may be looked into for args and kwargs.

    Without an id of its own it goes by the broker's correlation id, which Celery sets to the same.
    """
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    properties = message.properties if isinstance(message.properties, Mapping) else {}
    delivery = message.delivery_info if isinstance(message.delivery_info, Mapping) else {}
    body = _body(message) if decode else None
    if "task" not in headers and isinstance(body, Mapping):
        headers = body  # protocol 1 has all in the body
        args, kwargs, embed = body.get("args"), body.get("kwargs"), body
    elif isinstance(body, (list, tuple)) and len(body) == 3:
        args, kwargs, embed = body
    else:
        args = kwargs = embed = None
    return Message(
        headers,
        **{
            **stamps,
            "id": headers.get("id") or properties.get("correlation_id"),
            "args": args if isinstance(args, (list, tuple)) else None,
            "kwargs": kwargs if isinstance(kwargs, dict) else None,
            "chord": embed.get("chord") if isinstance(embed, Mapping) else None,
            "is_eager": False,
            "hostname": worker,
            "delivery_info": {
                "exchange": delivery.get("exchange"),
                "routing_key": delivery.get("routing_key"),
                "priority": properties.get("priority"),
                "redelivered": delivery.get("redelivered", False),
            },
        },
    )


def _body(message: Any) -> object:
    try:
        return message.payload
    except Exception:  # noqa: BLE001 - then nothing is known of it, which the record says
        return None
