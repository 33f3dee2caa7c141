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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_taskmon.store import rowbinary
from otel_taskmon.store.otlp_errors import TooLarge
from otel_taskmon.store.otlp_values import attribute_map, attribute_pairs

NS_PER_DAY: Final = 86_400_000_000_000
PAST_DAYS: Final = 400
FUTURE_DAYS: Final = 2
MAX_ROWS: Final = 250_000
"""Rows of one request for one table; a body within its limit could still hold a million empty ones."""
MAX_DAYS: Final = 1_000
"""Days of one request for one table, those of wrong clocks included: each is a block of its own, and ten thousand of
them keep the engine busy for twenty seconds."""
MAX_REPEATED_BYTES: Final = 128 * 1024 * 1024
"""What the rows of one request repeat of their resources and scopes, which came once each: one of a megabyte over a
thousand empty spans packs into a few kilobytes. At 2 kB a resource this is 65 000 rows."""
CLOCK_KEY: Final = "taskmon.clock.original_ns"

Append = Callable[[bytes], None]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Table:
    """A raw table, the columns we write, ours (``RequestId``) last, and the engine's format in which we write them."""

    name: str
    columns: tuple[str, ...]
    format: str = "RowBinary"

    @property
    def target(self) -> str:
        """``otel.table (column, …)`` for an INSERT."""
        return f"otel.{self.name} ({', '.join((*self.columns, 'RequestId'))})"


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one request for one day of one table: ``table.columns`` and RequestId in ``table.format``.

    Blocks of one table may be joined by putting their data one after another.
    """

    table: Table
    request_id: str
    rows: int
    data: bytes


@dataclass(slots=True)
class Day(Generic[R]):
    """One group: its rows so far, how many, and whether times of that day are believed."""

    request_id: str
    right_clock: bool
    rows: R
    count: int = 0


class Groups(Generic[R]):
    """The days of one request for one table; ``new_rows`` makes what holds the rows of a day.

    ``digest`` is the hex digest of the request's body; ``received_ns`` the receiver's time.
    """

    def __init__(self, table: Table, digest: str, received_ns: int | None, new_rows: Callable[[], R]) -> None:
        self._table = table
        self._digest = digest
        self.received_ns = time.time_ns() if received_ns is None else received_ns
        self._new_rows = new_rows
        today = self.received_ns // NS_PER_DAY
        self._first_day = today - PAST_DAYS
        self._last_day = today + FUTURE_DAYS
        self._count = 0
        self._repeated = 0
        self._days: dict[int, Day[R]] = {}
        self._current_number = -1
        self._current: Day[R] | None = None

    def day(self, time_ns: int) -> Day[R]:
        """The group of a row with this time. The caller adds the row to it and then calls ``count``.

        Raises TooLarge when the request is spread over too many.
        """
        number = time_ns // NS_PER_DAY
        day = self._current
        if day is None or number != self._current_number:
            day = self._days.get(number)
            if day is None:
                if len(self._days) == MAX_DAYS:
                    raise TooLarge(
                        f"the request has rows of more than {MAX_DAYS} days for {self._table.name}"
                    )
                right_clock = self._first_day <= number <= self._last_day
                day = self._days[number] = Day(f"{self._digest}:{number}", right_clock, self._new_rows())
            self._current_number, self._current = number, day
        return day

    def repeat(self, size: int, rows: int) -> None:
        """The next ``rows`` rows have ``size`` bytes in common. Raises TooLarge when the request unfolds too far."""
        self._repeated += size * rows
        if self._repeated > MAX_REPEATED_BYTES:
            raise TooLarge(
                f"the rows of the request for {self._table.name} repeat more than {MAX_REPEATED_BYTES} bytes of their "
                "resources and scopes"
            )

    def count(self) -> Day[R]:
        """A row is complete: its day. Raises TooLarge when the request has too many."""
        day = self._current
        assert day is not None, "count() without day()"
        day.count += 1
        self._count += 1
        if self._count > MAX_ROWS:
            raise TooLarge(f"the request has more than {MAX_ROWS} rows for {self._table.name}")
        return day

    def blocks(self, encode: Callable[[R, str], bytes]) -> list[Block]:
        """All groups; ``encode`` makes the data of one from its rows and its request id."""
        return [
            Block(self._table, day.request_id, day.count, encode(day.rows, day.request_id))
            for day in self._days.values()
        ]


class RowGroups:
    """``Groups`` of rows in RowBinary, column by column."""

    def __init__(self, table: Table, digest: str, received_ns: int | None = None) -> None:
        self._groups: Groups[list[bytes]] = Groups(table, digest, received_ns, list)

    def repeat(self, size: int, rows: int) -> None:
        """As ``Groups.repeat``."""
        self._groups.repeat(size, rows)

    def start(self, time_ns: int) -> tuple[Append, int, bool]:
        """A row begins: where to append its columns, the time to store, and whether its clock is right.

        The caller appends all columns of the table and then calls ``end``.
        """
        day = self._groups.day(time_ns)
        return day.rows.append, time_ns if day.right_clock else self._groups.received_ns, day.right_clock

    def end(self) -> None:
        """The row is complete. Raises TooLarge when the request has too many."""
        day = self._groups.count()
        day.rows.append(rowbinary.repeated_string(day.request_id))

    def blocks(self) -> list[Block]:
        return self._groups.blocks(lambda rows, _: b"".join(rows))


def row_attributes(attributes: Sequence[KeyValue], original_ns: int, *, right_clock: bool) -> bytes:
    """The attributes of a row as a RowBinary map, with the original time added where the clock was wrong."""
    if right_clock:
        return attribute_map(attributes)
    return rowbinary.length(len(attributes) + 1) + attribute_pairs(with_true_time(attributes, original_ns))


def with_true_time(attributes: Iterable[KeyValue], original_ns: int) -> list[KeyValue]:
    """The attributes of a row whose clock was wrong, with the time that it had."""
    return [*attributes, KeyValue(key=CLOCK_KEY, value=AnyValue(string_value=str(original_ns)))]
