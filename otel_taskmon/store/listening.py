"""Sockets to listen on, and what to say when one cannot be had."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import Final

from otel_taskmon.errors import TaskmonError

_BACKLOG: Final = 2048  # uvicorn's own


@dataclass(frozen=True)
class Endpoint:
    """One thing the store listens for: its name, its port, and how that port is chosen."""

    name: str
    port: int
    flag: str
    variable: str


def bind(host: str, endpoint: Endpoint) -> socket.socket:
    """A bound socket, not yet listening. Raises TaskmonError naming the port, its flag and what to do."""
    family, _, _, _, address = _resolve(host, endpoint.port)
    # asyncio turns Nagle off only for sockets that say they are TCP; with it on every small answer takes 40 ms
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # a port whose last connections are still being closed is free; one that somebody listens on is not
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise unusable(host, endpoint, error) from error
    return opened


def listen(opened: socket.socket, host: str, endpoint: Endpoint) -> None:
    """Take connections on a bound socket.

    Raises TaskmonError when another program listens there by now: two may bind a port before either listens.
    """
    try:
        opened.listen(_BACKLOG)
    except OSError as error:
        raise unusable(host, endpoint, error) from error


def unusable(host: str, endpoint: Endpoint, error: OSError) -> TaskmonError:
    """Why this endpoint cannot listen, as a person can act on it."""
    choose = f"choose another one with {endpoint.flag} or {endpoint.variable}"
    if error.errno == errno.EADDRINUSE:
        return TaskmonError(
            f"port {endpoint.port} for {endpoint.name} is taken on {host}: stop the program that has it, or {choose}"
        )
    if error.errno == errno.EACCES:
        return TaskmonError(
            f"port {endpoint.port} for {endpoint.name} needs more rights than this user has: {choose}"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return TaskmonError(
            f"{host} is not an address of this machine: choose another one with --host or TASKMON_HOST"
        )
    return TaskmonError(f"cannot listen on {host}:{endpoint.port} for {endpoint.name}: {error.strerror}")


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, int, int, str, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise TaskmonError(
            f"{host} is not an address: choose another one with --host or TASKMON_HOST"
        ) from error
    return found[0], int(found[1]), found[2], found[3], (str(found[4][0]), int(found[4][1]))
