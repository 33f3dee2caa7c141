"""What a killed store left half done, completed at the next start.

A kill can fall between a raw part and what the views derive from it. A small file in the data directory says until
when all raw rows are known to be derived; it is moved on every minute while all goes well, and says so when the store
ended in order. After any other end, everything that arrived since then, and for ``MARGIN`` before, is derived again.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from otel_taskmon.store.engine import Engine, EngineError
from otel_taskmon.store.otlp_signals import RAW_TABLES
from otel_taskmon.store.rederive import derive_since

log = logging.getLogger(__name__)

MARGIN: Final = timedelta(minutes=10)
"""Rows inserted over ClickHouse's interface (by a Collector) carry the time at which their insert began; no insert
of theirs lasts longer than this."""
_FILE: Final = "derived.json"
_EVER: Final = datetime.fromtimestamp(0, UTC)


class Checkpoint:
    """The file that says until when raw rows are derived."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / _FILE

    def read(self) -> tuple[datetime, bool]:
        """Until when everything is derived, and whether the store ended in order afterwards.

        A missing or broken file means that nothing is known to be derived.
        """
        try:
            kept = json.loads(self._path.read_text())
            return datetime.fromtimestamp(float(kept["derived_until"]), UTC), bool(kept["ended_in_order"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return _EVER, False

    def advance(self, derived_until: datetime) -> None:
        """Everything that arrived before this time is derived. Does nothing while a recovery is owed."""
        if not self._recovery_owed():
            self._write(derived_until, ended_in_order=False, recovery_owed=False)

    def running(self, derived_until: datetime, *, recovery_owed: bool) -> None:
        """The store runs from now on; ``recovery_owed``: the recovery failed and the next start must repeat it."""
        self._write(derived_until, ended_in_order=False, recovery_owed=recovery_owed)

    def owe_recovery(self) -> None:
        """Some rows may be without what is derived from them: the next start must see to it."""
        self.running(self.read()[0], recovery_owed=True)

    def ended_in_order(self) -> None:
        """Nothing was under way when the store ended."""
        derived_until, _ = self.read()
        if not self._recovery_owed() and derived_until > _EVER:
            self._write(derived_until, ended_in_order=True, recovery_owed=False)

    def _recovery_owed(self) -> bool:
        try:
            return bool(json.loads(self._path.read_text())["recovery_owed"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _write(self, derived_until: datetime, *, ended_in_order: bool, recovery_owed: bool) -> None:
        new = self._path.with_suffix(".new")
        kept = {
            "derived_until": derived_until.timestamp(),
            "ended_in_order": ended_in_order,
            "recovery_owed": recovery_owed,
        }
        new.write_text(json.dumps(kept))
        new.replace(self._path)


@dataclass(frozen=True)
class RecoveryReport:
    """What a start derived again: raw rows per table, from when on, and how long it took.

    ``since`` is None when the store had ended in order. ``errors`` are those of tables that could not be derived;
    the next start tries them again.
    """

    since: datetime | None
    rows: dict[str, int]
    seconds: float
    errors: tuple[str, ...] = ()


def recover(engine: Engine, data_dir: Path) -> RecoveryReport:
    """Derive again what a store that was killed may have left underived. Run it before anything is inserted.

    ``data_dir`` is the store's directory (``engine.directory.path``).
    """
    began = time.monotonic()
    started_at = datetime.now(UTC)
    checkpoint = Checkpoint(data_dir)
    derived_until, in_order = checkpoint.read()
    if in_order:
        checkpoint.running(min(derived_until, started_at), recovery_owed=False)
        return RecoveryReport(None, {}, time.monotonic() - began)
    since = max(derived_until - MARGIN, _EVER) if derived_until > _EVER else _EVER
    rows: dict[str, int] = {}
    errors: list[str] = []
    for table in RAW_TABLES:
        try:
            rows[table.name] = derive_since(engine, table.name, since)
        except EngineError as error:
            log.exception("cannot derive again from %s", table.name)
            errors.append(f"{table.name}: {error}")
    checkpoint.running(derived_until if errors else started_at, recovery_owed=bool(errors))
    return RecoveryReport(since, rows, time.monotonic() - began, tuple(errors))


def mark_end(data_dir: Path) -> None:
    """The store ended in order: every insert, also those over ClickHouse's interface, had finished."""
    Checkpoint(data_dir).ended_in_order()
