"""Which of Django's settings are ours: ``TASKMON_…`` as everywhere, and the names that aa-taskmonitor had.

``docs/from-aa-taskmonitor.md`` has the same table for readers.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from otel_taskmon._setting_fields import Hidden, checked, spec_of
from otel_taskmon.errors import SettingError
from otel_taskmon.settings import ALL, PREFIX, Settings, variables

OLD_PREFIX: Final = "TASKMONITOR_"

RENAMED: Final = frozenset(
    {
        "TASKMONITOR_ENABLED",
        "TASKMONITOR_DATA_MAX_AGE",
        "TASKMONITOR_REPORTS_MAX_TOP",
        "TASKMONITOR_QUEUED_TASKS_ADMIN_LIMIT",
        "TASKMONITOR_TRUNCATE_NESTED_DATA",
        "TASKMONITOR_APP_NAME_MAPPING_CONFIG",
    }
)
"""Same meaning, other prefix."""

NEEDLESS: Final[Mapping[str, str]] = {
    "TASKMONITOR_DELETE_STALE_BATCH_SIZE": "the store drops old rows by itself",
    "TASKMONITOR_HOUSEKEEPING_FREQUENCY": "the store drops old rows by itself",
    "TASKMONITOR_REPORTS_MAX_AGE": "reports are computed when they are opened",
    "TASKMONITOR_QUEUED_TASKS_CACHE_TIMEOUT": "the page of queues reads the broker when it is opened",
}
"""Of no meaning any more, and why."""


@dataclass(frozen=True)
class Given:
    """One of Django's settings that is ours."""

    name: str
    """As it stands in Django's settings."""
    variable: str
    """The same as an environment variable of ours."""
    value: object


def given(settings: object) -> tuple[list[Given], list[str]]:
    """What Django's settings say, and the warnings that belong to it.

    ``settings`` is ``django.conf.settings`` or anything with such attributes. A setting of None counts as not given.
    A variable in the environment wins, so that an operator can change a value without the code; and a ``TASKMON_…``
    name wins over the old one. Raises SettingError for a ``TASKMON_…`` name that does not exist.
    """
    found: dict[str, Given] = {}
    warnings: list[str] = []
    known = set(variables())
    for name, value in _ours(settings):
        if name.startswith(PREFIX):
            if name not in known:
                raise SettingError(name, Hidden(), "the name of a setting (docs/settings.md lists them)")
            found[name] = Given(name, name, value)
        elif name in NEEDLESS:
            warnings.append(f"{name} is not needed any more and can go: {NEEDLESS[name]}")
        elif name in RENAMED:
            variable = PREFIX + name.removeprefix(OLD_PREFIX)
            warnings.append(f"{name} is called {variable} now{_read_by(variable)}")
            found.setdefault(variable, Given(name, variable, value))
        else:
            warnings.append(f"{name} is no setting of otel-taskmon nor of aa-taskmonitor, and is not read")
    return [one for one in found.values() if not os.environ.get(one.variable)], warnings


def _read_by(variable: str) -> str:
    """What a person must do about a setting under its old name; those of store and viewer hold in another program."""
    if variable in {spec_of(field).variable for field in dataclasses.fields(Settings)}:
        return "; it is read, but should be renamed"
    return (
        ", and belongs into the environment of taskmon serve and taskmon viewer: here it holds for manage.py "
        "taskmonitorctl only"
    )


def _ours(settings: object) -> Iterator[tuple[str, object]]:
    # sorted: TASKMONITOR_… comes after TASKMON_… has been seen
    for name in sorted(dir(settings), key=lambda name: (name.startswith(OLD_PREFIX), name)):
        if name.startswith((PREFIX, OLD_PREFIX)):
            value = getattr(settings, name)
            if value is not None:
                yield name, value


def check(settings: list[Given]) -> None:
    """Raise SettingError, with the name that stands in Django's settings, for a value that is not allowed."""
    specs = {spec_of(f).variable: spec_of(f) for owner in ALL for f in dataclasses.fields(owner)}  # type: ignore[arg-type]
    for one in settings:
        if one.variable in specs:  # else it names the file of a secret, which is read where it is needed
            checked(one.name, one.value, specs[one.variable])


def for_worker(settings: list[Given]) -> dict[str, object]:
    """The keyword arguments of ``otel_taskmon.instrument()``."""
    fields = {spec_of(field).variable: field.name for field in dataclasses.fields(Settings)}
    return {fields[one.variable]: one.value for one in settings if one.variable in fields}


def for_environment(settings: list[Given]) -> dict[str, str]:
    """The same as environment variables, for the ``taskmon`` command."""
    return {one.variable: _as_text(one.value) for one in settings}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return json.dumps(dict(value) if isinstance(value, Mapping) else list(value))
    return str(value)
