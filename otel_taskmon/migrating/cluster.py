"""The schema on a cluster: the statements of ``schema/*.sql``, rewritten; there is no second copy of them.

A table whose rows are spread over the shards becomes ``…_local``, replicated, with a Distributed table under the usual
name in front of it (``schema/cluster/distributed.sql``). Materialized views read and write what lies on their own
shard; plain views read the Distributed tables. A small table that everybody needs whole is replicated to every server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

from otel_taskmon.errors import SettingError
from otel_taskmon.migrate import Database, MigrationError, split_statements

LOCAL: Final = "_local"
EVERYWHERE: Final = frozenset(
    {"schema_migrations", "audit", "saved_views", "purge_selection", "celery_task_stats_due"}
)
"""Replicated to every server of every shard, under their usual names."""

_CLUSTER_NAME: Final = re.compile(r"\{\w+\}|[\w.-]+")
_CREATE: Final = re.compile(
    r"CREATE (?P<kind>DATABASE|TABLE|MATERIALIZED VIEW|VIEW) IF NOT EXISTS otel(?:\.(?P<name>\w+))?(?=\s|$)"
)
_ALTER: Final = re.compile(r"ALTER TABLE otel\.(?P<name>\w+|\{table:Identifier\})")
_COMMAND: Final = re.compile(
    r"\b(?:ADD|ALTER|CLEAR|COMMENT|DROP|MATERIALIZE|MODIFY|RENAME|REMOVE)\s+[A-Z]+\b"
)
_CODEC_ALONE: Final = re.compile(r"\bMODIFY COLUMN (?:IF EXISTS )?[\w.`]+ CODEC\(")
_WHERE_THE_ROWS_ARE: Final = frozenset({"ADD INDEX", "DROP INDEX", "MATERIALIZE INDEX", "MODIFY SETTING"})
"""What only the table that holds the rows has."""
_NEW_QUERY: Final = re.compile(r"\s+MODIFY QUERY\s")
_ENGINE: Final = re.compile(r"^ENGINE = (?P<engine>\w*MergeTree)(?:\((?P<arguments>[^)]*)\))?", re.MULTILINE)
_UNCHANGED: Final = re.compile(
    r"(?:INSERT INTO|DROP TABLE IF EXISTS|CREATE TABLE) otel\.schema_migrat(?:ions|ing)\b"
)


@cache
def distributed() -> Mapping[str, str]:
    """The CREATE statement in front of each spread table, by table."""
    path = resources.files("otel_taskmon") / "schema" / "cluster" / "distributed.sql"
    found = {}
    for text in split_statements(path.read_text(encoding="utf-8")):
        match = _CREATE.match(text)
        if match is None or not match["name"]:
            raise MigrationError(f"schema/cluster/distributed.sql: this makes no table: {text[:60]}")
        found[match["name"]] = text
    return found


def on_cluster(sql: str, cluster: str) -> list[str]:
    """What to run on a cluster instead of ``sql``, a statement of the schema.

    Raises SettingError for a name that is no cluster's, MigrationError for a statement that has no form there yet.
    """
    if not _CLUSTER_NAME.fullmatch(cluster):
        raise SettingError("--cluster", cluster, "a name from system.clusters: letters, digits, and _ . -")
    where = f" ON CLUSTER '{cluster}'"
    if _UNCHANGED.match(sql):
        return [sql]
    altered = _ALTER.match(sql)
    if altered:
        return _altered(sql, altered, where)
    made = _CREATE.match(sql)
    if made is None:
        raise MigrationError(f"there is no form for a cluster of: {sql[:60]}")
    head, rest = made[0] + where, sql[made.end() :]
    match made["kind"]:
        case "TABLE":
            return _table(made["name"], head, rest, cluster)
        case "MATERIALIZED VIEW":
            return [head + _of_this_shard(rest)]
        case _:
            return [head + rest]


def _table(name: str, head: str, rest: str, cluster: str) -> list[str]:
    engines = list(_ENGINE.finditer(rest))
    if len(engines) != 1:
        raise MigrationError(f"otel.{name} has not one engine that can be replicated")
    engine, arguments = engines[0]["engine"], engines[0]["arguments"] or ""
    if name in EVERYWHERE:
        # One path for all shards is what makes each server hold all of it.
        where = f"'/clickhouse/tables/everywhere/otel/{name}', '{{shard}}-{{replica}}'"
        text = f"ENGINE = Replicated{engine}({', '.join(filter(None, (where, arguments)))})"
        return [head + _ENGINE.sub(lambda _: text, rest)]
    front = distributed().get(name)
    if front is None:
        raise MigrationError(
            f"otel.{name}: schema/cluster/distributed.sql does not say how its rows are spread"
        )
    text = f"ENGINE = Replicated{engine}" + (f"({arguments})" if arguments else "")
    rest = _ENGINE.sub(lambda _: text, rest)
    rest = rest.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
    return [
        head.replace(f"otel.{name}", f"otel.{name}{LOCAL}") + rest,
        front.replace("'{cluster}'", f"'{cluster}'"),
    ]


def _of_this_shard(body: str) -> str:
    """A materialized view's text with every spread table as the one that lies here, also where it is only named."""
    names = "|".join(sorted(distributed(), key=len, reverse=True))
    return re.sub(rf"(?<=\botel\.)({names})\b|(?<=')({names})(?=')", lambda found: found[0] + LOCAL, body)


def _altered(sql: str, found: re.Match[str], where: str) -> list[str]:
    name = found["name"]
    if name.endswith("_mv") and _NEW_QUERY.match(sql, found.end()):
        return [found[0] + where + _of_this_shard(sql[found.end() :])]
    if name.startswith("{") or name in EVERYWHERE:
        return [found[0] + where + sql[found.end() :]]
    if name not in distributed():
        raise MigrationError(
            f"otel.{name}: schema/cluster/distributed.sql does not say how its rows are spread"
        )
    commands = _COMMAND.findall(_CODEC_ALONE.sub("MODIFY SETTING (", sql[found.end() :]))
    if not commands or set(commands) - _WHERE_THE_ROWS_ARE:
        raise MigrationError(f"there is no form for a cluster of: {sql[:60]}")
    return [found[0] + LOCAL + where + sql[found.end() :]]


class ClusterDatabase:
    """A Database whose statements reach every server of ``cluster``; ``database`` is one of them.

    ``on_cluster`` says what becomes of a statement; a parameter ``table`` or ``tables`` names the tables that hold the
    rows. Raises SettingError and MigrationError as ``on_cluster`` does.
    """

    def __init__(self, database: Database, cluster: str) -> None:
        self._database = database
        self._cluster = cluster

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        bound = dict(parameters or {})
        if "table" in bound:
            bound["table"] = _stored(str(bound["table"]))
        for text in on_cluster(sql, self._cluster):
            self._database.execute(text, bound)

    def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> Sequence[Sequence[object]]:
        bound = dict(parameters or {})
        tables = bound.get("tables")
        if not isinstance(tables, list):
            return self._database.fetch(sql, bound)
        bound["tables"] = [_stored(name) for name in tables]
        rows = self._database.fetch(sql, bound)
        return [(str(row[0]).removesuffix(LOCAL), *row[1:]) for row in rows]


def _stored(table: str) -> str:
    return table + LOCAL if table in distributed() else table
