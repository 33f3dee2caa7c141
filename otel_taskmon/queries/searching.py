"""How a search is asked: by the few keys that can match, or of every task of the range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import Per, filter_parameters, source_slots
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.statements import statement
from otel_taskmon.queries.task_rows import key_parameters

FEW: Final = 1000
"""Keys up to which they are found first and travel with the question."""


def search_form(client: Client, per: Per, wanted: TaskFilter) -> tuple[Mapping[str, str], dict[str, object]]:
    """Slots and parameters for ``wanted``: those of every question, and the faster form of a search for tasks.

    Asks the store which tasks name the text themselves; where they are few, only they and those whose arguments or
    exception texts hold it are read afterwards. Both forms find the same.
    """
    slots, parameters = source_slots(per, wanted), filter_parameters(wanted)
    if per != "tasks" or not wanted.search.strip():
        return slots, parameters
    keys = client.ask(statement("search_own_keys"), parameters | {"limit": FEW + 1}).rows
    if len(keys) > FEW:
        return slots, parameters
    named = key_parameters([(first_published_at, task_id) for first_published_at, task_id in keys])
    return {**slots, "search": "search_tasks_few"}, parameters | named
