"""Statistics by the hour and by the day, computed when a test asks for it."""

from __future__ import annotations

from typing import Literal

from otel_taskmon.queries.connection import Client

View = Literal["1h", "1d"]


def only_when_asked(admin: Client, *views: View) -> None:
    """From now on; a refresh of the clock's would come between two of a test."""
    for view in views:
        admin.run(f"ALTER TABLE otel.celery_task_stats_{view}_mv MODIFY REFRESH EVERY 1 YEAR APPEND")


def refresh(admin: Client, *views: View) -> None:
    """One after the other, to the end."""
    for view in views:
        admin.run(f"SYSTEM REFRESH VIEW otel.celery_task_stats_{view}_mv")
        admin.run(f"SYSTEM WAIT VIEW otel.celery_task_stats_{view}_mv")
