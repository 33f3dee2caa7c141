"""Is this a ClickHouse that the tables can be made in? Asked before the first change, and answered in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from otel_taskmon.errors import QueryFailed, StoreUnavailable, TaskmonError
from otel_taskmon.migrate import Database, MigrationError
from otel_taskmon.queries.statements import statement

MINIMUM_VERSION: Final = (26, 2)
"""The first with text indexes that need no experimental setting (celery_task_runs has four); refreshable views and
``quantilesDD`` are older."""

_EXPORTERS_TABLES: Final = (
    "otel_traces",
    "otel_logs",
    "otel_metrics_gauge",
    "otel_metrics_sum",
    "otel_metrics_histogram",
    "otel_metrics_exponential_histogram",
    "otel_metrics_summary",
)
_OUR_COLUMN: Final = "IngestedAt"
"""An exporter that makes these tables by itself knows nothing of it."""

_IS_MACRO: Final = re.compile(r"\{\w+\}")
"""``{cluster}``: each server puts in its own value."""

_REFUSED_USER: Final = frozenset({192, 193, 194, 516})
"""UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED."""
_NO_RIGHT: Final = frozenset({164, 497})
"""READONLY, ACCESS_DENIED."""
_LONGEST_REASON: Final = 300


def check(database: Database, cluster: str | None = None) -> None:
    """Reads only.

    Raises MigrationError for a version that is too old, for tables that somebody else made, for tables of one server
    where a cluster is meant and the other way round, and for a cluster that this server does not know.
    """
    version = str(database.fetch(statement("store_version"))[0][0])
    if is_too_old(version):
        raise MigrationError(
            f"this is ClickHouse {version}: the tables need {minimum_version()} or newer (text indexes). "
            "Nothing was changed; upgrade the server first."
        )
    foreign = foreign_tables(database)
    if foreign:
        first = foreign[0]
        raise MigrationError(
            f"{_listed(foreign)} in database otel, made by a Collector's exporter and not by taskmon migrate, would "
            "not fit. Nothing was changed. Set create_schema: false in the Collector, "
            f"RENAME TABLE otel.{first} TO otel.{first}_before (and so on), run this again, and copy the rows back "
            'as docs/clickhouse.md says under "Tables that the exporter made".'
        )
    if cluster is not None:
        _check_cluster(database, cluster)
    engines = [str(row[0]) for row in database.fetch(statement("raw_engine"))]
    if engines and (engines[0] == "Distributed") != (cluster is not None):
        raise MigrationError(
            "the tables here are those of one server: a cluster needs a database otel without them. Nothing was "
            'changed; docs/clickhouse.md says how to move the rows under "From one server to a cluster".'
            if cluster is not None
            else "the tables here are those of a cluster: give its name with --cluster. Nothing was changed."
        )


def _check_cluster(database: Database, cluster: str) -> None:
    known = [str(row[0]) for row in database.fetch(statement("known_clusters"))]
    if not _IS_MACRO.fullmatch(cluster) and cluster not in known:
        raise MigrationError(
            f"this server knows no cluster {cluster!r}: it knows {', '.join(known) or 'none'} (system.clusters, from "
            "remote_servers in its configuration). Nothing was changed."
        )
    macros = {str(row[0]) for row in database.fetch(statement("known_macros"))}
    missing = sorted({"shard", "replica"} - macros)
    if missing:
        raise MigrationError(
            f"this server has no macro {' and no macro '.join(missing)}: replicated tables need both, on every "
            "server (macros in its configuration). Nothing was changed."
        )


def is_too_old(version: str) -> bool:
    """Whether ``26.8.2.7`` is below MINIMUM_VERSION. Raises MigrationError for what is no version."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        raise MigrationError(f"this store calls its version {version!r}: it is no ClickHouse that we know")
    return (int(found[1]), int(found[2])) < MINIMUM_VERSION


def minimum_version() -> str:
    """As people write it."""
    return ".".join(str(part) for part in MINIMUM_VERSION)


def foreign_tables(database: Database) -> list[str]:
    """Raw tables that are there under our names and are not ours."""
    rows = database.fetch(statement("raw_columns"), {"tables": list(_EXPORTERS_TABLES)})
    return [str(row[0]) for row in rows if _OUR_COLUMN not in _names(row[1])]


def _names(columns: object) -> list[str]:
    return [str(name) for name in columns] if isinstance(columns, list | tuple) else []


def _listed(tables: list[str]) -> str:
    return f"table {tables[0]}" if len(tables) == 1 else f"tables {', '.join(tables)}"


@contextmanager
def explained(url: str, user: str) -> Iterator[None]:
    """Inside, an error of the store becomes one line that says what to do: a TaskmonError."""
    try:
        yield
    except StoreUnavailable as error:
        raise TaskmonError(
            f"{one_line(error)}. Is it running, and is {url} its HTTP address (port 8123, or 8443 with https; "
            "9000 is another protocol)?"
        ) from error
    except QueryFailed as error:
        raise TaskmonError(f"{one_line(error)}. {what_to_do(error, user)}".strip()) from error


def what_to_do(error: QueryFailed, user: str, right: str = "create tables") -> str:
    """A sentence for the errors that have one; else ""."""
    if error.code in _REFUSED_USER:
        return (
            f"The user {user!r} or its password is refused: set TASKMON_CLICKHOUSE_USER and "
            "TASKMON_CLICKHOUSE_PASSWORD_FILE (or TASKMON_CLICKHOUSE_PASSWORD)."
        )
    if error.code in _NO_RIGHT:
        return (
            f"Is {user!r} allowed to {right}? Else set TASKMON_CLICKHOUSE_USER and TASKMON_CLICKHOUSE_PASSWORD_FILE "
            "to a user that is."
        )
    return ""


def one_line(error: Exception) -> str:
    """The error's text without line breaks, cut where a server sent a whole page."""
    text = " ".join(str(error).split())
    return (text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + " …").rstrip(".")
