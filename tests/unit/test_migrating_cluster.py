"""What becomes of a statement on a cluster, and what is refused."""

from __future__ import annotations

import re

import pytest

from otel_taskmon import retention
from otel_taskmon.errors import SettingError
from otel_taskmon.migrate import MigrationError, migrations
from otel_taskmon.migrating.cluster import EVERYWHERE, distributed, on_cluster
from otel_taskmon.migrating.dry_run import with_values

TEXTS = {
    text.split("otel.", 1)[-1].split()[0]: text
    for migration in migrations()
    for sql in migration.statements
    for text in on_cluster(sql, "prod")
}


def test_materialized_views_read_and_write_on_their_own_shard() -> None:
    spread = "|".join(distributed())
    views = {name: text for name, text in TEXTS.items() if "MATERIALIZED VIEW" in text}
    assert len(views) > 8
    for name, text in views.items():
        body = text.split(" ON CLUSTER 'prod'", 1)[1]
        assert not re.search(rf"otel\.({spread})\b(?!_)", body), name
    # the one place that names a table in a string: its TTL is that of the table with the rows
    assert "name = 'celery_task_runs_local'" in views["celery_task_stats_1h_mv"]


def test_plain_views_read_the_distributed_tables() -> None:
    for name in ("celery_tasks_current", "celery_worker_boots_latest"):
        assert "_local" not in TEXTS[name]


def test_tasks_stay_together_whatever_their_trace() -> None:
    for table, attributes in (("otel_traces", "SpanAttributes"), ("otel_logs", "LogAttributes")):
        assert f"{attributes}['messaging.message.id'] != ''" in TEXTS[table]
        assert "cityHash64" in TEXTS[table]
    assert "Attributes['messaging.destination.name'] != ''" in TEXTS["otel_metrics_gauge"]


def test_every_table_is_spread_or_everywhere() -> None:
    made = {
        found[1]
        for migration in migrations()
        for sql in migration.statements
        if (found := re.match(r"CREATE TABLE IF NOT EXISTS otel\.(\w+)", sql))
    }
    assert made == set(distributed()) | EVERYWHERE
    assert set(retention.TABLES) <= set(distributed())


@pytest.mark.parametrize("name", ["", "a b", "a'b", "x'; DROP DATABASE otel; --", "{a", "ü{}"])
def test_a_name_that_is_no_cluster_s(name: str) -> None:
    with pytest.raises(SettingError, match="--cluster"):
        on_cluster("CREATE DATABASE IF NOT EXISTS otel", name)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE IF NOT EXISTS otel.unheard_of (x Int8)\nENGINE = MergeTree\nORDER BY x",
        "CREATE TABLE IF NOT EXISTS otel.audit (x Int8)\nENGINE = Log",
        "ALTER TABLE otel.celery_tasks ADD COLUMN x Int8",
        "ALTER TABLE otel.celery_tasks\n    MODIFY COLUMN x CODEC(ZSTD(6)),\n    ADD COLUMN y Int8",
        "ALTER TABLE otel.celery_tasks MODIFY COLUMN x String CODEC(ZSTD(6))",
        "OPTIMIZE TABLE otel.celery_tasks",
    ],
)
def test_what_has_no_form_there_is_refused(sql: str) -> None:
    with pytest.raises(MigrationError):
        on_cluster(sql, "prod")


@pytest.mark.parametrize(
    "command",
    [
        "\n    MODIFY COLUMN IF EXISTS started_at CODEC(T64, ZSTD(1)),\n    MODIFY COLUMN `a.b` CODEC(ZSTD(6))",
        " DROP INDEX IF EXISTS idx_args",
        " ADD INDEX IF NOT EXISTS idx_args args\nTYPE text(tokenizer = ngrams(3))",
        " MATERIALIZE INDEX IF EXISTS idx_args",
        " MODIFY SETTING index_granularity_bytes = 0",
    ],
)
def test_what_only_the_rows_know_of_goes_to_the_tables_that_hold_them(command: str) -> None:
    assert on_cluster(f"ALTER TABLE otel.celery_tasks{command}", "prod") == [
        f"ALTER TABLE otel.celery_tasks_local ON CLUSTER 'prod'{command}"
    ]


def test_a_view_s_new_query_reads_what_lies_on_its_own_shard() -> None:
    assert on_cluster(
        "ALTER TABLE otel.celery_task_events_mv MODIFY QUERY\nSELECT 1 FROM otel.otel_logs", "prod"
    ) == [
        "ALTER TABLE otel.celery_task_events_mv ON CLUSTER 'prod' MODIFY QUERY\nSELECT 1 FROM otel.otel_logs_local"
    ]


def test_values_are_written_out_to_be_read() -> None:
    bound = {"t": "x", "n": 5, "s": "it's \\"}
    assert (
        with_values("ALTER {t:Identifier} {n:UInt32} {s:String} {other:String}", bound)
        == r"ALTER x 5 'it\'s \\' {other:String}"
    )
