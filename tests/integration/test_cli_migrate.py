"""``taskmon migrate`` against a running store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_taskmon.errors import QueryFailed
from otel_taskmon.migrate import ClickHouseDatabase, migrations, split_statements
from otel_taskmon.migrating.lock import lock
from otel_taskmon.queries.connection import connect
from tests.support.processes import Child
from tests.support.store import Store

pytestmark = pytest.mark.integration


def migrate(url: str, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "otel_taskmon", "migrate", "--url", url, *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **variables},
    )


def as_admin(store: Store) -> dict[str, str]:
    """The password by way of its file, as ``taskmon serve`` left it."""
    return {
        "TASKMON_CLICKHOUSE_USER": "admin",
        "TASKMON_CLICKHOUSE_PASSWORD_FILE": str(store.data_dir / "admin.password"),
    }


def test_nothing_is_left_to_do_after_serve(store: Store) -> None:
    done = migrate(store.url, **as_admin(store))
    assert (done.returncode, done.stdout) == (0, "nothing to do: the tables are up to date\n"), done.stderr


def test_what_is_pending_is_named_and_then_applied(store: Store) -> None:
    admin = store.client("admin")
    last = admin.query("SELECT max(version) FROM otel.schema_migrations").result_rows[0][0]
    name = admin.query(f"SELECT any(name) FROM otel.schema_migrations WHERE version = {last}").result_rows[0][
        0
    ]
    # every statement may run again, so forgetting that one was applied is a safe way to have one pending
    admin.command(f"DELETE FROM otel.schema_migrations WHERE version = {last}")
    for _ in range(2):
        dry = migrate(store.url, "--dry-run", **as_admin(store))
        assert dry.returncode == 0, dry.stderr
        assert f"-- would apply {last:04d}_{name}\n" in dry.stdout
        assert all(text in dry.stdout for text in migrations()[-1].statements)
        assert admin.query(
            f"SELECT count() FROM otel.schema_migrations WHERE version = {last}"
        ).result_rows == [(0,)]
    done = migrate(store.url, **as_admin(store))
    assert (done.returncode, done.stdout) == (0, f"applied {last:04d}_{name}\n"), done.stderr
    assert migrate(store.url, **as_admin(store)).stdout.startswith("nothing to do")


def test_how_long_rows_are_kept_is_said_and_then_set(store: Store) -> None:
    wanted = {**as_admin(store), "TASKMON_DATA_MAX_AGE": "500", "TASKMON_STATISTICS_MAX_AGE": "off"}
    dry = migrate(store.url, "--dry-run", **wanted)
    assert dry.returncode == 0, dry.stderr
    assert "-- would keep celery_task_runs: 500 h" in dry.stdout.splitlines()
    assert "MODIFY TTL toDateTime(started_at) + toIntervalHour(500)" in dry.stdout
    assert "ALTER TABLE otel.celery_task_stats_1h REMOVE TTL;" in dry.stdout
    done = migrate(store.url, **wanted)
    assert done.returncode == 0, done.stderr
    assert "keeps celery_task_runs: 500 h" in done.stdout.splitlines()
    assert "keeps celery_task_stats_1h: for ever" in done.stdout.splitlines()
    assert migrate(store.url, **wanted).stdout == "nothing to do: the tables are up to date\n"
    wrong = migrate(store.url, TASKMON_DATA_MAX_AGE="soon")
    assert (wrong.returncode, "TASKMON_DATA_MAX_AGE='soon' is not valid" in wrong.stderr) == (2, True)


def test_the_printed_sql_makes_the_same_tables(store: Store, tmp_path: Path) -> None:
    admin = store.client("admin")
    whole = columns(store)
    admin.command("DROP DATABASE otel SYNC")
    printed = migrate(store.url, "--dry-run", **as_admin(store))
    assert printed.returncode == 0, printed.stderr
    assert columns(store) == []  # not even the database
    for text in split_statements(printed.stdout):
        admin.command(text)
    assert columns(store) == whole
    assert migrate(store.url, **as_admin(store)).stdout == "nothing to do: the tables are up to date\n"


def columns(store: Store) -> list[tuple[object, ...]]:
    rows = store.client("admin").query(
        "SELECT table, name, type FROM system.columns WHERE database = 'otel' ORDER BY table, position"
    )
    return [tuple(row) for row in rows.result_rows]


def test_of_two_at_once_one_waits_and_says_so(store: Store, tmp_path: Path) -> None:
    admin = store.client("admin")
    admin.command("DELETE FROM otel.schema_migrations WHERE version > 9")
    with connect(store.url, "admin", store.admin_password) as client:
        database = ClickHouseDatabase(client)
        with lock(database, pytest.fail):
            second = Child(
                [sys.executable, "-m", "otel_taskmon", "migrate", "--url", store.url],
                tmp_path / "second.log",
                env=as_admin(store),
            )
            with second:
                second.wait_for_output("another taskmon migrate is at work (")
                assert "applied" not in second.output()
                admin.command("DROP TABLE otel.schema_migrating SYNC")  # as the first one does at its end
                assert second.process.wait(60) == 0
        assert "applied 0010_audit_saved_views" in second.output()


def test_one_that_was_killed_is_taken_over(store: Store) -> None:
    said: list[str] = []
    with connect(store.url, "admin", store.admin_password) as client:
        database = ClickHouseDatabase(client)
        with pytest.raises(QueryFailed), lock(database, said.append):
            database.execute("SELECT not_a_column")
        with lock(database, said.append), lock(database, said.append, abandoned_s=0.5):
            # that it waits first is said only where it looked before the half second was over
            assert "taking over from a taskmon migrate that was cut short" in said[-1], said
