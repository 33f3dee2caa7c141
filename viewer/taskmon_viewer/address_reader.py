"""Reading parameters of an address: what can be used, and what cannot and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from taskmon_viewer.texts import clipped

MAX_VALUES: Final = 50
MAX_LENGTH: Final = 1_000
YES_NO: Final = ("yes", "no")


@dataclass(frozen=True)
class Ignored:
    """A parameter that was not used, and why."""

    parameter: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{clipped(self.parameter, 60)}={clipped(self.value, 60)}: {self.reason}"


class AddressReader:
    """Parameters by name; what cannot be used is at its default, and named in ``ignored``."""

    def __init__(self, query: Mapping[str, Sequence[str]], known: Iterable[str]) -> None:
        """``known``: every parameter that means something; others are ignored, and said so."""
        self._query = query
        self.ignored: list[Ignored] = []
        names = frozenset(known)
        for name, values in query.items():
            if name not in names:
                self.ignore(name, " ".join(values), "there is no such parameter")

    def ignore(self, parameter: str, value: str, reason: str) -> None:
        self.ignored.append(Ignored(parameter, value, reason))

    def all(self, parameter: str) -> Sequence[str]:
        return self._query.get(parameter, ())

    def single(self, parameter: str) -> str | None:
        values = self.all(parameter)
        for extra in values[1:]:
            self.ignore(parameter, extra, "it is given more than once; the first counts")
        return values[0] if values else None

    def choice(self, parameter: str, allowed: Sequence[str], default: str) -> str:
        value = self.single(parameter)
        if value is None or value in allowed:
            return default if value is None else value
        self.ignore(parameter, value, f"allowed is one of {', '.join(allowed)}")
        return default

    def flag(self, parameter: str) -> bool | None:
        """``yes`` or ``no``; None where it is not given."""
        return {"yes": True, "no": False}.get(self.choice(parameter, (*YES_NO, ""), ""))

    def values(self, parameter: str) -> tuple[str, ...]:
        kept: dict[str, None] = {}
        for value in self.all(parameter):
            if len(value) > MAX_LENGTH:
                self.ignore(parameter, value, f"it is longer than {MAX_LENGTH:,} characters")
            elif len(kept) == MAX_VALUES and value not in kept:
                self.ignore(parameter, value, f"a filter takes at most {MAX_VALUES} values")
            else:
                kept[value] = None
        return tuple(kept)

    def text(self, parameter: str) -> str:
        value = self.single(parameter) or ""
        if len(value) > MAX_LENGTH:
            self.ignore(parameter, value, f"it is longer than {MAX_LENGTH:,} characters")
            return ""
        return value

    def number(self, parameter: str, least: int, most: int, default: int) -> int:
        value = self.single(parameter)
        if value is None:
            return default
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else -1
        if least <= number <= most:
            return number
        self.ignore(parameter, value, f"allowed is a whole number from {least:,} to {most:,}")
        return default

    def time(self, parameter: str) -> datetime | None:
        value = self.single(parameter)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            moment = datetime.min.replace(tzinfo=UTC)
        if 1970 <= moment.year < 2100:
            return moment
        self.ignore(
            parameter, value, "allowed is an ISO 8601 time from 1970 to 2099 like 2026-11-22T17:00:00Z"
        )
        return None

    def bounds(self, since_name: str, until_name: str) -> tuple[datetime | None, datetime | None]:
        """Two times in their order."""
        since, until = self.time(since_name), self.time(until_name)
        if since and until and since >= until:
            self.ignore(until_name, self.all(until_name)[0], f"it must be later than {since_name}")
            until = None
        return since, until
