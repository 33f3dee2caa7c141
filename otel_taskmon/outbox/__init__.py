"""The outbox: finished telemetry is on local disk before the task goes on, and a thread of another process ships it."""

from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.outbox import Outbox
from otel_taskmon.outbox.processors import OutboxLogRecordProcessor, OutboxMetricExporter, OutboxSpanProcessor
from otel_taskmon.outbox.status import (
    FolderStatus,
    RejectedStatus,
    Shipped,
    list_folders,
    list_rejected,
    ship_now,
)

__all__ = [
    "FolderStatus",
    "Outbox",
    "OutboxLogRecordProcessor",
    "OutboxMetricExporter",
    "OutboxSpanProcessor",
    "RejectedStatus",
    "Shipped",
    "Signal",
    "list_folders",
    "list_rejected",
    "ship_now",
]
