"""What waits in queues by the tables: tasks that were published and not received since.

For brokers that cannot show a message without handing it out (RabbitMQ), and for telling which queues there are. A
message that was published by a program without us, or purged, is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import Cursor, FacetValue, TaskFilter, TaskPage
from otel_taskmon.queries.overview import facets
from otel_taskmon.queries.statements import statement
from otel_taskmon.queries.tasks import list_tasks, task_span

WAITING_STATES: Final = ("SENT", "SCHEDULED")
LOOKED_BACK: Final = timedelta(days=7)
"""Tasks that were published before are not looked for."""
MOST_QUEUES: Final = 1_000
NAMES_SHOWN: Final = 1_000


@dataclass(frozen=True)
class WaitingCounts:
    """What fills a queue, by the tables."""

    taken_at: datetime
    total: int
    by_task: list[FacetValue]
    by_app: list[FacetValue]


def waiting_filter(
    queue: str, wanted: TaskFilter | None = None, *, now: datetime | None = None
) -> TaskFilter:
    """The filter of the log that shows the tasks waiting in ``queue``; ``wanted`` adds names, apps, priorities."""
    since = (now or datetime.now(UTC)) - LOOKED_BACK
    return replace(wanted or TaskFilter(), since=since, states=WAITING_STATES, queues=(queue,))


def waiting_tasks(
    client: Client, wanted: TaskFilter, *, limit: int = 100, after: Cursor | None = None
) -> TaskPage:
    """A page of them, first published first; ``wanted`` is from :func:`waiting_filter`."""
    return list_tasks(client, wanted, sort="time", descending=False, limit=limit, after=after)


def waiting_counts(client: Client, wanted: TaskFilter) -> WaitingCounts:
    """Their number, and the most frequent names and apps."""
    found = facets(client, wanted, limit=NAMES_SHOWN)
    return WaitingCounts(datetime.now(UTC), task_span(client, wanted).count, found.names, found.apps)


def known_queues(client: Client) -> list[str]:
    """Queues that were counted or published to lately, sorted."""
    return [queue for (queue,) in client.ask(statement("known_queues"), {"limit": MOST_QUEUES}).rows]
