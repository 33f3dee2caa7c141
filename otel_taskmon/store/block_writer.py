"""Writing blocks into one raw table, and finding out what an insert that failed has left behind."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from otel_taskmon.store.engine import Engine, EngineError
from otel_taskmon.store.otlp_rows import Block, Table
from otel_taskmon.store.rederive import derive_requests
from otel_taskmon.store.statements import statement

log = logging.getLogger(__name__)

INSERT_SETTINGS: Final = {
    # One insert must be one block, so that each partition's rows are one part: a request id is in it whole or not.
    # "0" is no bound; the engine cuts at the first of the minima that is reached.
    "max_insert_block_size": "100000000",
    "max_insert_block_size_bytes": "0",
    "min_insert_block_size_rows": "100000000",
    "min_insert_block_size_bytes": "0",
    "async_insert": "0",
    "throw_on_max_partitions_per_insert_block": "0",
    # Repeats are told by our own ids. The engine's check is by the whole block: equal rows are not always a repeat.
    "deduplicate_insert": "disable",
}
OUT_OF_MEMORY: Final = 241
FULL_CODES: Final = frozenset({OUT_OF_MEMORY, 243, 252})
"""Out of memory, out of disk, too many parts: the same rows will fit later."""


@dataclass
class Written:
    """Ids of the groups that are stored with all that is derived from them; what went wrong with the others."""

    stored: set[str] = field(default_factory=set)
    error: EngineError | None = None


class BlockWriter:
    """Writes into one table. One call at a time; calls block, so run them in a thread.

    ``doubtful`` are ids of which it is not known whether they are in the table, or not known to be derived: they are
    looked up before they are written again.
    """

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine = engine
        self._table = table
        self.doubtful: set[str] = set()

    def write(self, blocks: Sequence[Block]) -> Written:
        """Insert blocks with different ids in one insert. Never raises EngineError: it is in the answer."""
        done = Written()
        self._settle({block.request_id for block in blocks} & self.doubtful, done)
        left = [
            block
            for block in blocks
            if block.request_id not in done.stored and block.request_id not in self.doubtful
        ]
        if left:
            self._insert(left, done)
        return done

    def settle_all(self) -> None:
        """Look up all that is doubtful; what cannot be settled stays so."""
        self._settle(set(self.doubtful), Written())

    def _insert(self, blocks: Sequence[Block], done: Written) -> None:
        ids = {block.request_id for block in blocks}
        data = blocks[0].data if len(blocks) == 1 else b"".join([block.data for block in blocks])
        try:
            self._engine.insert(self._table.target, self._table.format, data, INSERT_SETTINGS)
        except EngineError as error:
            log.warning("inserting %d groups of rows into %s: %s", len(ids), self._table.name, error)
            done.error = error
        else:
            done.stored |= ids
            return
        self.doubtful |= ids
        self._settle(ids, done)
        absent = [b for b in blocks if b.request_id not in done.stored and b.request_id not in self.doubtful]
        if len(blocks) > 1 and (done.error.code == OUT_OF_MEMORY or done.error.code not in FULL_CODES):
            # Perhaps one request's rows spoil the insert for all, or all of them are too much at once: one by one.
            for block in absent:
                self._insert([block], done)

    def _settle(self, ids: Iterable[str], done: Written) -> None:
        """Find out which of these doubtful ids are in the table, and derive those again."""
        chosen = set(ids)
        if not chosen:
            return
        try:
            rows = self._engine.fetch(
                statement("present_request_ids"), {"table": self._table.name, "request_ids": sorted(chosen)}
            )
            present = {request_id for (request_id,) in rows}
            self.doubtful -= chosen - present
            if present:
                derive_requests(self._engine, self._table.name, present)
                self.doubtful -= present
                done.stored |= present
        except EngineError as error:
            log.warning("looking up %d request ids in %s: %s", len(chosen), self._table.name, error)
            done.error = error
