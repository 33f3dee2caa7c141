"""The view of the Queues page as one value: what page, widgets and address share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from otel_taskmon.broker import Wanted
from taskmon_viewer.address_reader import AddressReader, Ignored
from taskmon_viewer.texts import NONE_LABEL

QUEUE_RANGES: Final[dict[str, tuple[str, timedelta]]] = {
    "15m": ("Last 15 minutes", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "6h": ("Last 6 hours", timedelta(hours=6)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
DEFAULT_RANGE: Final = "1h"
MAX_PRIORITY: Final = 255
MAX_TRAIL: Final = 20
MAX_POSITION: Final = 999_999_999
_KNOWN: Final = frozenset({"queue", "range", "app", "task", "task_id", "priority", "start"})


@dataclass(frozen=True)
class QueueParams:
    """One view; equal views have equal addresses."""

    queue: str = ""
    """"" asks for the longest one."""
    range: str = DEFAULT_RANGE
    """Key of QUEUE_RANGES."""
    app: str | None = None
    """None: any; "": messages of no app."""
    task: str = ""
    task_id: str = ""
    priority: int | None = None
    trail: tuple[int, ...] = ()
    """Positions at which the pages after the first one begin; the last is this page's."""

    @property
    def start(self) -> int:
        return self.trail[-1] if self.trail else 0

    @property
    def wanted(self) -> Wanted:
        return Wanted(task=self.task, app=self.app, task_id=self.task_id, priority=self.priority)

    def changed(self, **changes: object) -> QueueParams:
        """This view with other filters: on its first page."""
        return replace(self, **{"trail": (), **changes})  # type: ignore[arg-type]

    def of_queue(self, queue: str) -> QueueParams:
        """Another queue, of which everything is shown."""
        return QueueParams(queue=queue, range=self.range)

    def next_page(self, start: int) -> QueueParams:
        return replace(self, trail=(*self.trail, start)[-MAX_TRAIL:])

    def previous_page(self) -> QueueParams:
        return replace(self, trail=self.trail[:-1])

    def to_query(self) -> dict[str, str | list[str]]:
        """The parameters of its address; what is at its default is left out."""
        query: dict[str, str | list[str]] = {}
        if self.queue:
            query["queue"] = self.queue
        if self.range != DEFAULT_RANGE:
            query["range"] = self.range
        if self.app is not None:
            query["app"] = self.app or NONE_LABEL
        if self.task:
            query["task"] = self.task
        if self.task_id:
            query["task_id"] = self.task_id
        if self.priority is not None:
            query["priority"] = str(self.priority)
        if self.trail:
            query["start"] = [str(start) for start in self.trail]
        return query

    def to_query_string(self) -> str:
        return urlencode(self.to_query(), doseq=True)


def parse_queue_params(query: Mapping[str, Sequence[str]]) -> tuple[QueueParams, list[Ignored]]:
    """The view an address asks for, and what of it could not be used (that part is at its default)."""
    reader = AddressReader(query, _KNOWN)
    app = reader.text("app")
    params = QueueParams(
        queue=reader.text("queue"),
        range=reader.choice("range", tuple(QUEUE_RANGES), DEFAULT_RANGE),
        app="" if app == NONE_LABEL else app or None,
        task=reader.text("task"),
        task_id=reader.text("task_id").strip(),
        priority=_priority(reader),
        trail=_trail(reader),
    )
    return params, reader.ignored


def _priority(reader: AddressReader) -> int | None:
    if not reader.all("priority"):
        return None
    found = reader.number("priority", 0, MAX_PRIORITY, -1)
    return None if found < 0 else found


def _trail(reader: AddressReader) -> tuple[int, ...]:
    kept: list[int] = []
    for text in reader.all("start")[-MAX_TRAIL:]:
        position = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not (kept[-1] if kept else 0) < position <= MAX_POSITION:
            reader.ignore("start", text, "allowed are growing positions; this is the first page")
            return ()
        kept.append(position)
    return tuple(kept)
