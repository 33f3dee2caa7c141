"""The mark of a page's place in the log, as text for an address."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Final

from otel_taskmon.queries.model import Cursor

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def encode_cursor(cursor: Cursor) -> str:
    """Short text for an address; opaque, and of use only with the same filters and order."""
    microseconds = (cursor.first_published_at - _EPOCH) // timedelta(microseconds=1)
    parts = [microseconds, cursor.task_id, cursor.value, cursor.execution_id]
    while len(parts) > 2 and parts[-1] in (None, ""):
        parts.pop()
    packed = json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(text: str) -> Cursor:
    """The inverse of ``encode_cursor``; ValueError for anything else."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        parts = json.loads(packed)
        if not isinstance(parts, list) or not 2 <= len(parts) <= 4:
            raise ValueError(text)
        microseconds, task_id, value, execution_id = parts + [None] * (4 - len(parts))
        fits = (
            type(microseconds) is int
            and isinstance(task_id, str)
            and (value is None or (type(value) is int and abs(value) < 2**63))
            and isinstance(execution_id or "", str)
        )
        if not fits:
            raise ValueError(text)
        moment = _EPOCH + timedelta(microseconds=microseconds)
    except (UnicodeDecodeError, OverflowError, RecursionError) as error:
        raise ValueError(text) from error
    return Cursor(value=value, first_published_at=moment, task_id=task_id, execution_id=execution_id or "")
