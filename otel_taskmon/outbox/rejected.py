"""Records that a server called bad are set aside: one file per boot under ``<root>/rejected/``, in the same format."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from otel_taskmon.outbox.data_file import Item
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.location import REJECTED
from otel_taskmon.outbox.record import KIND_SIGNAL, KIND_SOURCE, SUFFIX, pack
from otel_taskmon.outbox.space import Space


class Rejected:
    """Where one shipper sets records aside; bounded by the same space as what waits."""

    def __init__(self, root: Path | None, boot: str, space: Space | None) -> None:
        self._path = None if root is None else root / REJECTED / f"{boot}{SUFFIX}"
        self._space = space
        self.records = [0] * len(Signal)
        """Per signal, by this process: refused by a server, kept or not."""

    def set_aside(self, signal: Signal, item: Item) -> None:
        """Keep it and count it; where there is no room, only count it."""
        self.records[signal] += 1
        if self._path is None:
            return
        at = time.time_ns()
        data = pack(KIND_SOURCE, 0, item.source.packed(), at) + pack(KIND_SIGNAL + signal, 0, item.body, at)
        if self._space is not None and self._space.share(len(data)) < len(data):
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
