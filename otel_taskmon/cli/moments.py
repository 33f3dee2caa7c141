"""Times and ages as a person types them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,6})([smhdw])")
ALLOWED = (
    "an age like 90s, 30m, 24h, 7d or 2w, or a time like 2026-01-31T08:00 (UTC unless it names its zone)"
)


class Moment(click.ParamType[datetime]):
    """A time in the past: an age before now, or an ISO 8601 time. Gives an aware datetime in UTC."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            age = _AGE.fullmatch(text)
            if age:
                return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is not valid: allowed is {ALLOWED}", param, ctx)


MOMENT = Moment()
