"""Which ports the demo takes: the ones a person chose, else the usual ones, else free ones."""

from __future__ import annotations

from otel_taskmon.cli.addresses import free_port, port_free
from otel_taskmon.errors import TaskmonError


def choose_port(host: str, port: int, *, flag: str, variable: str, chosen: bool) -> int:
    """The port, or a free one in its place unless a person chose it.

    Raises TaskmonError when that one is taken.
    """
    if port_free(host, port):
        return port
    if chosen:
        raise TaskmonError(
            f"port {port} on {host} is taken: end the program that listens there, "
            f"or give another one with {flag} or {variable}"
        )
    return free_port(host)
