"""Which worker this process belongs to, and which life of it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field


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


def host_name() -> str:
    """Asked each time: a container may be renamed, and the call costs a microsecond."""
    return socket.gethostname()
