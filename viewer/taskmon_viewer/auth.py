"""Who may use the viewer: one check in front of every route, page and websocket.

So far that is this machine: the client's address must be loopback, and the names it asked for (Host) and came from
(Origin) must be this machine's too. The names matter although the socket is bound to loopback: a web page of somebody
else, opened in a browser on this machine, reaches loopback as well (DNS rebinding, cross-site websockets).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from otel_taskmon.errors import SettingError

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without port) means this machine alone."""
    if host.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_bind_address(host: str) -> None:
    """Refuse to listen where others could reach the pages: nobody is asked for a password yet.

    Raises SettingError.
    """
    if not is_loopback(host):
        raise SettingError(
            "TASKMON_VIEWER_HOST",
            host,
            "a loopback address (127.0.0.1, ::1 or localhost), since the viewer asks nobody who they are; "
            "from another machine reach it through a tunnel (ssh -L 8501:127.0.0.1:8501)",
        )


def refusal(scope: Scope) -> str | None:
    """Why this request or websocket is refused; None when it may pass."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return "only this machine may use the viewer"
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback(_host_name(hosts[0])):
        return "the address in Host is not one of this machine"
    origins = headers.getlist("origin")
    if not origins:
        return None
    if len(origins) > 1:
        return "more than one Origin"
    origin = urlsplit(origins[0])
    # A page of another port on this machine is another application: only our own pages may speak to us.
    if origin.scheme not in ("http", "https") or origin.netloc.lower() != hosts[0].lower():
        return "the request comes from a page of another origin"
    return None


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


class AccessCheck:
    """ASGI middleware. Pure ASGI, because Starlette's own base class never sees websockets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = refusal(scope)
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": reason})
        else:
            await PlainTextResponse(f"refused: {reason}\n", 403)(scope, receive, send)
