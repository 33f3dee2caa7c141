"""The filtered log as rows of a file: every column, any number of rows, in flat memory here and in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import Per, filter_parameters, microseconds, range_parameters, source_slots
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.statements import statement

_TASK_COLUMNS = (
    "task_id task_name app state reason executions retries first_published_at published_at received_at eta expires "
    "started_at ended_at duration_ns queue_wait_ns queue routing_key priority redelivered worker service environment "
    "release host root_id parent_id group_id chord_id is_error exc_type exc_message exc_fingerprint payload_notes "
    "trace_id args kwargs result"
)
_EXECUTION_COLUMNS = (
    "first_published_at task_id execution_id task_name app state reason retries published_at received_at eta expires "
    "started_at ended_at duration_ns queue_wait_ns queue_wait_raw_ns prefetch_wait_ns queue routing_key priority "
    "redelivered worker boot_id pid host service environment release root_id parent_id group_id group_index chord_id "
    "args kwargs result payload_notes exc_type exc_message exc_stacktrace exc_fingerprint is_error is_eager trace_id "
    "span_id parent_span_id ingested_at"
)
CSV_COLUMNS: Final[dict[Per, tuple[str, ...]]] = {
    "tasks": tuple(_TASK_COLUMNS.split()),
    "executions": tuple(_EXECUTION_COLUMNS.split()),
}
"""Names of the columns, in the order of ``csv_rows``; meanings and units are those of the tables."""

_FIRST_WIDTH_US = 3_600_000_000
_FEW_ROWS = 10_000
_MANY_ROWS = 50_000


def csv_rows(client: Client, wanted: TaskFilter, *, per: Per = "tasks") -> Iterator[tuple[Any, ...]]:
    """Every row of the filter, newest first, as values in the order of ``CSV_COLUMNS[per]``.

    Times are aware UTC datetimes, unknown numbers None. Rows published after the call began are not among them. The
    log is read in stretches of time, so the store never sorts more than about 100 000 rows at once. The first row is
    asked for when the iterator is first advanced; StoreUnavailable and QueryFailed come from there.
    """
    for stretch in _stretches(client, wanted, per):
        for row in client.stream(stretch.question, stretch.parameters):
            stretch.rows += 1
            yield tuple(row)


def arrow_streams(
    client: Client, wanted: TaskFilter, *, per: Per = "tasks"
) -> Iterator[tuple[Iterator[bytes], Callable[[int], None]]]:
    """The same rows as Arrow IPC streams with the columns' own types, one stream for each stretch of time.

    With each comes what must be told how many rows it had, before the next one is asked for.
    """
    for stretch in _stretches(client, wanted, per):
        yield client.raw(stretch.question, stretch.parameters, output_format="ArrowStream"), stretch.had


@dataclass
class _Stretch:
    question: str
    parameters: Mapping[str, object]
    rows: int = 0

    def had(self, rows: int) -> None:
        self.rows = rows


def _stretches(client: Client, wanted: TaskFilter, per: Per) -> Iterator[_Stretch]:
    """Stretches of time from the newest to the oldest; each is as long as the rows of the one before suggest."""
    slots = source_slots(per, wanted)
    parameters = filter_parameters(wanted)
    _, oldest, newest = client.ask(statement("span_of_rows", **slots), parameters).only()
    if oldest is None:
        return
    question = statement(f"export_{per}", **slots)
    oldest_us, upper_us, width_us = microseconds(oldest), microseconds(newest) + 1, _FIRST_WIDTH_US
    while upper_us > oldest_us:
        lower_us = max(upper_us - width_us, oldest_us)
        stretch = _Stretch(question, parameters | range_parameters(lower_us, upper_us))
        yield stretch
        upper_us = lower_us
        if stretch.rows < _FEW_ROWS:
            width_us *= 2
        elif stretch.rows > _MANY_ROWS:
            width_us = max(width_us // 2, 1_000_000)
