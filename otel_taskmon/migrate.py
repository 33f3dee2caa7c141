"""Applies ``schema/*.sql`` to a database: numbered files, in order, each recorded, any number of times.

Every statement is written so that it can run again (``IF NOT EXISTS`` and the like), and a file is recorded after its
last statement. A run that was cut short is therefore finished by the next one. ClickHouse has no transactions over
DDL, so this is the only way to be safe.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Protocol

from otel_taskmon._version import __version__
from otel_taskmon.errors import TaskmonError
from otel_taskmon.queries.statements import statement

if TYPE_CHECKING:
    from otel_taskmon.queries.connection import Client  # the embedded store migrates without it

BOOTSTRAP = 0
"""The file that makes the table of applied files; it runs before all others and is not recorded."""

_FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")


class MigrationError(TaskmonError):
    """The database and this program do not fit together."""


class Database(Protocol):
    """What migrations need of a ClickHouse, embedded or not."""

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> None: ...

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Sequence[object]]: ...


@dataclass(frozen=True)
class Migration:
    """One file of ``schema/``."""

    version: int
    name: str
    statements: tuple[str, ...]

    @property
    def checksum(self) -> str:
        """16 hex digits over the statements; comments and blank space do not count."""
        text = "\n".join(" ".join(each.split()) for each in self.statements)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Applied:
    """A file that this run applied."""

    version: int
    name: str


def split_statements(sql: str) -> tuple[str, ...]:
    """The statements of a file: each ends with ``;`` at the end of a line; whole-line comments are dropped."""
    kept = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    parts = re.split(r";[ \t]*(?:\n|$)", kept)
    return tuple(part.strip() for part in parts if part.strip())


def migrations() -> tuple[Migration, ...]:
    """All files of ``schema/``, by number. Raises MigrationError for a wrong name or a number used twice."""
    found: dict[int, Migration] = {}
    folder = resources.files("otel_taskmon") / "schema"
    for entry in folder.iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise MigrationError(f"schema/{entry.name}: a migration is named like 0001_what_it_makes.sql")
        version = int(match["version"])
        if version in found:
            raise MigrationError(f"schema/{entry.name}: number {version} is also {found[version].name}")
        statements = split_statements(entry.read_text(encoding="utf-8"))
        found[version] = Migration(version, match["name"], statements)
    return tuple(found[version] for version in sorted(found))


def pending(database: Database) -> tuple[Migration, ...]:
    """The files that are not applied yet; only reads.

    Raises MigrationError when the database was made by a newer program, or by one whose file of the same number
    says something else.
    """
    known = {migration.version: migration for migration in migrations()}
    if not database.fetch(statement("migrations_table")):
        return tuple(m for m in known.values() if m.version != BOOTSTRAP)
    rows = database.fetch(statement("applied_migrations"))
    done: set[int] = set()
    for row in rows:
        version, name, checksum, program = int(str(row[0])), str(row[1]), str(row[2]), str(row[3])
        migration = known.get(version)
        if migration is None:
            raise MigrationError(
                f"the database is newer than this program: it has schema {version:04d}_{name}, applied by "
                f"otel-taskmon {program}, and this is {__version__}, which knows up to {max(known):04d}. "
                "Use that version or a newer one."
            )
        if migration.checksum != checksum:
            raise MigrationError(
                f"schema {version:04d}_{name} was applied by otel-taskmon {program} with another text than this "
                f"program ({__version__}) has. Use the program that made the database, or a database of its own."
            )
        done.add(version)
    return tuple(m for m in known.values() if m.version != BOOTSTRAP and m.version not in done)


def prepare(database: Database) -> None:
    """Makes the database and the table of applied files where they are missing."""
    for migration in migrations():
        if migration.version == BOOTSTRAP:
            for text in migration.statements:
                database.execute(text)


def apply_one(database: Database, migration: Migration) -> Applied:
    """Runs one file of ``pending`` and records it. Errors of a statement pass through as the database raises them."""
    for text in migration.statements:
        database.execute(text)
    database.execute(
        statement("record_migration"),
        {
            "version": migration.version,
            "name": migration.name,
            "checksum": migration.checksum,
            "program": __version__,
        },
    )
    return Applied(migration.version, migration.name)


def apply(database: Database) -> list[Applied]:
    """Brings the database to this program's schema; the files applied now, none when it was there already.

    Raises MigrationError as ``pending`` does; errors of a statement pass through as the database raises them, and
    the next run goes on from the file that failed.
    """
    steps = pending(database)
    if steps:
        prepare(database)
    return [apply_one(database, migration) for migration in steps]


class ClickHouseDatabase:
    """A ClickHouse behind ``otel_taskmon.queries.connection.connect``, by a user that may change the schema."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self._client.run(sql, parameters)

    def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> Sequence[Sequence[object]]:
        return self._client.ask(sql, parameters).rows
