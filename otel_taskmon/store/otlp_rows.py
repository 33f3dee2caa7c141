"""Rows of one OTLP request for one table, grouped so that each group is stored whole or not at all.

A part of a MergeTree table is atomic and never crosses a partition; our raw tables are partitioned by day. So the
rows of a request are grouped by the day of their own time, and each group carries its own request id: digest of the
body, and that day. A group is then present or absent as a whole, also after a kill, and a request that spans days is
completed by sending it again.

**Clocks.** A time more than ``PAST_DAYS`` back or ``FUTURE_DAYS`` ahead of the receiver's is taken for a wrong clock:
the row gets the time of receipt, so that it can open no partition of its own, and keeps its true time in the
attribute ``taskmon.clock.original_ns``. The bounds are whole UTC days and the group stays the one of the *original*
day, so a request sent again later has the same ids even where the bound has moved on meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_taskmon.store import rowbinary
from otel_taskmon.store.otlp_errors import TooLarge
from otel_taskmon.store.otlp_values import attribute_map, attribute_pairs

NS_PER_DAY: Final = 86_400_000_000_000
PAST_DAYS: Final = 400
FUTURE_DAYS: Final = 2
MAX_ROWS: Final = 250_000
"""Rows of one request for one table; a body within its limit could still hold a million empty ones."""
CLOCK_KEY: Final = "taskmon.clock.original_ns"

Append = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Table:
    """A raw table and the columns we write, ours (``RequestId``) last."""

    name: str
    columns: tuple[str, ...]

    @property
    def target(self) -> str:
        """``otel.table (column, …)`` for an INSERT."""
        return f"otel.{self.name} ({', '.join((*self.columns, 'RequestId'))})"


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one request for one day of one table: RowBinary of ``table.columns`` and RequestId."""

    table: Table
    request_id: str
    rows: int
    data: bytes


@dataclass(slots=True)
class _Day:
    request_id: str
    encoded_id: bytes
    right_clock: bool
    parts: list[bytes] = field(default_factory=list)
    rows: int = 0


class RowGroups:
    """Collects the rows of one request for one table; ``blocks()`` hands them out.

    ``digest`` is the hex digest of the request's body; ``received_ns`` the receiver's time.
    """

    def __init__(self, table: Table, digest: str, received_ns: int | None = None) -> None:
        self._table = table
        self._digest = digest
        self._received_ns = time.time_ns() if received_ns is None else received_ns
        today = self._received_ns // NS_PER_DAY
        self._first_day = today - PAST_DAYS
        self._last_day = today + FUTURE_DAYS
        self._rows = 0
        self._days: dict[int, _Day] = {}
        self._current_number = -1
        self._current: _Day | None = None

    def start(self, time_ns: int) -> tuple[Append, int, bool]:
        """A row begins: where to append its columns, the time to store, and whether its clock is right.

        The caller appends all columns of the table and then calls ``end``.
        """
        number = time_ns // NS_PER_DAY
        day = self._current
        if day is None or number != self._current_number:
            day = self._day(number)
        return day.parts.append, time_ns if day.right_clock else self._received_ns, day.right_clock

    def _day(self, number: int) -> _Day:
        day = self._days.get(number)
        if day is None:
            request_id = f"{self._digest}:{number}"
            right_clock = self._first_day <= number <= self._last_day
            day = _Day(request_id, rowbinary.string(request_id), right_clock)
            self._days[number] = day
        self._current_number, self._current = number, day
        return day

    def end(self) -> None:
        """The row is complete. Raises TooLarge when the request has too many."""
        day = self._current
        assert day is not None, "end() without start()"
        day.parts.append(day.encoded_id)
        day.rows += 1
        self._rows += 1
        if self._rows > MAX_ROWS:
            raise TooLarge(f"the request has more than {MAX_ROWS} rows for {self._table.name}")

    def blocks(self) -> list[Block]:
        return [
            Block(self._table, day.request_id, day.rows, b"".join(day.parts)) for day in self._days.values()
        ]


def row_attributes(attributes: Sequence[KeyValue], original_ns: int, *, right_clock: bool) -> bytes:
    """The attributes of a row as a RowBinary map, with the original time added where the clock was wrong."""
    if right_clock:
        return attribute_map(attributes)
    true_time = KeyValue(key=CLOCK_KEY, value=AnyValue(string_value=str(original_ns)))
    return rowbinary.length(len(attributes) + 1) + attribute_pairs([*attributes, true_time])
