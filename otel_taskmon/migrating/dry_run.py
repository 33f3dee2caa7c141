"""The SQL of a run without the run: a database that answers questions and keeps what it is told to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from otel_taskmon.migrate import Database

_SLOT: Final = re.compile(r"\{(?P<name>\w+):(?P<type>\w+)\}")


class Recorder:
    """A Database whose ``execute`` changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: list[str] = []

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self._kept.append(with_values(sql, parameters or {}))

    def take(self) -> list[str]:
        """What would have been run since the last call, in order, parameters put in."""
        taken, self._kept = self._kept, []
        return taken

    def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> Sequence[Sequence[object]]:
        return self._database.fetch(sql, parameters)


def with_values(sql: str, parameters: Mapping[str, object]) -> str:
    """``sql`` with its parameters written out, to be read by a person. What runs always has them bound."""

    def value(slot: re.Match[str]) -> str:
        if slot["name"] not in parameters:
            return slot[0]
        found = parameters[slot["name"]]
        if slot["type"] == "Identifier":
            return str(found)
        if isinstance(found, str):
            return "'" + found.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return str(found)

    return _SLOT.sub(value, sql)
