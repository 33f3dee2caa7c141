"""The schema on a cluster: every statement is one to the engine, and on one shard the whole of it runs.

There is no cluster to be had here: replication and several shards are not tried by this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otel_taskmon import retention
from otel_taskmon.migrate import ClickHouseDatabase, migrations, split_statements
from otel_taskmon.migrating.cluster import ClusterDatabase, on_cluster
from otel_taskmon.migrating.dry_run import Recorder
from otel_taskmon.queries.connection import connect
from otel_taskmon.settings import RetentionSettings
from tests.integration.test_cli_migrate import as_admin, migrate
from tests.support.processes import ROOT
from tests.support.rewriting_proxy import rewriting
from tests.support.store import Store

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_the_engine_takes_every_statement_apart(store: Store) -> None:
    reader = store.client()
    texts = [
        text
        for migration in migrations()
        for sql in migration.statements
        for text in on_cluster(sql, "production")
    ]
    assert len(texts) > sum(len(migration.statements) for migration in migrations())
    for text in texts:
        said = reader.query("SELECT formatQuery({text:String})", parameters={"text": text}).result_rows[0][0]
        assert "ON CLUSTER production" in said, text


def test_the_engine_takes_the_users_apart(store: Store) -> None:
    reader = store.client()
    files = sorted((ROOT / "otel_taskmon" / "schema" / "users").glob("*.sql"))
    assert [file.stem for file in files] == ["admin", "ingest", "viewer"]
    settings = {row[0] for row in reader.query("SELECT name FROM system.settings").result_rows}
    for file in files:
        for text in split_statements(file.read_text()):
            reader.query("SELECT formatQuery({text:String})", parameters={"text": text})
            if text.startswith("ALTER SETTINGS PROFILE"):
                names = {line.split()[0] for line in text.splitlines()[1:]}
                assert names <= settings, names - settings


def test_retention_goes_to_the_tables_that_hold_the_rows(store: Store) -> None:
    with connect(store.url) as client:
        recorder = Recorder(ClickHouseDatabase(client))
        cluster = ClusterDatabase(recorder, "production")
        for keeping in retention.wanted(RetentionSettings()):
            retention.apply_one(cluster, keeping)
        texts = recorder.take()
        assert texts
        for text in texts:
            assert "_local ON CLUSTER 'production'" in text
            assert client.ask("SELECT formatQuery({text:String})", {"text": text}).rows


def test_dry_run_prints_the_sql_of_a_cluster(store: Store) -> None:
    store.client("admin").command("DROP DATABASE IF EXISTS otel SYNC")
    known = b"FROM values('cluster String', 'production')"
    with (
        rewriting(store.url, b"FROM system.clusters", known) as one,
        rewriting(one, b"FROM system.macros", b"FROM values('macro String', 'shard', 'replica')") as url,
    ):
        done = migrate(url, "--cluster", "production", "--dry-run", **as_admin(store))
    assert done.returncode == 0, done.stderr
    assert "CREATE TABLE IF NOT EXISTS otel.celery_task_runs_local ON CLUSTER 'production'" in done.stdout
    assert "ENGINE = ReplicatedReplacingMergeTree(report_rank)" in done.stdout
    assert "ENGINE = Distributed('production', 'otel', 'celery_task_runs_local')" in done.stdout
    assert "ALTER TABLE otel.celery_tasks_local ON CLUSTER 'production'" in done.stdout
    assert "{cluster}" not in done.stdout


@pytest.fixture(scope="module")
def one_shard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the cluster schema answers on one shard."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.one_shard_program", str(tmp_path_factory.mktemp("shard"))],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def test_reads_go_through_the_usual_names(one_shard: dict[str, Any]) -> None:
    assert one_shard["tasks"] == [["task0", "FAILURE", 1], ["task1", "SUCCESS", 1], ["task2", "SUCCESS", 1]]
    assert one_shard["runs"] in ([[3]], [["3"]])
    assert one_shard["boots"] == [["b1", "w@h", 1]]
    assert one_shard["trace"] == [["run/shop.pay"]]
    assert [int(row[0]) for row in one_shard["joined"]] == [1]


def test_statistics_are_computed_where_the_rows_are(one_shard: dict[str, Any]) -> None:
    assert [(state, int(runs)) for state, runs in one_shard["statistics"]] == [("FAILURE", 1), ("SUCCESS", 2)]


def test_every_table_that_holds_rows_has_its_front(one_shard: dict[str, Any]) -> None:
    engines = dict(one_shard["engines"])
    local = {name.removesuffix("_local") for name in engines if name.endswith("_local")}
    assert {name for name, engine in engines.items() if engine == "Distributed"} == local
    assert set(retention.TABLES) <= local


def test_a_path_is_free_of_shards_where_all_servers_hold_all(tmp_path: Path) -> None:
    (sql,) = on_cluster(
        "CREATE TABLE IF NOT EXISTS otel.audit\n(\n    at DateTime\n)\nENGINE = MergeTree\nORDER BY at", "c"
    )
    assert (
        "ENGINE = ReplicatedMergeTree('/clickhouse/tables/everywhere/otel/audit', '{shard}-{replica}')" in sql
    )
