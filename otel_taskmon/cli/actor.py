"""Who runs a command, for the table audit."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_taskmon.queries.audit import Actor


def actor() -> Actor:
    """``user@host``; a user that the system has no name for, as containers have, by its number."""
    from otel_taskmon.queries.audit import Actor

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the second from Python 3.13 on
        user = f"uid {os.getuid()}"
    return Actor(f"{user}@{socket.gethostname()}", "command line")
