"""Addresses of what a command started itself, as its other parts reach them."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}  # noqa: S104  # compared with, not bound to


def reachable_host(host: str) -> str:
    """The loopback address for a server that listens on all addresses, else the one it listens on."""
    return _EVERYWHERE.get(host, host)


def without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep a proxy for the internet away from loopback addresses."""
    given = environ.get("NO_PROXY") or environ.get("no_proxy")
    hosts = ",".join(filter(None, (given, "127.0.0.1,localhost,::1")))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def url(host: str, port: int) -> str:
    """``http://host:port`` as this machine reaches it."""
    host = reachable_host(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def port_open(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    with suppress(OSError), socket.create_connection((reachable_host(host), port), timeout=0.5):
        return True
    return False


def store_answers(host: str, port: int) -> bool:
    """Whether ClickHouse's HTTP interface answers there; a store that still starts up only takes the connection."""
    connection = http.client.HTTPConnection(reachable_host(host), port, timeout=1.0)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def port_free(host: str, port: int) -> bool:
    """Whether we could listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a connection of a former server in TIME_WAIT is no hindrance, a listener is.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError:
        return False
    return True


def free_port(host: str) -> int:
    """A port on which nobody listens at this moment."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
