"""Which workers were seen, when, and what they said last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from otel_taskmon.queries import rows
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import BEGINNING_US, microseconds
from otel_taskmon.queries.statements import statement


@dataclass(frozen=True)
class SeenWorker:
    """A worker by node name: its newest life (``boot_id``) and how many there were.

    ``running``, ``held`` and ``pool_size`` are what the newest heartbeat said, None where none did.
    """

    worker: str
    is_alive: bool
    first_seen: datetime
    last_seen: datetime
    boots: int
    boot_id: str
    host: str
    service: str
    running: int | None
    held: int | None
    pool_size: int | None
    running_execution_ids: list[str]
    version: str
    celery_version: str


def seen_workers(client: Client, since: datetime | None = None) -> list[SeenWorker]:
    """Those heard of since (None: as far back as events are kept), the newest first."""
    since_us = BEGINNING_US if since is None else microseconds(since)
    return rows.many(SeenWorker, client.ask(statement("workers_seen"), {"since_us": since_us}))
