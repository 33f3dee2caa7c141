"""Which groups of rows are in the tables already, so that a request sent again adds nothing.

Every raw row carries the request id of its group (``otlp_rows``); since a group is atomic, the tables themselves are
the durable memory. What the last hour brought is kept here and read back from the tables at start.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

REMEMBERED_SECONDS: Final = 3600
MOST_KEYS: Final = 1_000_000
"""About 150 MB when full; at 20 000 spans/s in the SDK's batches of 512 an hour has 140 000."""


class KnownKeys:
    """Request ids per table, forgotten after an hour, the oldest first when there are too many."""

    def __init__(
        self,
        *,
        most: int = MOST_KEYS,
        seconds: float = REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __contains__(self, key: tuple[str, str]) -> bool:
        until = self._until.get(key)
        return until is not None and until > self._clock()

    def __len__(self) -> int:
        return len(self._until)

    def add(self, table: str, request_ids: Iterable[str]) -> None:
        """These are in ``table`` now."""
        now = self._clock()
        for request_id in request_ids:
            key = (table, request_id)
            self._until[key] = now + self._seconds
            self._until.move_to_end(key)
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._until:
            key, until = next(iter(self._until.items()))
            if until > now and len(self._until) <= self._most:
                return
            del self._until[key]
