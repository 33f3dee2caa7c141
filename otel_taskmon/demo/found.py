"""What the tables hold of the demo's load, read as everybody reads: over ClickHouse's HTTP interface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import resources
from types import TracebackType
from typing import Self

from otel_taskmon.demo.counters import Counts
from otel_taskmon.queries.connection import connect


class Tables:
    """The tables of the store at ``url``, everything first published at or after ``since``."""

    def __init__(self, url: str, since: datetime) -> None:
        self._client = connect(url)
        self._since = since
        self._sql = (resources.files("otel_taskmon.demo") / "found_counts.sql").read_text(encoding="utf-8")

    def counts(self) -> Counts:
        """The same cells as the demo's counters. Raises StoreUnavailable, QueryFailed."""
        return counts_of_rows(self._client.ask(self._sql, {"since": self._since}).rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()


def counts_of_rows(rows: Iterable[Sequence[object]]) -> Counts:
    """Counts from rows of (what, task name, state, how many)."""
    counts = Counts(Counter(), Counter(), Counter(), Counter())
    for what, name, state, found in rows:
        task, number = str(name), int(str(found))
        if what == "publishes":
            counts.publishes[task] = number
        elif what == "errors":
            counts.errors[task] = number
        elif what == "tasks":
            counts.tasks[task, str(state)] = number
        else:
            counts.executions[task, str(state)] = number
    return counts
