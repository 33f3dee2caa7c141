"""Whether a request may come from where it comes from: no page of a browser may reach a store on this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from otel_taskmon.store.access import ACCESS_DENIED, Role
from otel_taskmon.store.http_errors import HttpError


def check_origin(headers: Mapping[str, str], listening_on: str) -> None:
    """Raises HttpError 403 for a page of another site, and for a foreign Host while we listen on loopback only.

    A page can point a name of its own at 127.0.0.1 (DNS rebinding) and then counts as the same site; only its Host
    header gives it away. Clients that are no browser send no Origin.
    """
    host = headers.get("host", "")
    if is_loopback(listening_on) and not is_loopback(host_name(host)):
        raise _refused(f"the Host header {host!r} is not a name of this machine's loopback address")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise _refused(f"requests of pages from {origin!r} are not taken")
    if headers.get("sec-fetch-site") == "cross-site":
        raise _refused("requests of pages from other sites are not taken")


def check_peer(headers: Mapping[str, str], peer: str) -> None:
    """Who gives no password must be on this machine. Raises HttpError 401 for one from elsewhere."""
    if not (is_loopback(peer) and is_loopback(host_name(headers.get("host", "")))):
        raise HttpError(
            401,
            516,
            f"{Role.READER.value}: Authentication failed: without a password this user works from loopback addresses "
            "only; TASKMON_READER_PASSWORD of the store gives it one. (AUTHENTICATION_FAILED)",
        )


def host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # such as an unclosed "["
        return ""


def is_loopback(name: str) -> bool:
    """Whether this name or address is this machine's own."""
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _refused(why: str) -> HttpError:
    return HttpError(403, ACCESS_DENIED, f"{why}. (ACCESS_DENIED)")
