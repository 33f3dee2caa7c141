"""One ``taskmon migrate`` at a time. Every statement may run twice, so this is for clear output more than for safety.

ClickHouse has no locks to hand out; creating a table is atomic, so a table is the lock. It names its holder, who writes
to it before each file. A holder that was killed leaves it behind: after ``ABANDONED_S`` of silence the next one takes
it over.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from otel_taskmon.errors import QueryFailed
from otel_taskmon.migrate import Database, MigrationError
from otel_taskmon.queries.statements import statement

ABANDONED_S: Final = 30
"""A file takes a second, on a cluster some."""
WAIT_S: Final = 600
_LOOK_EVERY_S: Final = 0.5
_EXISTS: Final = 57
_GONE: Final = frozenset({60, 81, 218})
"""UNKNOWN_TABLE and the like: it went away while we looked."""


@contextmanager
def lock(
    database: Database,
    say: Callable[[str], None],
    *,
    abandoned_s: float = ABANDONED_S,
    wait_s: float = WAIT_S,
) -> Iterator[Callable[[], None]]:
    """Holds the lock, in a database that is there; gives a function to call now and then: it says that we still work.

    ``say`` gets one line when somebody else has it. Raises MigrationError when that one is not done after ``wait_s``
    seconds; errors of the database pass through.
    """
    holder = f"{socket.gethostname()}, process {os.getpid()}"

    def renew() -> None:
        database.execute(statement("migration_lock_renew"), {"holder": holder})

    _take(database, say, abandoned_s, wait_s)
    try:
        renew()
        yield renew
    finally:
        database.execute(statement("migration_lock_drop"))


def _take(database: Database, say: Callable[[str], None], abandoned_s: float, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    said = False
    while True:
        try:
            database.execute(statement("migration_lock_take"))
        except QueryFailed as error:
            if error.code != _EXISTS:
                raise
        else:
            return
        found = _holder(database)
        if found is None:
            continue
        name, silent_s = found
        if silent_s > abandoned_s:
            say(f"taking over from a taskmon migrate that was cut short ({name})")
            database.execute(statement("migration_lock_drop"))
            continue
        if time.monotonic() > deadline:
            raise MigrationError(f"another taskmon migrate ({name}) is still at work: try again later")
        if not said:
            say(f"another taskmon migrate is at work ({name}): waiting for it")
            said = True
        time.sleep(_LOOK_EVERY_S)


def _holder(database: Database) -> tuple[str, float] | None:
    try:
        rows = database.fetch(statement("migration_lock_holder"))
    except QueryFailed as error:
        if error.code in _GONE:
            return None
        raise
    if not rows:
        return None
    return str(rows[0][0]) or "not known yet", float(str(rows[0][1]))
