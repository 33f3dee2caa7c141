"""From a TaskFilter to bound parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from otel_taskmon.queries.model import TaskFilter

Per = Literal["tasks", "executions"]
"""Rows of the log: tasks with their executions folded, or executions."""

NO_PRIORITY = -1
HIGHEST_PRIORITY = 255
NO_TASKS_PRIORITY = HIGHEST_PRIORITY + 1
"""Stands for numbers that are no priority, of which some would not even fit into the parameter."""
ANY = -1
"""What a flag that may be either is bound to."""
INDEXED_LENGTH = 3
"""Characters of the pieces in the text indexes of ``celery_task_runs``; shorter texts are looked for without them."""

RARE_PIECES = 3
"""Pieces with a digit from which on the others need not be asked for."""
SIGMAS = frozenset("Σσς")
"""Letters whose lower case depends on what follows: the index has Σ at the end of a word as ς, and else as σ."""
MADE_WHEN_READ = frozenset({"SENT", "SCHEDULED", "STARTED", "LOST"})
"""States that a task may have without any of its rows saying so, or not have although its newest row says so."""
STORED = "source_tasks_stored"

BEGINNING_US = 0
END_US = 4_102_444_800_000_000
"""2100-01-01: no bound. Rows may lie a little ahead of now, where a publisher's clock does."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Since the epoch, exactly. A time without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """The UTC time that many microseconds after the epoch."""
    return _EPOCH + timedelta(microseconds=us)


def range_parameters(since_us: int, until_us: int) -> dict[str, object]:
    """The bounds of the log's time; ``until_us`` is not included."""
    return {"since_us": since_us, "until_us": until_us}


def filter_parameters(wanted: TaskFilter) -> dict[str, object]:
    """What ``time_range``, ``field_filter`` and ``search_*`` need."""
    search = wanted.search.strip()
    return {
        **range_parameters(
            BEGINNING_US if wanted.since is None else microseconds(wanted.since),
            END_US if wanted.until is None else microseconds(wanted.until),
        ),
        "states": list(wanted.states),
        "apps": list(wanted.apps),
        "names": list(wanted.names),
        "exceptions": list(wanted.exceptions),
        "queues": list(wanted.queues),
        "workers": list(wanted.workers),
        "priorities": [_priority(priority) for priority in wanted.priorities],
        "search": search,
        "search_in_json": _in_json(search),
        "search_pieces": rare_pieces(search),
        "ran_since_us": BEGINNING_US if wanted.ran_since is None else microseconds(wanted.ran_since),
        "ran_until_us": END_US if wanted.ran_until is None else microseconds(wanted.ran_until),
        "ran_bounded": int(wanted.ran_since is not None or wanted.ran_until is not None),
        "failed_only": int(wanted.failed),
        "ran": ANY if wanted.ran is None else int(wanted.ran),
    }


def _priority(wanted: int | None) -> int:
    if wanted is None:
        return NO_PRIORITY
    return wanted if 0 <= wanted <= HIGHEST_PRIORITY else NO_TASKS_PRIORITY


def rare_pieces(search: str) -> list[str]:
    """Three-letter pieces of ``search`` that few texts hold, as the text indexes know them; empty: ask for all.

    Words are alike, numbers are not: a piece with a digit rules out hundreds of times as many rows as one without. Only
    pieces in ASCII, whose lower case is the same for us and for the store. Of a text with a sigma those without one.
    """
    windows = (search[at : at + INDEXED_LENGTH] for at in range(len(search) - INDEXED_LENGTH + 1))
    rare = {piece.lower() for piece in windows if piece.isascii() and any(map(str.isdigit, piece))}
    if len(rare) >= RARE_PIECES:
        return sorted(rare)
    if SIGMAS.isdisjoint(search):
        return []
    lower = search.lower()
    pieces = {lower[at : at + INDEXED_LENGTH] for at in range(len(lower) - INDEXED_LENGTH + 1)}
    return sorted(piece for piece in pieces if SIGMAS.isdisjoint(piece))


def _is_indexed(search: str) -> bool:
    """Whether the text indexes can tell where ``search`` may stand."""
    if len(search) < INDEXED_LENGTH:
        return False
    return SIGMAS.isdisjoint(search) or (_in_json(search) == search and bool(rare_pieces(search)))


def _in_json(search: str) -> str:
    """As it stands in a payload, which is JSON text: a quote or a newline of the value is written escaped."""
    return json.dumps(search, ensure_ascii=False)[1:-1]


def source_slots(per: Per, wanted: TaskFilter, *, shows_state: bool = True) -> Mapping[str, str]:
    """Which rows are asked, and how they are searched.

    ``shows_state``: whether the answer says in which state a row is. Where it does not, and no state is asked for that
    is made when it is read, tasks are read as they are stored, which costs half. ``counted_source`` is for what counts
    by state: it has stored states too where it can, and how many of them are others at the moment of reading.
    """
    search = wanted.search.strip()
    narrow = wanted.failed or any(v is not None for v in (wanted.ran, wanted.ran_since, wanted.ran_until))
    source = f"source_{per}_ran" if narrow else f"source_{per}"
    is_storable = source == "source_tasks" and MADE_WHEN_READ.isdisjoint(wanted.states)
    slots = {
        "source": STORED if is_storable and not shows_state else source,
        "counted_source": "source_counted_stored" if is_storable else "source_counted_seen",
    }
    if not search:
        return slots | {"search": "search_off"}
    form = "" if _is_indexed(search) else "_short"
    return slots | {
        "search": f"search_{per}",
        "search_pieces": "search_pieces_rare" if rare_pieces(search) else "search_pieces_all",
        "search_payload": f"search_payload{form}",
        "search_stacktrace": f"search_stacktrace{form}",
    }
