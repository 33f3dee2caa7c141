"""What a process keeps in memory while the disk takes nothing: bounded, oldest kept."""

from __future__ import annotations

from collections import deque

from otel_taskmon.outbox.limits import Signal


class Memory:
    """A queue per signal of (packed source, body); not locked: its writer's lock covers it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._queues: tuple[deque[tuple[bytes, bytes]], ...] = tuple(deque() for _ in Signal)
        self.records = 0
        """How many there are; asked at each record that is written, so it is kept and not added up."""

    def __len__(self) -> int:
        return self.records

    def room(self) -> int:
        """Bytes up to the bound."""
        return max(0, self._max_bytes - self._bytes)

    def add(self, signal: Signal, source: bytes, body: bytes) -> bool:
        """Keep it, unless it is over the bound."""
        if self._bytes + len(body) > self._max_bytes:
            return False
        self._bytes += len(body)
        self._queues[signal].append((source, body))
        self.records += 1
        return True

    def first(self) -> tuple[Signal, bytes, bytes] | None:
        """One that waits longest of its signal, left where it is."""
        for signal in Signal:
            if queue := self._queues[signal]:
                return signal, *queue[0]
        return None

    def holds(self, signal: Signal) -> bool:
        """Whether there is one of ``signal``."""
        return bool(self._queues[signal])

    def drop_first(self, signal: Signal) -> None:
        self._bytes -= len(self._queues[signal].popleft()[1])
        self.records -= 1

    def take(self, signal: Signal, max_records: int, max_bytes: int) -> list[tuple[bytes, bytes]]:
        """The oldest of ``signal`` up to both bounds, at least one where there is one; they are no longer here."""
        taken: list[tuple[bytes, bytes]] = []
        size = 0
        queue = self._queues[signal]
        while queue and len(taken) < max_records and (not taken or size + len(queue[0][1]) <= max_bytes):
            taken.append(queue.popleft())
            size += len(taken[-1][1])
        self._bytes -= size
        self.records -= len(taken)
        return taken

    def put_back(self, signal: Signal, taken: list[tuple[bytes, bytes]]) -> None:
        """What could not be sent is the oldest again, and is kept even over the bound."""
        self._queues[signal].extendleft(reversed(taken))
        self._bytes += sum(len(body) for _, body in taken)
        self.records += len(taken)
