"""Plain HTTP requests for tests: what a client library would hide stays visible."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import urllib3

POOL = urllib3.PoolManager(retries=False, timeout=30)


def basic(user: str, password: str) -> dict[str, str]:
    """The header for HTTP Basic."""
    return dict(urllib3.make_headers(basic_auth=f"{user}:{password}"))


def post(
    url: str,
    body: bytes | str = b"",
    *,
    headers: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    **more: str,
) -> urllib3.BaseHTTPResponse:
    """POST ``body`` with ``parameters`` and ``more`` in the URL; the answer's body undecoded."""
    return _request("POST", url, body, headers, {**(parameters or {}), **more})


def get(url: str, *, headers: Mapping[str, str] | None = None, **parameters: str) -> urllib3.BaseHTTPResponse:
    return _request("GET", url, None, headers, parameters)


def _request(
    method: str,
    url: str,
    body: bytes | str | None,
    headers: Mapping[str, str] | None,
    parameters: Mapping[str, str],
) -> urllib3.BaseHTTPResponse:
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return POOL.request(
        method, f"{url}/?{query}" if query else f"{url}/", body=body, headers=headers, decode_content=False
    )
