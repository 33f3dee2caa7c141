"""Kinds of settings that say how long rows are kept."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from otel_taskmon._setting_fields import Kind, NotAllowed, integer


class Forever(enum.Enum):
    """The age of rows that are never deleted."""

    FOREVER = "off"


Age = int | Forever
"""How long rows are kept, in hours."""
_MAX_HOURS: Final = 438_000
"""Fifty years. The engine reckons when a row is due as a DateTime, which ends in 2106 and begins again in 1970: with an
age beyond that, every row would be due at once."""


def _parse_age(value: object) -> Age:
    if isinstance(value, Forever):
        return value
    if isinstance(value, str) and value.strip().lower() == Forever.FOREVER.value:
        return Forever.FOREVER
    hours: int = integer(1, _MAX_HOURS).parse(value)
    return hours


AGE: Final = Kind(f"a whole number of hours from 1 to {_MAX_HOURS}, or off (kept for ever)", _parse_age)
OPTIONAL_AGE: Final = Kind(
    f"{AGE.allowed}, or nothing", lambda value: None if value is None else _parse_age(value)
)


def _parse_table_ages(value: object) -> Mapping[str, Age]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise NotAllowed("not JSON") from None
    if not isinstance(value, Mapping):
        raise NotAllowed
    ages: dict[str, Age] = {}
    for table, age in value.items():
        try:
            ages[str(table)] = _parse_age(age)
        except ValueError:
            raise NotAllowed(f"the age of {table!r}") from None
    return MappingProxyType(ages)


TABLE_AGES: Final = Kind(
    'a dict of table to hours or "off" (in the environment as JSON, for example {"otel_traces": 168})',
    _parse_table_ages,
)
