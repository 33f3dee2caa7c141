"""What may be believed of a message: other publishers can forge or break every header.

Each function answers None (or "") for what is not believable; nothing here raises on bad input.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST_NS: Final = 946_684_800_000_000_000  # 2000-01-01
LATEST_AHEAD_NS: Final = 24 * 3600 * 1_000_000_000
"""A publisher's clock may be wrong by a day; what is further ahead is no time of a publish."""
MAX_NAME: Final = 255
"""Characters of a queue, routing key or id; AMQP allows no more."""
_INT64 = range(-(2**63), 2**63)
_HEX: Final = "0123456789abcdef"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def time_ns(value: object, now_ns: int) -> int | None:
    """A time of the past in ns since the epoch, as our headers carry it."""
    if type(value) is not int:  # bool is an int too
        return None
    return value if EARLIEST_NS <= value <= now_ns + LATEST_AHEAD_NS else None


def execution_id(value: object) -> str | None:
    """32 hex digits, as the main process stamps them."""
    return value if isinstance(value, str) and len(value) == 32 and not value.strip(_HEX) else None


def name(value: object) -> str:
    """A queue, routing key or id: its first 255 characters, valid UTF-8; "" when it is no text."""
    if not isinstance(value, str):
        return str(value) if type(value) is int and value in _INT64 else ""
    short = value[:MAX_NAME]
    return short if short.isascii() else short.encode("utf-8", "replace").decode("utf-8")


def number(value: object) -> int | None:
    """An integer that fits OTLP's 64 bits."""
    return value if type(value) is int and value in _INT64 else None


def positions(value: object, count: int) -> tuple[int, ...]:
    """Which of ``count`` positional arguments a publisher has told to be secret; () where that is no list."""
    told = value if isinstance(value, (list, tuple)) else ()
    return tuple({place for place in told if type(place) is int and 0 <= place < count})


def moment_ns(value: object) -> int | None:
    """An ``eta`` or ``expires`` (ISO 8601 text or a datetime) in ns since the epoch.

    Without zone it is of UTC: so a worker takes it, whatever the app's time zone is (``maybe_make_aware`` of Celery).
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        nanoseconds = (moment - _EPOCH) // _MICROSECOND * 1000
    except (ValueError, OverflowError):
        return None
    return nanoseconds if nanoseconds in _INT64 else None
