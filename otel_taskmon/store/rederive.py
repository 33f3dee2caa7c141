"""Filling the derived tables again from raw rows that are there already.

A raw part can be written and its views not: a view that throws fails the insert after the raw part is in place, and a
kill can fall between the two. Every derived table replaces or merges by key, so deriving a row twice changes nothing,
and views that read derived tables follow by themselves. The SELECTs are the views' own, read from the catalogue, so
there is no second copy of them that could drift.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from otel_taskmon.store.engine import Engine
from otel_taskmon.store.statements import statement

DERIVE_SETTINGS: Final = {
    "throw_on_max_partitions_per_insert_block": "0",
    # the engine would take an equal block for a repeat and skip it, also when its rows have been deleted since
    "deduplicate_insert": "disable",
    "deduplicate_insert_select": "disable",
}
_REQUEST_ID: Final = re.compile(r"[0-9a-f]{32}:[0-9]{1,6}")


def derive_requests(engine: Engine, table: str, request_ids: Iterable[str]) -> None:
    """Derive again from the rows of these requests. Raises EngineError."""
    chosen = sorted(request_ids)
    # The filter is text for the engine, so nothing but ids of our own making may get into it.
    for request_id in chosen:
        if not _REQUEST_ID.fullmatch(request_id):
            raise ValueError(f"not a request id: {request_id!r}")
    quoted = ", ".join(f"'{request_id}'" for request_id in chosen)
    _derive(engine, table, f"RequestId IN ({quoted})")


def derive_since(engine: Engine, table: str, since: datetime) -> int:
    """Derive again from the rows that arrived at or after ``since``; how many those are. Raises EngineError."""
    whole_second = since.replace(microsecond=0)
    rows: int = engine.fetch(statement("rows_since"), {"table": table, "since": whole_second})[0][0]
    if rows:
        _derive(engine, table, f"IngestedAt >= toDateTime({int(whole_second.timestamp())})")
    return rows


def _derive(engine: Engine, table: str, condition: str) -> None:
    escaped = condition.replace("\\", "\\\\").replace("'", "\\'")
    settings = {**DERIVE_SETTINGS, "additional_table_filters": f"{{'otel.{table}': '{escaped}'}}"}
    for view, database, target, select, column_names in engine.fetch(
        statement("views_of_table"), {"table": table}
    ):
        columns = ", ".join(f"`{name}`" for name in column_names)
        # Names and SELECT come from the engine's catalogue, where our migrations put them.
        sql = (
            f"INSERT INTO `{database}`.`{target}` ({columns}) "  # noqa: S608
            f"SELECT {columns} FROM ({select}) AS `{view}`"
        )
        engine.execute(sql, settings=settings)
