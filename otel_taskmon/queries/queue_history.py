"""Queues over time and their rates, from the samples, the publishes and the executions in the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import microseconds, moment
from otel_taskmon.queries.overview import bucket_seconds
from otel_taskmon.queries.statements import statement

BUCKETS: Final = 90
FINEST_S: Final = 30
"""Samples come every 10 s: narrower buckets would have gaps where nothing is missing."""
FLOW_WINDOW: Final = timedelta(minutes=5)
HEARD_WITHIN: Final = timedelta(hours=1)
"""A worker that is alive was heard within seconds; the rest is for clocks that differ."""
"""Rates are averages over so long: shorter ones jump, longer ones are late."""
SAMPLED_WITHIN: Final = timedelta(hours=1)
"""A queue without a sample for so long is not known any more."""


@dataclass(frozen=True)
class QueueBucket:
    """A stretch of time of one queue; rates are the counts over the bucket's width."""

    start: datetime
    depth: float | None
    """Mean of the samples; None: there was none."""
    deepest: int | None
    oldest_seconds: int | None
    """How long the message that had waited longest had waited, at most."""
    published: int
    taken: int
    """Executions that began here and have ended."""
    wait_p50_ns: int | None
    wait_p95_ns: int | None


@dataclass(frozen=True)
class QueueHistory:
    """One queue over a range, without gaps."""

    queue: str
    since: datetime
    until: datetime
    bucket_seconds: int
    buckets: tuple[QueueBucket, ...]
    samples: int


@dataclass(frozen=True)
class QueueSample:
    """The last sample of a queue."""

    queue: str
    broker: str
    """``redis`` or ``rabbitmq``."""
    depth: int
    unacked: int | None
    consumers: int | None
    sampled_at: datetime


@dataclass(frozen=True)
class QueueFlow:
    """What went into a queue and out of it in ``window``."""

    published: int
    taken: int
    window: timedelta = FLOW_WINDOW

    @property
    def in_per_s(self) -> float:
        return self.published / self.window.total_seconds()

    @property
    def out_per_s(self) -> float:
        return self.taken / self.window.total_seconds()

    def drains_in(self, depth: int) -> timedelta | None:
        """How long until ``depth`` messages are gone at these rates; None: they never are."""
        if not depth:
            return timedelta(0)
        if self.taken <= self.published:
            return None
        return self.window * depth / (self.taken - self.published)


def queue_history(
    client: Client, queue: str, since: datetime, until: datetime, *, buckets: int = BUCKETS
) -> QueueHistory:
    """About ``buckets`` buckets of a range whose end is not included. Raises StoreUnavailable, QueryFailed."""
    since_us, until_us = microseconds(since), max(microseconds(until), microseconds(since))
    seconds = max(bucket_seconds(max(until_us - since_us, 1), buckets), FINEST_S)
    width = seconds * 1_000_000
    asked = {"queue": queue, "since_us": since_us, "until_us": until_us, "bucket_us": width}
    depths, published, taken = (
        {row[0]: row[1:] for row in client.ask(statement(name), asked).rows}
        for name in ("queue_history_depth", "queue_history_published", "queue_history_taken")
    )
    found = []
    for number in range(since_us // width, (until_us - 1) // width + 1) if until_us > since_us else ():
        depth, deepest, oldest, _ = depths.get(number, (None, None, None, 0))
        ended, waited, wait = taken.get(number, (0, 0, (None, None)))
        found.append(
            QueueBucket(
                start=moment(number * width),
                depth=depth,
                deepest=deepest,
                oldest_seconds=oldest,
                published=published.get(number, (0,))[0],
                taken=ended,
                wait_p50_ns=round(wait[0]) if waited else None,
                wait_p95_ns=round(wait[1]) if waited else None,
            )
        )
    samples = sum(row[3] for row in depths.values())
    return QueueHistory(queue, since, until, seconds, tuple(found), samples)


def last_samples(client: Client, now: datetime) -> list[QueueSample]:
    """The last sample of each queue within ``SAMPLED_WITHIN`` before ``now``, by name."""
    answer = client.ask(
        statement("overview_queues"),
        {"since_us": microseconds(now - SAMPLED_WITHIN), "until_us": microseconds(now), "queues": []},
    )
    return [QueueSample(*row) for row in answer.rows]


def queue_workers(client: Client, now: datetime) -> dict[str, int]:
    """Queue -> how many living workers say that they take from it. Workers without otel-taskmon say nothing."""
    asked = {"since_us": microseconds(now - HEARD_WITHIN)}
    return {row[0]: row[1] for row in client.ask(statement("queue_workers"), asked).rows}


def queue_flows(client: Client, now: datetime) -> dict[str, QueueFlow]:
    """Queue -> rates of the ``FLOW_WINDOW`` before ``now``; queues without any traffic are missing."""
    asked = {"since_us": microseconds(now - FLOW_WINDOW), "until_us": microseconds(now)}
    rows = client.ask(statement("queue_flow"), asked).rows
    return {queue: QueueFlow(published, taken) for queue, published, taken in rows}
