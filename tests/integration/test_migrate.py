"""Migrations on the real engine: once, again, interrupted anywhere, and against a newer or another program."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest

from otel_taskmon import migrate
from otel_taskmon.migrate import ClickHouseDatabase, MigrationError
from otel_taskmon.queries.connection import connect
from tests.support.store import Store

pytestmark = pytest.mark.integration


class CutShort(Exception):
    pass


class Interrupted:
    """A database whose connection breaks after ``left`` statements."""

    def __init__(self, database: ClickHouseDatabase, left: int) -> None:
        self.database = database
        self.left = left

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        if self.left == 0:
            raise CutShort
        self.left -= 1
        self.database.execute(sql, parameters)

    def fetch(self, sql: str, parameters: Mapping[str, object] | None = None) -> Sequence[Sequence[object]]:
        return self.database.fetch(sql, parameters)


@pytest.fixture
def empty(store: Store) -> Iterator[ClickHouseDatabase]:
    """A database with nothing of ours."""
    with connect(store.url, "admin", store.admin_password) as client:
        database = ClickHouseDatabase(client)
        database.execute("DROP DATABASE IF EXISTS otel SYNC")
        yield database


def schema(database: ClickHouseDatabase) -> list[tuple[object, ...]]:
    rows = database.fetch(
        "SELECT name, replaceRegexpAll(create_table_query, ' UUID \\'[^\\']*\\'', '') "
        "FROM system.tables WHERE database = 'otel' ORDER BY name"
    )
    return [tuple(row) for row in rows]


def numbers() -> list[int]:
    return [m.version for m in migrate.migrations() if m.version != migrate.BOOTSTRAP]


def recorded(database: ClickHouseDatabase) -> list[int]:
    rows = database.fetch("SELECT version FROM otel.schema_migrations ORDER BY version")
    return [int(str(row[0])) for row in rows]


def test_serve_has_applied_all_of_them(store: Store) -> None:
    with connect(store.url) as client:
        versions = [
            row[0] for row in client.ask("SELECT version FROM otel.schema_migrations ORDER BY version").rows
        ]
    assert versions == numbers()


def test_applies_in_order_and_only_once(empty: ClickHouseDatabase) -> None:
    assert [a.version for a in migrate.apply(empty)] == numbers()
    before = schema(empty)
    assert migrate.apply(empty) == []
    assert migrate.pending(empty) == ()
    assert schema(empty) == before
    assert recorded(empty) == numbers()


def test_a_run_that_was_cut_short_is_finished_by_the_next(empty: ClickHouseDatabase) -> None:
    migrate.apply(empty)
    whole = schema(empty)
    statements = sum(len(m.statements) + (m.version != migrate.BOOTSTRAP) for m in migrate.migrations())
    for left in range(1, statements, 5):
        empty.execute("DROP DATABASE IF EXISTS otel SYNC")
        with pytest.raises(CutShort):
            migrate.apply(Interrupted(empty, left))
        migrate.apply(empty)
        assert schema(empty) == whole, f"cut after {left} statements"
        assert recorded(empty) == numbers()


def test_two_at_once_end_with_the_same_schema(empty: ClickHouseDatabase, store: Store) -> None:
    errors: list[Exception] = []

    def run() -> None:
        with connect(store.url, "admin", store.admin_password) as client:
            try:
                migrate.apply(ClickHouseDatabase(client))
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert migrate.pending(empty) == ()


def test_refuses_a_newer_database(empty: ClickHouseDatabase) -> None:
    migrate.apply(empty)
    empty.execute(
        "INSERT INTO otel.schema_migrations (version, name, checksum, program) "
        "SELECT 9999, 'from_the_future', 'x', '99.1'"
    )
    with pytest.raises(MigrationError, match=r"newer than this program.*9999_from_the_future.*99\.1"):
        migrate.apply(empty)


def test_refuses_a_database_of_another_text(empty: ClickHouseDatabase) -> None:
    migrate.apply(empty)
    empty.execute(
        "INSERT INTO otel.schema_migrations (version, name, checksum, program, applied_at) "
        "SELECT 4, 'task_runs', 'other', '0.0.1', now64(6, 'UTC') + 60"
    )
    with pytest.raises(
        MigrationError, match=r"0004_task_runs was applied by otel-taskmon 0\.0\.1 with another text"
    ):
        migrate.apply(empty)
