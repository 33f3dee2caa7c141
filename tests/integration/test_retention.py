"""Retention: what the settings say is what the tables do, with no traffic."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from otel_taskmon import retention
from otel_taskmon.queries.connection import connect
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.tasks import task_span
from tests.support.processes import Child
from tests.support.store import Store, start_store
from tests.support.stored_tasks import EPOCH, Record, at, event, insert, run, send
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NOW = (datetime.now(UTC) - EPOCH).total_seconds()
TIME = {
    "otel_traces": "Timestamp",
    "otel_traces_trace_id_ts": "Start",
    "otel_logs": "Timestamp",
    "celery_task_runs": "started_at",
    "celery_task_sends": "sent_at",
    "celery_task_events": "ts",
    "celery_tasks": "changed_at",
    "celery_worker_boots": "heard_at",
}


@contextmanager
def store(tmp_path: Path, **variables: str) -> Iterator[Store]:
    log = tmp_path / f"store-{len(list(tmp_path.glob('*.log')))}.log"
    started = start_store(tmp_path / "data", log, env=variables)
    try:
        yield started
    finally:
        started.child.stop()


def fill(running: Store) -> None:
    """Tasks of 20 hours ago and of this minute, among each a failure."""
    records: list[Record] = []
    for age, began in (("old", 0.0), ("new", NOW)):
        for state in ("SUCCESS", "FAILURE"):
            task_id = f"{age}-{state}"
            records += [
                send(task_id, sent=began, first=began),
                event("received", task_id, at=began, received=began, first=began),
                event("started", task_id, at=began, received=began, first=began),
                run(
                    task_id,
                    state,
                    started=began,
                    ended=began + 1,
                    received=began,
                    first=began,
                    published=began,
                ),
            ]
    client = running.client("admin")
    insert(client, records)
    for boot, moment in (("old", at(0)), ("new", at(NOW))):
        client.insert(
            "celery_worker_boots",
            [[boot, "celery@one", moment]],
            column_names=["boot_id", "worker", "heard_at"],
            database="otel",
        )


def number(running: Store, sql: str) -> int:
    return int(str(running.client().command(sql)))


def ttls(running: Store) -> dict[str, str]:
    """What stands behind TTL, by table; empty for a table without one."""
    sql = "SELECT name, extract(engine_full, ' TTL (.*?)( SETTINGS|$)') FROM system.tables WHERE database = 'otel'"
    return {row[0]: row[1] for row in running.client().query(sql).result_rows}


def ages(running: Store) -> dict[str, tuple[int, int]]:
    """Rows of each table that are older than an hour, and others."""
    client = running.client()
    found = {}
    for table, time in TIME.items():
        old, new = client.query(
            f"SELECT countIf(toDateTime({time}) < now() - 3600), countIf(toDateTime({time}) >= now() - 3600) "
            f"FROM otel.{table}"
        ).result_rows[0]
        found[table] = (int(old), int(new))
    return found


def ids(running: Store, table: str = "celery_tasks") -> set[str]:
    return {
        row[0] for row in running.client().query(f"SELECT DISTINCT task_id FROM otel.{table}").result_rows
    }


def wait_for_ids(running: Store, wanted: set[str]) -> None:
    def reached() -> bool:
        return all(ids(running, table) == wanted for table in ("celery_tasks", "celery_task_runs"))

    wait_until(reached, f"only {wanted}", context=running.child.output)


def test_a_cut_deletes_what_is_older_from_every_table_with_no_traffic(tmp_path: Path) -> None:
    with store(tmp_path) as running:
        fill(running)
        before = ages(running)
        assert all(old > 0 and new > 0 for old, new in before.values()), before
    with store(tmp_path, TASKMON_DATA_MAX_AGE="1", TASKMON_FAILURES_MAX_AGE="48") as running:
        wait_for_ids(running, {"old-FAILURE", "new-SUCCESS", "new-FAILURE"})
        assert number(running, "SELECT count() FROM otel.otel_traces WHERE Timestamp < now() - 3600") == 1
        with connect(running.url) as client:
            assert task_span(client, TaskFilter()).kept_hours == 1
    with store(tmp_path, TASKMON_DATA_MAX_AGE="1") as running:
        wanted = {table: (0, new) for table, (_, new) in before.items()}
        wait_until(lambda: ages(running) == wanted, "only new rows", context=lambda: str(ages(running)))
        assert ids(running) == {"new-SUCCESS", "new-FAILURE"}
    with store(tmp_path, TASKMON_DATA_MAX_AGE="off") as running:
        with connect(running.url) as client:
            assert task_span(client, TaskFilter()).kept_hours is None
        assert ttls(running)["celery_task_runs"] == ""


@pytest.mark.slow
def test_rows_that_grow_old_later_go_too(tmp_path: Path) -> None:
    with store(tmp_path, TASKMON_DATA_MAX_AGE="1") as running:
        almost = (datetime.now(UTC) - EPOCH - timedelta(minutes=59, seconds=50)).total_seconds()
        insert(running.client("admin"), [send("late", sent=almost, first=almost)])
        assert ids(running, "celery_task_sends") == {"late"}
        wait_until(lambda: not ids(running, "celery_task_sends"), "no publishes")
        wait_until(lambda: not ids(running, "celery_tasks"), "no tasks")
        wait_until(lambda: number(running, "SELECT count() FROM otel.otel_traces") == 0, "no spans")


def test_a_task_for_the_next_century_is_kept(tmp_path: Path) -> None:
    """A TTL counts in seconds of 32 bits, which end in 2106."""
    with store(tmp_path) as running:
        eta = int(datetime(2150, 1, 1, tzinfo=UTC).timestamp()) * 10**9
        insert(running.client("admin"), [send("far", sent=NOW, first=NOW, eta=eta)])
        running.client("admin").command("OPTIMIZE TABLE otel.celery_tasks FINAL")
        found = running.client().query("SELECT task_id, toYear(eta), state FROM otel.celery_tasks_latest")
        assert found.result_rows == [("far", 2150, "SCHEDULED")]


def test_nothing_is_altered_again_at_the_next_start(tmp_path: Path) -> None:
    variables = {
        "TASKMON_DATA_MAX_AGE": "5",
        "TASKMON_TABLE_MAX_AGE": '{"otel_traces": "off", "celery_queue_depth": 9}',
    }
    changes = "SELECT count() FROM system.mutations WHERE command LIKE '%MATERIALIZE TTL%'"
    with store(tmp_path, **variables) as running:
        kept = ttls(running)
        made = number(running, changes)
    assert made > 0
    assert kept["otel_traces"] == ""
    for table, hours in (("celery_tasks", 5), ("otel_logs", 5), ("celery_queue_depth", 9)):
        assert f"toIntervalHour(_CAST({hours}," in kept[table]
    assert "toIntervalDay(400)" in kept["celery_task_stats_1h"], "statistics have a setting of their own"
    with store(tmp_path, **variables) as running:
        assert ttls(running) == kept
        assert number(running, changes) == made
    with store(tmp_path, **variables | {"TASKMON_DATA_MAX_AGE": "6"}) as running:
        assert number(running, changes) > made


def test_every_table_that_ages_is_known(tmp_path: Path) -> None:
    with store(tmp_path) as running:
        found = running.client().query(
            "SELECT name FROM system.tables WHERE database = 'otel' AND engine_full LIKE '% TTL %'"
        )
    of_its_own = {"celery_task_stats_due", "purge_selection"}  # notes that nobody reads after a day
    assert {row[0] for row in found.result_rows} - of_its_own == set(retention.TABLES)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "TASKMON_DATA_MAX_AGE",
            "0",
            "TASKMON_DATA_MAX_AGE='0' is not valid: allowed is a whole number of hours",
        ),
        (
            "TASKMON_TABLE_MAX_AGE",
            '{"tasks": 3}',
            "'tasks' is not valid: allowed is one of the tables otel_traces",
        ),
        ("TASKMON_FAILURES_MAX_AGE", "3", "not less than TASKMON_DATA_MAX_AGE (720)"),
    ],
)
def test_a_wrong_age_stops_the_start(tmp_path: Path, variable: str, value: str, said: str) -> None:
    child = Child(
        [sys.executable, "-m", "otel_taskmon", "serve", "--data-dir", str(tmp_path / "data")],
        tmp_path / "log",
        env={variable: value},
    )
    assert child.process.wait(30) == 2
    assert said in child.output()
    assert not (tmp_path / "data" / "engine").exists()
