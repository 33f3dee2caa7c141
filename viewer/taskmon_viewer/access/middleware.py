"""The check in front of every route, page and websocket, and the header in which a page learns who its user is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taskmon_viewer.access.policy import Access, Identity
from taskmon_viewer.access.sessions import Session
from taskmon_viewer.access.users import User

IDENTITY_HEADER: Final = "x-taskmon-identity"
IDENTITY_KEY: Final = "taskmon.identity"
"""Where routes find the identity in their scope."""
LOGIN_PATH: Final = "/login"
OPEN_PATHS: Final = frozenset({LOGIN_PATH, "/healthz", "/_stcore/health"})
"""For everybody who can reach the viewer: the login page, and signs of life that say nothing else."""

_PROCESS_KEY: Final = secrets.token_bytes(32)


def seal(identity: Identity) -> str:
    """The identity as text that only this process can have made."""
    session = asdict(identity.session) if identity.session else None
    packed = json.dumps([asdict(identity.user), session]).encode()
    return base64.urlsafe_b64encode(_signature(packed) + packed).decode()


def unseal(text: str) -> Identity | None:
    """The inverse of ``seal``; None for anything that it did not make."""
    try:
        data = base64.urlsafe_b64decode(text)
    except ValueError:
        return None
    signature, packed = data[:32], data[32:]
    if not hmac.compare_digest(signature, _signature(packed)):
        return None
    user, session = json.loads(packed)
    return Identity(User(**user), Session(**session) if session else None)


def _signature(data: bytes) -> bytes:
    return hmac.digest(_PROCESS_KEY, data, hashlib.sha256)


class AccessCheck:
    """ASGI middleware. Pure ASGI, because Starlette's own base class never sees websockets."""

    def __init__(self, app: ASGIApp, access: Access, base_path: str = "") -> None:
        self._app = app
        self._access = access
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = self._access.refusal(scope)
        if reason is not None:
            await _refuse(scope, receive, send, PlainTextResponse(f"refused: {reason}\n", 403), reason)
            return
        identity = self._access.identify(scope)
        if identity is None:
            if scope["type"] == "http" and scope["path"].removeprefix(self._base_path) in OPEN_PATHS:
                await self._app({**scope, "headers": _foreign_headers(scope)}, receive, send)
            else:
                await _refuse(scope, receive, send, self._log_in_first(scope), "log in first")
            return
        header = (IDENTITY_HEADER.encode(), seal(identity).encode())
        known = {**scope, "headers": [*_foreign_headers(scope), header], IDENTITY_KEY: identity}
        if scope["type"] == "websocket":
            await self._app(known, self._while_allowed(identity, receive, send), send)
        else:
            await self._app(known, receive, send)

    def _log_in_first(self, scope: Scope) -> Response:
        if not self._access.logs_in:
            return PlainTextResponse("refused: the proxy did not say who the user is\n", 401)
        asks_for_page = scope["type"] == "http" and scope["method"] == "GET"
        if not asks_for_page or "text/html" not in Headers(scope=scope).get("accept", ""):
            return PlainTextResponse("refused: log in first\n", 401)
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"] + (f"?{query}" if query else ""), safe="")
        return RedirectResponse(f"{self._base_path}{LOGIN_PATH}?next={wanted}", 303)

    def _while_allowed(self, identity: Identity, receive: Receive, send: Send) -> Receive:
        """An open page asks through its websocket for as long as it stays open: each of its messages is checked, so
        that a page of a session that has ended gets nothing more."""

        async def checked() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and self._access.current(identity) is None:
                await send({"type": "websocket.close", "code": 4401, "reason": "the session has ended"})
                return {"type": "websocket.disconnect", "code": 4401}
            return message

        return checked


def _foreign_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The request's headers without those that only we may set."""
    return [(name, value) for name, value in scope["headers"] if name.lower() != IDENTITY_HEADER.encode()]


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: Response, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4403, "reason": reason})
    else:
        await answer(scope, receive, send)
