"""The app ``endings`` with a task that blocks everything in its process but other threads of the system."""

from __future__ import annotations

import ctypes

from tests.apps.endings import app


@app.task(name="endings.tasks.block")
def block(milliseconds: int) -> None:
    """Waits in C, where no pool of green threads can come in between."""
    ctypes.CDLL(None).usleep(milliseconds * 1000)
