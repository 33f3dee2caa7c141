"""``taskmon migrate`` where it cannot or must not go on: one line that says what to do, and nothing changed."""

from __future__ import annotations

import pytest

from otel_taskmon.migrating.target import minimum_version
from tests.integration.test_cli_migrate import as_admin, migrate
from tests.support.processes import free_port
from tests.support.rewriting_proxy import answering, rewriting
from tests.support.store import Store

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def empty(store: Store) -> Store:
    store.client("admin").command("DROP DATABASE IF EXISTS otel SYNC")
    return store


def refused(url: str, *args: str, **variables: str) -> str:
    """The one line of a run that must fail."""
    done = migrate(url, *args, **variables)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def tables(store: Store) -> list[str]:
    rows = store.client("admin").query("SELECT name FROM system.tables WHERE database = 'otel' ORDER BY name")
    return [row[0] for row in rows.result_rows]


@pytest.mark.parametrize(
    "url", ["clickhouse://127.0.0.1:9000", "127.0.0.1:8123", "tcp://h:1", "http://u:p@h:1"]
)
def test_a_scheme_that_is_none(url: str) -> None:
    done = migrate(url)
    assert done.returncode == 2
    assert f"--url={url!r} is not valid" in done.stderr or "http://host:port" in done.stderr


def test_nobody_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    line = refused(url)
    assert f"the store at {url} does not answer" in line
    assert "Is it running" in line
    assert "8123" in line


def test_something_else_there() -> None:
    page = b"<html>\n<head><title>404 Not Found</title></head>\n" + b"<p>nothing</p>\n" * 200 + b"</html>"
    with answering(404, page, {"Content-Type": "text/html"}) as url:
        line = refused(url)
    assert "is " + url + " its HTTP address" in line
    assert len(line) < 700


def test_a_wrong_password(store: Store) -> None:
    line = refused(store.url, TASKMON_CLICKHOUSE_USER="admin", TASKMON_CLICKHOUSE_PASSWORD="not it")
    assert "error 516" in line
    assert "The user 'admin' or its password is refused: set TASKMON_CLICKHOUSE_USER" in line
    assert "not it" not in line


def test_a_user_that_only_reads(empty: Store) -> None:
    line = refused(empty.url)
    assert "Is 'default' allowed to create tables? Else set TASKMON_CLICKHOUSE_USER" in line
    # what it would do, it may be told
    assert migrate(empty.url, "--dry-run").returncode == 0
    assert tables(empty) == []


@pytest.mark.parametrize("version", ["25.8.9.20", "26.1.2.3", "3.14"])
def test_a_version_that_is_too_old(empty: Store, version: str) -> None:
    with rewriting(empty.url, b"version()", f"'{version}'".encode()) as url:
        for args in ((), ("--dry-run",)):
            line = refused(url, *args, **as_admin(empty))
            assert f"this is ClickHouse {version}: the tables need {minimum_version()} or newer" in line
    assert tables(empty) == []


def test_a_version_that_is_new_enough(empty: Store) -> None:
    with rewriting(empty.url, b"version()", b"'26.2.1.1'") as url:
        assert migrate(url, "--dry-run", **as_admin(empty)).returncode == 0


def test_tables_that_the_exporter_made(empty: Store) -> None:
    admin = empty.client("admin")
    admin.command("CREATE DATABASE otel")
    admin.command(
        "CREATE TABLE otel.otel_traces (Timestamp DateTime64(9), TraceId String) ENGINE = MergeTree ORDER BY TraceId"
    )
    admin.command(
        "CREATE TABLE otel.otel_logs (Timestamp DateTime64(9)) ENGINE = MergeTree ORDER BY Timestamp"
    )
    admin.command("INSERT INTO otel.otel_traces SELECT now64(9), 'kept'")
    for args in ((), ("--dry-run",)):
        line = refused(empty.url, *args, **as_admin(empty))
        assert "tables otel_logs, otel_traces in database otel, made by a Collector's exporter" in line
        assert "RENAME TABLE otel.otel_logs TO otel.otel_logs_before" in line
        assert "create_schema: false" in line
    assert tables(empty) == ["otel_logs", "otel_traces"]
    # and the steps that are offered work
    admin.command("RENAME TABLE otel.otel_logs TO otel.otel_logs_before")
    admin.command("RENAME TABLE otel.otel_traces TO otel.otel_traces_before")
    assert migrate(empty.url, **as_admin(empty)).returncode == 0
    admin.command(
        "INSERT INTO otel.otel_traces (Timestamp, TraceId) SELECT Timestamp, TraceId FROM otel.otel_traces_before"
    )
    assert admin.query("SELECT TraceId FROM otel.otel_traces").result_rows == [("kept",)]


def test_a_cluster_that_is_not_known(empty: Store) -> None:
    line = refused(empty.url, "--cluster", "production", **as_admin(empty))
    assert "this server knows no cluster 'production'" in line
    assert tables(empty) == []
    wrong = migrate(empty.url, "--cluster", "a'; DROP DATABASE otel", "--dry-run", **as_admin(empty))
    assert (wrong.returncode, tables(empty)) == (1, [])


def test_a_cluster_where_one_server_s_tables_are(empty: Store) -> None:
    assert migrate(empty.url, **as_admin(empty)).returncode == 0
    with rewriting(
        empty.url, b"FROM system.macros", b"FROM values('macro String', 'shard', 'replica')"
    ) as url:
        line = refused(url, "--cluster", "{cluster}", **as_admin(empty))
    assert "the tables here are those of one server: a cluster needs a database otel without them" in line
