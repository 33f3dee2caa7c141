"""What waits on this host's disk to be sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from otel_taskmon.doctor.finding import Finding, ok, warning, wrong
from otel_taskmon.outbox import list_folders, list_rejected
from otel_taskmon.outbox.location import existing_root
from otel_taskmon.settings import Settings

_LATE_S: Final = 60
"""Records leave within a second where the endpoint answers."""
_NEARLY_FULL: Final = 0.8


def check_outbox(settings: Settings) -> Iterator[Finding]:
    """Its folder, the backlog, and what a server refused."""
    root = existing_root(settings.outbox_dir)
    if root is None:
        yield ok("outbox", "none on this host yet: no process has recorded anything with these settings")
        return
    folders = list_folders(root)
    used, records = sum(folder.bytes for folder in folders), sum(folder.records for folder in folders)
    oldest = min((folder.oldest for folder in folders if folder.oldest is not None), default=None)
    late_s = 0 if oldest is None else int((datetime.now(UTC) - oldest).total_seconds())
    said = f"{root}: {len(folders)} folders, {records} records, {used} of {settings.outbox_max_bytes} bytes"
    if used > _NEARLY_FULL * settings.outbox_max_bytes:
        yield wrong(
            "outbox",
            f"{said}: nearly full, and what does not fit is dropped",
            "Make the endpoint answer (see endpoint), or raise TASKMON_OUTBOX_MAX_BYTES.",
        )
    elif late_s > _LATE_S:
        left = [folder for folder in folders if folder.records and not folder.alive and folder.this_host]
        todo = (
            '"taskmon outbox --ship" sends what no running process sends.'
            if left
            else "Make the endpoint answer: see endpoint."
        )
        yield warning("outbox", f"{said}, the oldest for {late_s} s", todo)
    else:
        yield ok("outbox", said)
    rejected = sum(file.records for file in list_rejected(root))
    if rejected:
        yield warning(
            "outbox",
            f"{rejected} records were refused as bad by a server and are set aside",
            'See "taskmon outbox --rejected" and the server\'s log.',
        )
