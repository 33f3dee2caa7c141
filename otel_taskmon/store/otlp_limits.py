"""How much the OTLP side takes at once, and how long it gathers rows before an insert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from otel_taskmon.store.otlp_errors import TryLater

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class OtlpLimits:
    """``body_bytes`` holds for a body as sent and for what it unpacks to (20 MiB, the Collector's own limit).

    ``waiting_bytes`` and ``waiting_requests`` bound what is being received, decoded or inserted at any moment, and
    ``waiting_row_bytes`` the rows that wait for an insert (each has its resource with it); above that, requests are
    answered with "try again in ``retry_after`` seconds".

    An insert starts ``gather_seconds`` after its first row came, or at ``gather_rows`` rows. While more requests are
    being decoded it waits for them, up to ``join_rows`` rows or as long again as the insert before it took, at most
    ``join_seconds``: one insert of 10 000 rows costs about a quarter less than two of 5 000, and its parts need fewer
    merges. It takes at most ``insert_rows`` and ``insert_bytes``, unless one request is larger.
    """

    body_bytes: int = 20 * _MIB
    waiting_bytes: int = 64 * _MIB
    waiting_requests: int = 1000
    waiting_row_bytes: int = 256 * _MIB
    gather_seconds: float = 0.2
    gather_rows: int = 5000
    join_rows: int = 10_000
    join_seconds: float = 1.0
    insert_rows: int = 20_000
    insert_bytes: int = 24 * _MIB
    retry_after: int = 2

    @classmethod
    def with_body(cls, body_bytes: int) -> Self:
        """The limits for bodies of this length: two of the longest fit, each as sent and unpacked."""
        return cls(body_bytes=body_bytes, waiting_bytes=max(cls().waiting_bytes, 4 * body_bytes))


class Room:
    """The budget of waiting bytes and requests; used on the event loop only."""

    def __init__(self, limits: OtlpLimits) -> None:
        self._limits = limits
        self._bytes = 0
        self._requests = 0

    def place(self) -> Place:
        """A place for one request. Raises TryLater when there is none."""
        return Place(self, self._limits)


class Place:
    """One request's share of the room; given back when the ``with`` block ends."""

    def __init__(self, room: Room, limits: OtlpLimits) -> None:
        self._room = room
        self._limits = limits
        self._bytes = 0

    def __enter__(self) -> Self:
        room = self._room
        if room._requests >= self._limits.waiting_requests:
            raise TryLater(f"{room._requests} requests are waiting already", self._limits.retry_after)
        room._requests += 1
        return self

    def grow(self, size: int) -> None:
        """This request takes ``size`` bytes more. Raises TryLater when the room is full."""
        limits, room = self._limits, self._room
        if room._bytes + size > limits.waiting_bytes:
            raise TryLater(f"{room._bytes} bytes are waiting already", limits.retry_after)
        room._bytes += size
        self._bytes += size

    def __exit__(self, *_: object) -> None:
        self._room._requests -= 1
        self._room._bytes -= self._bytes
