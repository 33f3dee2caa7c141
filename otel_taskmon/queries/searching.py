"""How a search is asked: by the few keys that can match, or of every task of the range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from otel_taskmon.queries.at_once import AtOnce
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.filters import Per, filter_parameters, microseconds, source_slots
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.statements import statement
from otel_taskmon.queries.task_rows import TaskKey, key_parameters

FEW: Final = 1000
"""Keys up to which they are found first and travel with the question."""


def search_form(
    client: Client, per: Per, wanted: TaskFilter, *, shows_state: bool = True
) -> tuple[Mapping[str, str], dict[str, object]]:
    """Slots and parameters for ``wanted``: those of every question, and the faster form of a search for tasks.

    Asks the store at once which tasks name the text themselves, and which hold it in the arguments or exception texts
    of their executions and publishes; where they are few, only they are read afterwards. All forms find the same.
    ``shows_state`` as in ``source_slots``.
    """
    slots, parameters = source_slots(per, wanted, shows_state=shows_state), filter_parameters(wanted)
    if per != "tasks" or not wanted.search.strip():
        return slots, parameters
    limited = parameters | {"limit": FEW + 1}

    def keys(name: str) -> list[TaskKey]:
        return [(at, task_id) for at, task_id in client.ask(statement(name, **slots), limited).rows]

    with AtOnce() as questions:
        of_runs = questions.ask(lambda: keys("search_run_keys_few"))
        of_sends = questions.ask(lambda: keys("search_send_keys_few"))
        own = keys("search_own_keys")
    runs, sends = of_runs.result(), of_sends.result()
    if len(own) > FEW:
        return slots, parameters
    parameters |= key_parameters(own)
    if len(runs) > FEW or len(sends) > FEW:
        return {**slots, "search": "search_tasks_few"}, parameters
    return {**slots, "search": "search_tasks_found"}, parameters | _found_parameters([*runs, *sends])


def _found_parameters(keys: Sequence[TaskKey]) -> dict[str, object]:
    """What ``found_keys`` needs."""
    once = list(dict.fromkeys(keys))
    return {
        "found_times_us": [microseconds(first_published_at) for first_published_at, _ in once],
        "found_task_ids": [task_id for _, task_id in once],
    }
