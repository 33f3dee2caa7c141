"""What a request says of where it comes from: the address behind a trusted proxy, Host and Origin, its path."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without port) means this machine alone."""
    if host.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Networks:
    """The addresses of trusted proxies."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def __contains__(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)


@dataclass(frozen=True)
class Origin:
    """Who asked."""

    peer: str
    """At the other end of the connection."""
    address: str
    """The browser's, as far as it can be known."""
    secure: bool
    """Whether the browser spoke TLS."""


def origin_of(scope: Scope, proxies: Networks) -> Origin:
    """``X-Forwarded-For`` and ``X-Forwarded-Proto`` count only where a trusted proxy has set them: the last address of
    the list that is no proxy of ours is the browser's."""
    client = scope.get("client")
    peer = str(client[0]) if client else ""
    secure = scope.get("scheme") in ("https", "wss")
    if peer not in proxies:
        return Origin(peer, peer, secure)
    headers = Headers(scope=scope)
    hops = [hop.strip() for line in headers.getlist("x-forwarded-for") for hop in line.split(",")]
    address = next((hop for hop in reversed(hops) if hop and hop not in proxies), peer)
    return Origin(peer, address[:100], secure or headers.get("x-forwarded-proto", "").lower() == "https")


def foreign_page(scope: Scope) -> str | None:
    """Why a request is refused that a page of another site had the browser make; None when it is not.

    A page of another port on this machine is another application: only our own pages may speak to us. What changes
    something must say where it comes from, as every browser does.
    """
    headers = Headers(scope=scope)
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1:
        return "there must be exactly one Host"
    if not origins:
        changes = scope["type"] == "http" and scope["method"] not in _SAFE_METHODS
        return "a request that changes something must name its Origin" if changes else None
    if len(origins) > 1:
        return "more than one Origin"
    origin = urlsplit(origins[0])
    if origin.scheme not in ("http", "https") or origin.netloc.lower() != hosts[0].lower():
        return "the request comes from a page of another origin"
    return None


def not_this_machine(scope: Scope) -> str | None:
    """Why a request is refused where only this machine may ask; None when it may pass.

    The name asked for (Host) matters although the socket is bound to loopback: a web page of somebody else, opened in
    a browser on this machine, reaches loopback as well (DNS rebinding).
    """
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return "only this machine may use the viewer"
    hosts = Headers(scope=scope).getlist("host")
    if len(hosts) != 1 or not is_loopback(_host_name(hosts[0])):
        return "the address in Host is not one of this machine"
    return None


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
