"""Which worker this process belongs to, and which life of it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from time import monotonic
from typing import Final


def new_id() -> str:
    """32 random hex digits; drawn from the system, so that forked processes never share one."""
    return os.urandom(16).hex()


@dataclass
class Boot:
    """One life of a worker; made before the fork, so that its pool processes inherit it."""

    id: str = field(default_factory=new_id)
    worker: str = ""
    """Node name, as ``celery@host``; "" in a process that is no worker."""

    def start(self, worker: str) -> None:
        """A worker begins in this process."""
        self.id = new_id()
        self.worker = worker


_HOST_KEPT_S: Final = 1.0
_host: tuple[float, str] = (0.0, "")
"""Until when (monotonic clock) it is as it was."""


def host_name() -> str:
    """Asked again after a second: a container may be renamed, and a task is not to wait for the system to say so."""
    global _host
    until, name = _host
    now = monotonic()
    if now >= until:
        name = socket.gethostname()
        _host = (now + _HOST_KEPT_S, name)
    return name
