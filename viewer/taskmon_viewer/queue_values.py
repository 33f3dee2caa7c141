"""How queues are written: rates, times to drain, ages, the cells of their tables. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from otel_taskmon.broker import QueueDepth, WaitingTask
from otel_taskmon.queries.model import TaskRow
from otel_taskmon.queries.queue_history import QueueFlow, QueueSample
from taskmon_viewer.components.table import Column
from taskmon_viewer.texts import clipped, clock, duration, named, short_payload

UNKNOWN: Final = "unknown"
CELL_LENGTH: Final = 300
CONSUMERS_HELP: Final = (
    "As RabbitMQ tells. On Redis, which knows of none: the workers with otel-taskmon that take from it now"
)
QUEUE_COLUMNS: Final = [
    Column("Queue", "text", link=True, help="Shows this queue below"),
    Column("Waiting", "number", 86, "right", help="Messages in the queue, of all priorities"),
    Column("Held", "number", 72, "right", help="Messages that workers hold and have not acknowledged"),
    Column("Consumers", "number", 84, "right", help=CONSUMERS_HELP),
    Column("Oldest waits", "number", 110, "right", help="Since the message that waits longest was published"),
    Column(
        "In", "number", 104, "right", help="Published in the last 5 minutes, by programs with otel-taskmon"
    ),
    Column("Out", "number", 104, "right", help="Began in the last 5 minutes and have ended"),
    Column("Time to drain", "number", 150, "right", help="At the rates of the last 5 minutes"),
]
WAITING_COLUMNS: Final = [
    Column("#", "number", 64, "right", help="0 is the next one that a worker gets"),
    Column("Task", "text", link=True, help="Opens what the log knows of it"),
    Column("App", "text", 100),
    Column("Task id", "mono", 150),
    Column("Priority", "number", 62, "right"),
    Column("Age", "number", 92, "right", help="Since it was published"),
    Column("ETA (UTC)", "time", 150),
    Column("Retries", "number", 58, "right"),
    Column("Arguments", "mono", help="Masked as in the worker"),
]
FILL_COLUMNS: Final = [
    Column("Waiting", "number", 90, "right"),
    Column("Share", "number", 80, "right"),
]
"""After the name's own."""


@dataclass(frozen=True)
class QueueState:
    """What is known of one queue now."""

    queue: str
    depth: int | None
    unacked: int | None
    consumers: int | None
    oldest: timedelta | None
    flow: QueueFlow
    sampled_at: datetime | None
    """When ``depth`` was true; None: now, by the broker itself."""


def queue_states(
    live: Sequence[QueueDepth] | None,
    samples: Sequence[QueueSample],
    flows: Mapping[str, QueueFlow],
    workers: Mapping[str, int],
    now: datetime,
) -> list[QueueState]:
    """One entry per queue, longest first; ``live`` None: the broker is not asked, or does not answer.

    ``workers`` take from a queue by what they say; they count where the broker tells no consumers, and a queue that
    none of them names has 0, unless none says anything.
    """
    sampled = {sample.queue: sample for sample in samples}
    counted = {depth.queue: depth for depth in live or ()}
    nothing = QueueFlow(0, 0)
    found = []
    for queue in dict.fromkeys((*counted, *sampled, *flows, *workers)):
        flow, sample, depth = flows.get(queue, nothing), sampled.get(queue), counted.get(queue)
        consumers = sample.consumers if sample is not None else None
        if depth is not None and depth.consumers is not None:
            consumers = depth.consumers
        if consumers is None and workers:
            consumers = workers.get(queue, 0)
        if depth is not None:
            oldest = _since(depth.oldest_at_ns, now)
            found.append(QueueState(queue, depth.depth, depth.unacked, consumers, oldest, flow, None))
        elif sample is not None and live is None:
            found.append(
                QueueState(queue, sample.depth, sample.unacked, consumers, None, flow, sample.sampled_at)
            )
        else:
            found.append(QueueState(queue, None, None, consumers, None, flow, None))
    return sorted(found, key=lambda one: (-(one.depth or 0), one.queue))


def _since(at_ns: int | None, now: datetime) -> timedelta | None:
    if at_ns is None:
        return None
    return max(timedelta(seconds=now.timestamp() - at_ns / 1e9), timedelta(0))


def span_text(span: timedelta | None) -> str:
    """A length of time in the unit that suits it; ``unknown`` for None."""
    if span is None:
        return UNKNOWN
    seconds = max(span.total_seconds(), 0)
    return f"{seconds:.0f} s" if seconds < 60 else duration(round(seconds) * 10**9)


def rate_text(per_s: float) -> str:
    """``2.40 per s``, ``12 per min``; ``0`` for nothing."""
    if not per_s:
        return "0"
    return f"{per_s:,.2f} per s" if per_s >= 1 else f"{per_s * 60:,.1f} per min"


def drain_text(depth: int | None, flow: QueueFlow) -> str:
    """How long until the queue is empty at these rates, or why it never is."""
    if depth is None:
        return UNKNOWN
    if not depth:
        return "empty"
    left = flow.drains_in(depth)
    if left is not None:
        return span_text(left) if left < timedelta(days=365) else "over a year"
    if not flow.taken:
        return "nothing is taken"
    grows = flow.in_per_s - flow.out_per_s
    return f"grows by {rate_text(grows)}" if grows else "steady: as much in as out"


def queue_cells(state: QueueState) -> tuple[str, ...]:
    return (
        clipped(named(state.queue), CELL_LENGTH),
        count_or_unknown(state.depth),
        count_or_unknown(state.unacked),
        "–" if state.consumers is None else f"{state.consumers:,}",
        "–" if state.depth == 0 else span_text(state.oldest),
        rate_text(state.flow.in_per_s),
        rate_text(state.flow.out_per_s),
        drain_text(state.depth, state.flow),
    )


def count_or_unknown(count: int | None) -> str:
    return UNKNOWN if count is None else f"{count:,}"


def waiting_cells(task: WaitingTask, now: datetime) -> tuple[str, ...]:
    """What the message does not say is told as unknown, never as 0 or as nothing."""
    if task.args is None and task.kwargs is None:
        arguments = task.problem or UNKNOWN
    else:
        arguments = short_payload(task.args or "", task.kwargs or "")
    return (
        f"{task.position:,}",
        clipped(task.task, CELL_LENGTH) or f"{UNKNOWN}: {task.problem}",
        named(task.app) if task.task else UNKNOWN,
        clipped(task.task_id, CELL_LENGTH) or UNKNOWN,
        "–" if task.priority is None else str(task.priority),
        UNKNOWN if task.published_at is None else span_text(now - task.published_at),
        clock(task.eta, fraction=0),
        UNKNOWN if task.retries is None else str(task.retries),
        clipped(arguments, CELL_LENGTH),
    )


def row_cells(number: int, row: TaskRow, now: datetime) -> tuple[str, ...]:
    """A task by the tables, in the same columns; ``number`` is only its place by time of publishing."""
    published = row.published_at or row.first_published_at
    return (
        f"{number:,}",
        clipped(row.task_name, CELL_LENGTH) or UNKNOWN,
        named(row.app),
        clipped(row.task_id, CELL_LENGTH),
        "–" if row.priority is None else str(row.priority),
        span_text(now - published),
        clock(row.eta, fraction=0),
        str(row.retries),
        clipped(short_payload(row.args_short, row.kwargs_short), CELL_LENGTH),
    )


def share_of(count: int, total: int) -> str:
    return f"{count / total * 100:.1f} %" if total else "–"
