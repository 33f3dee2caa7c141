"""Logging in and out: plain pages of our own, no script in them."""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import parse_qs, quote

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from taskmon_viewer.access.middleware import IDENTITY_KEY, LOGIN_PATH
from taskmon_viewer.access.password_file import MAX_PASSWORD
from taskmon_viewer.access.policy import Access, PasswordAccess
from taskmon_viewer.access.requests import origin_of
from taskmon_viewer.access.sessions import COOKIE

LOGOUT_PATH: Final = "/logout"
_MAX_FORM: Final = 16 * 1024
_AT_ONCE: Final = 2
"""Passwords that are checked at a time: each takes 32 MB and a core for a moment."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>taskmon: log in</title><style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 90vh; margin: 0;
  background: light-dark(#f3f5f8, #12161d); color: light-dark(#1b2330, #dfe5ee); }
form { display: grid; gap: .8rem; width: 19rem; padding: 1.6rem; border-radius: 8px;
  background: light-dark(#fff, #1c222c); border: 1px solid light-dark(#d8dee7, #303947); }
h1 { font-size: 1.15rem; margin: 0; }
label { display: grid; gap: .2rem; font-size: .9rem; }
input, button { font: inherit; padding: .45rem .6rem; border-radius: 6px;
  border: 1px solid light-dark(#8d98a8, #5a6677); }
button { background: #2457c5; color: #fff; border: 0; cursor: pointer; }
[role=alert] { margin: 0; color: light-dark(#b3202b, #ff8f96); }
</style></head><body>
<form method="post" action="%(action)s"><h1>taskmon</h1>%(said)s
<label>User <input name="user" autocomplete="username" required maxlength="80" value="%(user)s" autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button></form></body></html>
"""


def routes(base_path: str, access: Access) -> list[BaseRoute]:
    """``/login`` and ``/logout`` below ``base_path``; none where nobody logs in here."""
    if not isinstance(access, PasswordAccess):
        return []
    pages = _Pages(base_path, access)
    return [
        Route(f"{base_path}{LOGIN_PATH}", pages.form, methods=["GET"]),
        Route(f"{base_path}{LOGIN_PATH}", pages.log_in, methods=["POST"]),
        Route(f"{base_path}{LOGOUT_PATH}", pages.log_out, methods=["POST"]),
    ]


class _Pages:
    def __init__(self, base_path: str, access: PasswordAccess) -> None:
        self._base_path = base_path
        self._access = access
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def form(self, request: Request) -> Response:
        wanted = self._own_address(request.query_params.get("next", ""))
        if IDENTITY_KEY in request.scope:
            return RedirectResponse(wanted, 303)
        return self._page(wanted, "", "", 200)

    async def log_in(self, request: Request) -> Response:
        wanted = self._own_address(request.query_params.get("next", ""))
        fields = await _form(request)
        if fields is None:
            return PlainTextResponse("refused: this is not the login form\n", 400)
        user, password = (fields.get(name, [""])[0] for name in ("user", "password"))
        origin = origin_of(request.scope, self._access.proxies)
        if len(password) > MAX_PASSWORD:
            return self._page(wanted, user, "Wrong user or password.", 401)
        outcome = await anyio.to_thread.run_sync(
            self._access.log_in, user, password, origin.address, limiter=self._limiter
        )
        if outcome is None:
            return self._page(wanted, user, "Wrong user or password.", 401)
        if isinstance(outcome, int):
            minutes = -(-outcome // 60)
            said = (
                f"Too many wrong passwords. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."
            )
            answer = self._page(wanted, user, said, 429)
            answer.headers["Retry-After"] = str(outcome)
            return answer
        answer = RedirectResponse(wanted, 303)
        answer.set_cookie(
            COOKIE,
            outcome,
            max_age=self._access.sessions.max_age,
            path=self._base_path or "/",
            secure=origin.secure,
            httponly=True,
            samesite="lax",  # a link to a task in a chat should open it
        )
        return answer

    async def log_out(self, request: Request) -> Response:
        identity = request.scope[IDENTITY_KEY]
        if identity.session is not None:
            self._access.sessions.end(identity.session)
        answer = RedirectResponse(f"{self._base_path}{LOGIN_PATH}", 303)
        answer.delete_cookie(COOKIE, path=self._base_path or "/")
        return answer

    def _page(self, wanted: str, user: str, said: str, status: int) -> Response:
        filled = _PAGE % {
            "action": escape(f"{self._base_path}{LOGIN_PATH}?next={quote(wanted, safe='')}"),
            "said": f'<p role="alert">{escape(said)}</p>' if said else "",
            "user": escape(user[:80]),
        }
        return HTMLResponse(filled, status, headers={"Cache-Control": "no-store"})

    def _own_address(self, wanted: str) -> str:
        """Where to go after logging in: an address of ours, never somebody else's site."""
        home = f"{self._base_path}/"
        plain = wanted.isprintable() and "\\" not in wanted and len(wanted) <= 8_000
        return wanted if plain and wanted.startswith(home) and not wanted.startswith("//") else home


async def _form(request: Request) -> dict[str, list[str]] | None:
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > _MAX_FORM:
                return None
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10, errors="strict")
    except (UnicodeDecodeError, ValueError, ClientDisconnect):
        return None
