"""Hourly statistics of executions that were deleted, computed again from those that are left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.statements import statement

_TABLE: Final = "celery_task_stats_1h"
_DAYS_TABLE: Final = "celery_task_stats_1d"
_HOUR_S: Final = 3600


def whole_hours_since(client: Client) -> int:
    """From this second on (since the epoch) the log still holds every execution of an hour; 0: always."""
    kept = client.ask(statement("kept_hours"), {"table": "celery_task_runs"}).rows
    now_s = client.ask(statement("server_time")).only()[0] // 1_000_000
    return int(now_s) - kept[0][0] * _HOUR_S if kept and kept[0][0] else 0


def recompute_hours(client: Client, hours: Sequence[int]) -> int:
    """Compute the statistics of these hours (seconds since the epoch) again; how many rows that replaced.

    Waits for it. Runs the view that computes them all the time, so there is no second definition of them.
    """
    since_us = client.ask(statement("server_time")).only()[0]
    # One that runs already may have read what is deleted now.
    client.run(statement("stats_stop_refresh"))
    client.run(statement("stats_hours_due"), {"hours": list(hours)})
    client.run(statement("stats_refresh"))
    client.run(statement("stats_await_refresh"))
    replaced = {"hours": list(hours), "since_us": since_us, "table": _TABLE}
    count: int = client.ask(statement("purge_count", doomed="stats_replaced"), replaced).only()[0]
    if count:
        client.run(statement("purge_delete", doomed="stats_replaced"), replaced)
    return count


def forget_days(client: Client, days: Sequence[int]) -> None:
    """Drop the statistics by the day of these days (since the epoch), whose hours have lost rows.

    They are computed again with the next refresh; until then the hours themselves are read. One that runs already may
    have read the hours as they were, so it is cancelled.
    """
    client.run(statement("stats_days_stop_refresh"))
    doomed = {"days": list(days), "table": _DAYS_TABLE}
    if client.ask(statement("purge_count", doomed="stats_days_doomed"), doomed).only()[0]:
        client.run(statement("purge_delete", doomed="stats_days_doomed"), doomed)
        client.run(statement("purge_free_space"), {"table": _DAYS_TABLE})
