"""A limit on wrong passwords, per user and address."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

WINDOW_SECONDS: Final = 15 * 60
PER_USER_AND_ADDRESS: Final = 5
PER_ADDRESS: Final = 20
PER_USER: Final = 50
"""From wherever: high, since whoever knows a name could lock its owner out with it."""
_KEPT_KEYS: Final = 10_000


class Attempts:
    """Counts tries of the last ``WINDOW_SECONDS``; safe for threads. In memory: a restart forgets them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, user: str, address: str) -> int:
        """Count a try as wrong, before its password is looked at, so that many at once cannot slip through.

        0 when it may be tried, else the seconds until the next may (this one is then not counted).
        """
        limits = (
            ((user, address), PER_USER_AND_ADDRESS),
            (("", address), PER_ADDRESS),
            ((user, ""), PER_USER),
        )
        with self._lock:
            now = self._clock()
            wait = max(self._wait(key, limit, now) for key, limit in limits)
            if wait > 0:
                return max(1, round(wait))
            for key, limit in limits:
                self._tries.setdefault(key, deque(maxlen=limit)).append(now)
                self._tries.move_to_end(key)
            while len(self._tries) > _KEPT_KEYS:
                self._tries.popitem(last=False)
            return 0

    def succeeded(self, user: str, address: str) -> None:
        """The password was right: this pair's tries are forgotten, and this one was none of the other two."""
        with self._lock:
            self._tries.pop((user, address), None)
            for key in (("", address), (user, "")):
                if self._tries.get(key):
                    self._tries[key].pop()

    def _wait(self, key: tuple[str, str], limit: int, now: float) -> float:
        tries = self._tries.get(key)
        while tries and tries[0] <= now - WINDOW_SECONDS:
            tries.popleft()
        return tries[0] + WINDOW_SECONDS - now if tries and len(tries) >= limit else 0
