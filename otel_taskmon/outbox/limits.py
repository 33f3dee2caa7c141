"""Bounds of the outbox that are not settings, and the words for its three signals. Sizes are bytes, times seconds."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Signal(IntEnum):
    """What a record is; each is shipped to its own endpoint and has a position of its own in every file."""

    TRACES = 0
    LOGS = 1
    METRICS = 2

    @property
    def word(self) -> str:
        """``traces``, ``logs`` or ``metrics``: as in OTLP paths and in what people read."""
        return self.name.lower()


DEFAULT_MAX_BYTES: Final = 256 << 20
"""What all folders under one root may hold that is not shipped yet."""
MAX_FILE_BYTES: Final = 4 << 20
"""A process begins a new file here, so that shipped data is deleted while the process lives."""
MAX_RECORD_BYTES: Final = 32 << 20
"""A longer record is refused and counted; a longer length in a file is damage."""
MAX_MEMORY_BYTES: Final = 8 << 20
"""What one process keeps in memory while the disk takes nothing."""
MAX_REQUEST_BYTES: Final = 2 << 20
MAX_REQUEST_RECORDS: Final = 2_000
READ_BYTES: Final = 2 << 20

SHIP_EVERY_S: Final = 0.5
BACKOFF_FIRST_S: Final = 0.5
BACKOFF_LAST_S: Final = 5.0
RETRY_AFTER_MOST_S: Final = 600.0
"""A server may ask for more; then it is asked again after ten minutes."""
ADOPT_EVERY_S: Final = 5.0
DISK_RETRY_S: Final = 1.0
SEND_TIMEOUT_S: Final = 10.0
"""OpenTelemetry's default, where no OTEL_EXPORTER_OTLP_TIMEOUT says otherwise."""
