"""Why no SQL of ours compares a time that has fractions of a second with one that has none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client as Driver

from tests.support.store import running_store

pytestmark = pytest.mark.integration

SECOND = 1_800_000_000
EACH = 1_000
"""Rows per second of the table, in granules of 512: every border between two seconds falls into one."""


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with (
        running_store(tmp_path_factory.mktemp("times")) as store,
        store.client("admin", autogenerate_session_id=False) as client,
    ):
        client.command(
            """CREATE TABLE otel.times
            (key DateTime64(6, 'UTC'), other DateTime64(6, 'UTC'), INDEX i other TYPE minmax GRANULARITY 1)
            ENGINE = MergeTree ORDER BY key SETTINGS index_granularity = 512"""
        )
        client.command(
            f"""INSERT INTO otel.times
            SELECT fromUnixTimestamp64Micro({SECOND * 10**6} + number * 1000, 'UTC') AS key, key
            FROM numbers({EACH * 10})"""
        )
        yield client


def found(admin: Driver, condition: str) -> int:
    return int(admin.query(f"SELECT count() FROM otel.times WHERE {condition}").result_rows[0][0])


def expected(operator: str, second: int) -> int:
    before = (second - SECOND) * EACH
    return {"<": before, "<=": before + 1, ">": EACH * 10 - before - 1, ">=": EACH * 10 - before}[operator]


@pytest.mark.parametrize("column", ["key", "other"])
@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize(
    "value",
    ["toDateTime64({s}, 6)", "toDateTime64({s}, 3, 'UTC')", "fromUnixTimestamp64Micro({s}000000, 'UTC')"],
)
def test_times_with_fractions_find_every_row(admin: Driver, column: str, operator: str, value: str) -> None:
    for second in range(SECOND + 1, SECOND + 10):
        condition = f"{column} {operator} {value.format(s=second)}"
        assert found(admin, condition) == expected(operator, second), condition


def test_times_without_fractions_leave_rows_out(admin: Driver) -> None:
    """When this fails the engine is mended, and ``tests/unit/test_sql_times.py`` is no longer needed."""
    missing = {
        (column, operator): sum(
            expected(operator, second) - found(admin, f"{column} {operator} toDateTime({second})")
            for second in range(SECOND + 1, SECOND + 10)
        )
        for column in ("key", "other")
        for operator in ("<", "<=", ">", ">=")
    }
    assert {(column, operator) for (column, operator), rows in missing.items() if rows} >= {
        ("key", ">"),
        ("other", ">"),
        ("other", "<"),
    }
    assert not any(rows for (_, operator), rows in missing.items() if "=" in operator)
