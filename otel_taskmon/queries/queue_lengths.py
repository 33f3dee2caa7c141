"""How long a queue was at the time of a run: the last sample before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import microseconds
from otel_taskmon.queries.model import Execution
from otel_taskmon.queries.report_model import QueueDepthAt
from otel_taskmon.queries.statements import statement

OLDEST_SAMPLE: Final = timedelta(minutes=5)
"""Samples come every few seconds; an older one says nothing about the moment."""


def queue_depth_at(client: Client, executions: Sequence[Execution]) -> dict[str, QueueDepthAt]:
    """Execution id -> length of its queue when it began (or ended, where nothing ran).

    An execution is missing where its queue is unknown, or was not sampled in the five minutes before.
    """
    known = [execution for execution in executions if execution.queue]
    if not known:
        return {}
    answer = client.ask(
        statement("queue_depth_at"),
        {
            "execution_ids": [execution.execution_id for execution in known],
            "queues": [execution.queue for execution in known],
            "moments_us": [microseconds(execution.started_at) for execution in known],
            "oldest_us": OLDEST_SAMPLE // timedelta(microseconds=1),
        },
    )
    return {
        execution_id: QueueDepthAt(depth=depth, unacked=unacked, sampled_at=sampled_at)
        for execution_id, depth, unacked, sampled_at in answer.rows
    }
