"""OTLP over HTTP as an ASGI application: ``/v1/traces``, ``/v1/logs``, ``/v1/metrics``.

OTLP specification, "OTLP/HTTP": protobuf or JSON in and the same out, gzip or deflate, errors as ``google.rpc.Status``,
503 with ``Retry-After`` when the sender should try again. Browsers are no senders here: a request with an ``Origin``
is refused, so that no web page can write into a store on the same machine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import Message

from otel_taskmon.store.ingest import Ingest
from otel_taskmon.store.otlp_compression import decompress
from otel_taskmon.store.otlp_errors import BadOtlp, TooLarge, TryLater, UnsupportedType
from otel_taskmon.store.otlp_limits import OtlpLimits, Place
from otel_taskmon.store.otlp_signals import SIGNALS, Signal
from otel_taskmon.store.otlp_status import Code, refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
BODY_SECONDS: Final = 30.0
"""How long a sender may take for its body."""
_BY_PATH: Final = {signal.path: signal for signal in SIGNALS}


@dataclass
class _Refused(Exception):
    status: HTTPStatus
    reason: str
    code: Code = Code.INVALID_ARGUMENT
    headers: dict[str, str] = field(default_factory=dict)


def otlp_http_app(ingest: Ingest, limits: OtlpLimits | None = None) -> AsgiApp:
    """The application; ``limits`` are those of ``ingest`` where none are given."""
    bounds = limits or ingest.limits

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no lifespan, no websockets
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        as_json = _media_type(headers) != PROTOBUF
        try:
            answer = await _export(ingest, bounds, scope, headers, receive)
        except _Refused as refused:
            status = refusal(refused.code, refused.reason)
            await _answer(send, refused.status, status, as_json=as_json, headers=refused.headers)
        except _Disconnected:
            return
        else:
            await _answer(send, HTTPStatus.OK, answer, as_json=as_json)

    return app


class _Disconnected(Exception):
    """The client went away before its body was complete."""


async def _export(
    ingest: Ingest, limits: OtlpLimits, scope: Scope, headers: dict[str, str], receive: Receive
) -> Message:
    """Take one request; the answer to a stored one. Raises _Refused."""
    signal = _signal(scope, headers)
    media_type = _media_type(headers)
    try:
        with ingest.room.place() as place:
            async with asyncio.timeout(BODY_SECONDS):
                received = await _read(receive, limits, place, _declared(headers))
            body = received
            if encoding := headers.get("content-encoding", ""):
                body = await asyncio.to_thread(decompress, received, encoding, limits.body_bytes)
                place.grow(len(body))
            await ingest.submit(signal, body, json=media_type == JSON)
    except BadOtlp as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
    except UnsupportedType as error:
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error)) from error
    except TooLarge as error:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error), Code.RESOURCE_EXHAUSTED) from error
    except TimeoutError as error:
        reason = f"the body did not come within {BODY_SECONDS:g} s"
        raise _Refused(HTTPStatus.REQUEST_TIMEOUT, reason, Code.DEADLINE_EXCEEDED) from error
    except TryLater as error:
        retry = {"Retry-After": str(error.retry_after)}
        raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error), Code.UNAVAILABLE, retry) from error
    return signal.response_type()


def _signal(scope: Scope, headers: dict[str, str]) -> Signal:
    signal = _BY_PATH.get(scope["path"])
    if signal is None:
        raise _Refused(
            HTTPStatus.NOT_FOUND, f"no such address: there are {', '.join(_BY_PATH)}", Code.NOT_FOUND
        )
    if scope["method"] != "POST":
        raise _Refused(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"{signal.path} takes POST only",
            Code.UNIMPLEMENTED,
            {"Allow": "POST"},
        )
    if "origin" in headers:
        raise _Refused(HTTPStatus.FORBIDDEN, "web pages may not send here", Code.PERMISSION_DENIED)
    if _media_type(headers) not in (PROTOBUF, JSON):
        raise _Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content type {headers.get('content-type', '')[:80]!r}: wanted is {PROTOBUF} or {JSON}",
        )
    return signal


def _media_type(headers: dict[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _declared(headers: dict[str, str]) -> int:
    """The body's length as its head says it (the server sees to it that it is true); 0 where it does not."""
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() else 0


async def _read(receive: Receive, limits: OtlpLimits, place: Place, declared: int) -> bytes:
    """The body as sent. Raises TooLarge, TryLater, _Disconnected."""
    parts: list[bytes] = []
    size = reserved = 0
    refused: TooLarge | TryLater | None = None

    def reserve(total: int) -> None:
        nonlocal reserved
        if total > limits.body_bytes:
            raise TooLarge(f"the body is over the limit of {limits.body_bytes} bytes")
        place.grow(max(0, total - reserved))
        reserved = max(reserved, total)

    try:
        # All of it at once: of many that come together some get their place, instead of each a part of one.
        reserve(declared)
    except (TooLarge, TryLater) as error:
        refused = error
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        part: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if refused is None:
            try:
                reserve(size)
                parts.append(part)
            except (TooLarge, TryLater) as error:
                refused = error
                parts.clear()
        elif size > 4 * limits.body_bytes:
            break
        # A client that is answered while it still sends sees a broken connection instead of the answer, so what is
        # refused is read on for a while, and thrown away.
    if refused is not None:
        raise refused
    return b"".join(parts)


async def _answer(
    send: Send, status: HTTPStatus, message: Message, *, as_json: bool, headers: dict[str, str] | None = None
) -> None:
    text = json.dumps(json_format.MessageToDict(message)).encode() if as_json else None
    body = message.SerializeToString() if text is None else text
    sent = {
        "Content-Type": JSON if as_json else PROTOBUF,
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    await send(
        {
            "type": "http.response.start",
            "status": int(status),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
