"""One waiting message, read without trusting it: never unpickled, every part of it may be missing or wrong.

``size`` is that of the whole message; of a long one the broker's script has left out the body (``lua/read.lua``).
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from otel_taskmon import semconv, stamps
from otel_taskmon.broker.model import WaitingTask, Wanted
from otel_taskmon.payload import Encoded, PayloadEncoder
from otel_taskmon.payload.notes import DROPPED, REDACTED, as_notes
from otel_taskmon.payload.redaction import MASK

NOT_JSON: Final = "the message is not JSON"
NO_HEADERS: Final = "the message has no task headers"
TOO_LONG: Final = "the message is too long to be read"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Reading:
    """How messages are read: masking as in the worker, and the app of a task name."""

    encoder: PayloadEncoder
    app_of: Callable[[str], str]


@dataclass(frozen=True)
class Message:
    """A message whose outside was read; its arguments are not looked at before they are asked for."""

    size: int
    document: Mapping[str, Any]
    problem: str

    @classmethod
    def of(cls, text: bytes, size: int) -> Message:
        if not text and size:
            return cls(size, {}, TOO_LONG)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return cls(size, {}, NOT_JSON)
        if not isinstance(document, dict):
            return cls(size, {}, NOT_JSON)
        headers = document.get("headers")
        told = isinstance(headers, dict) and isinstance(headers.get("task"), str)
        return cls(size, document, "" if told else NO_HEADERS)

    @property
    def headers(self) -> Mapping[str, Any]:
        return _mapping(self.document.get("headers"))

    @property
    def properties(self) -> Mapping[str, Any]:
        return _mapping(self.document.get("properties"))

    @property
    def task(self) -> str:
        return stamps.name(self.headers.get("task")) if not self.problem else ""

    @property
    def task_id(self) -> str:
        return stamps.name(self.headers.get("id"))

    @property
    def priority(self) -> int | None:
        return stamps.number(self.properties.get("priority"))

    def fits(self, wanted: Wanted, app_of: Callable[[str], str]) -> bool:
        """Whether this is one of those; a message that tells no task name has no app either, not even ""."""
        if wanted.task and self.task != wanted.task:
            return False
        if wanted.app is not None and (not self.task or app_of(self.task) != wanted.app):
            return False
        if wanted.task_id and self.task_id != wanted.task_id:
            return False
        return wanted.priority is None or self.priority == wanted.priority


def waiting_task(message: Message, position: int, queue: str, reading: Reading) -> WaitingTask:
    """All that the message says."""
    headers, task = message.headers, message.task
    args, kwargs = _arguments(message, reading.encoder)
    return WaitingTask(
        position=position,
        queue=queue,
        priority=message.priority,
        task=task,
        app=reading.app_of(task) if task else "",
        task_id=message.task_id,
        published_at=_moment(stamps.time_ns(headers.get(semconv.HEADER_PUBLISHED_AT), time.time_ns())),
        eta=_moment(stamps.moment_ns(headers.get("eta"))),
        expires=_moment(stamps.moment_ns(headers.get("expires"))),
        retries=stamps.number(headers.get("retries")),
        args=None if args is None else args.text,
        kwargs=None if kwargs is None else kwargs.text,
        payload_notes=tuple(sorted((*_notes("args", args), *_notes("kwargs", kwargs)))),
        size=message.size,
        problem=message.problem,
    )


def _notes(part: str, encoded: Encoded | None) -> tuple[str, ...]:
    return as_notes(part, DROPPED) if encoded is None else encoded.notes


def _arguments(message: Message, encoder: PayloadEncoder) -> tuple[Encoded | None, Encoded | None]:
    """From the body where it is plain JSON, else Celery's own short text of them."""
    secret = _secret_positions(message)
    body = _json_body(message)
    if body is not None:
        return _positional(body[0], secret, encoder), encoder.encode(body[1], part="kwargs")
    # Celery's own text of the arguments cannot be taken apart again
    return None if secret else _short_text(message, "args", encoder), _short_text(message, "kwargs", encoder)


def _positional(args: Any, secret: frozenset[int], encoder: PayloadEncoder) -> Encoded:
    if not isinstance(args, list) or all(position >= len(args) for position in secret):
        return encoder.encode(args, part="args")
    masked = [MASK if position in secret else item for position, item in enumerate(args)]
    encoded = encoder.encode(masked, part="args")
    return Encoded(encoded.text, tuple(sorted({*encoded.notes, *as_notes("args", REDACTED)})))


def _secret_positions(message: Message) -> frozenset[int]:
    """Which positional arguments the publisher masked by the name of their parameter."""
    told = message.headers.get(semconv.HEADER_SECRET_ARGS)
    return (
        frozenset(one for one in told if type(one) is int and one >= 0)
        if isinstance(told, list)
        else frozenset()
    )


def _json_body(message: Message) -> list[Any] | None:
    document = message.document
    body = document.get("body")
    if document.get("content-type") != "application/json" or "compression" in message.headers:
        return None
    if not isinstance(body, str) or not body:
        return None
    try:
        if message.properties.get("body_encoding") == "base64":
            body = base64.b64decode(body, validate=True).decode()
        found = json.loads(body)
    except (ValueError, binascii.Error, RecursionError):
        return None
    if isinstance(found, list) and len(found) == 3 and isinstance(found[1], dict):
        return found
    return None


def _short_text(message: Message, part: str, encoder: PayloadEncoder) -> Encoded | None:
    text = message.headers.get(f"{part}repr")
    if not isinstance(text, str):
        return None
    return encoder.text(text, part, max_bytes=encoder.settings.payload_max_bytes)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(nanoseconds: int | None) -> datetime | None:
    if nanoseconds is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    except OverflowError:
        return None
