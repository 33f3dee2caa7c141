"""``taskmon migrate`` against a running store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.processes import free_port
from tests.support.store import Store, running_store

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        yield running


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
        assert (dry.returncode, dry.stdout) == (0, f"would apply {last:04d}_{name}\n"), dry.stderr
    done = migrate(store.url, **as_admin(store))
    assert (done.returncode, done.stdout) == (0, f"applied {last:04d}_{name}\n"), done.stderr
    assert migrate(store.url, **as_admin(store)).stdout.startswith("nothing to do")


def test_a_user_that_only_reads_is_told_so(store: Store) -> None:
    done = migrate(store.url)
    assert done.returncode == 1
    assert "readonly" in done.stderr
    assert "Is 'default' allowed to create tables?" in done.stderr


def test_a_store_that_is_away_is_one_line(store: Store) -> None:
    done = migrate(f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the store at http://127.0.0.1:")
    assert len(done.stderr.splitlines()) == 1


def test_how_long_rows_are_kept_is_said_and_then_set(store: Store) -> None:
    wanted = {**as_admin(store), "TASKMON_DATA_MAX_AGE": "500", "TASKMON_STATISTICS_MAX_AGE": "off"}
    for args, verb in ((("--dry-run",), "would keep"), ((), "keeps")):
        done = migrate(store.url, *args, **wanted)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert f"{verb} celery_task_runs: 500 h" in lines
        assert f"{verb} celery_task_stats_1h: for ever" in lines
    assert migrate(store.url, **wanted).stdout == "nothing to do: the tables are up to date\n"
    wrong = migrate(store.url, TASKMON_DATA_MAX_AGE="soon")
    assert (wrong.returncode, "TASKMON_DATA_MAX_AGE='soon' is not valid" in wrong.stderr) == (2, True)
