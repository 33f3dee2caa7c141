"""Who may do what: reader, ingest and admin, each through the real store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.http import basic, get, post
from tests.support.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that no reader may see a byte of."""
    path = tmp_path_factory.mktemp("secret") / "secret.csv"
    path.write_text("hidden,words\n")
    return path


def _user(store: Store, name: str) -> dict[str, str]:
    passwords = {"ingest": store.ingest_password, "admin": store.admin_password}
    return basic(name, passwords[name]) if name in passwords else {}


def test_passwords_are_needed_and_checked(store: Store) -> None:
    for user in ("admin", "ingest", "nobody", "default"):
        answer = post(store.url, "SELECT 1", headers=basic(user, "wrong-ü"))
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (401, "516")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    for user in ("admin", "ingest"):
        assert post(store.url, "SELECT 1", headers=basic(user, "")).status == 401
        assert (store.data_dir / f"{user}.password").stat().st_mode & 0o777 == 0o600
    key = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": store.admin_password}
    assert post(store.url, "SELECT currentUser()", headers=key).status == 200
    assert post(store.url, "SELECT 1", user="admin", password=store.admin_password).status == 200


WRITES = [
    "CREATE TABLE otel.x (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (a Int8)",
    "DROP TABLE otel.otel_traces",
    "ALTER TABLE otel.otel_traces DELETE WHERE 1",
    "TRUNCATE TABLE otel.otel_traces",
    "INSERT INTO otel.otel_traces (TraceId) VALUES ('x')",
    "INSERT INTO otel.otel_traces (TraceId) SELECT 'x'",
    "INSERT INTO FUNCTION null('a Int8') VALUES (1)",
    "KILL QUERY WHERE 1",
    "/* */ -- \n KILL QUERY WHERE 1",
    "(KILL QUERY WHERE 1)",
    "SET readonly = 0",
    "SYSTEM FLUSH LOGS",
    "SELECT 1 SETTINGS readonly = 0",
]


@pytest.mark.parametrize("sql", WRITES)
def test_a_reader_changes_nothing(store: Store, sql: str) -> None:
    answer = post(store.url, sql)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "164"), answer.data
    assert get(store.url, query=sql).status == 403


@pytest.mark.parametrize("sql", [sql for sql in WRITES if sql != WRITES[-1]])
def test_get_changes_nothing_even_for_the_admin(store: Store, sql: str) -> None:
    assert get(store.url, query=sql, headers=_user(store, "admin")).status == 403


REACHES = [
    "SELECT file('{path}')",
    "SELECT \"file\"('{path}')",
    "SELECT `fi\\x6ce`('{path}')",
    "SELECT file /* , */ ('{path}')",
    "SELECT file // ' \n ('{path}') -- '",
    "SELECT /* /* */ ' */ file('{path}') -- '",
    "SELECT file\u00a0('{path}')",
    "SELECT arrayMap(file, ['{path}'])",
    "SELECT * APPLY file FROM (SELECT '{path}')",
    "SELECT * APPLY(file) FROM (SELECT '{path}')",
    "WITH file('{path}') AS x SELECT x",
    "EXPLAIN SELECT file('{path}')",
    "EXPLAIN QUERY TREE SELECT file('{path}')",
    "SELECT * FROM file('{path}', 'LineAsString')",
    "SELECT * FROM eval('SELECT file(\\'{path}\\')')",
    "SELECT * FROM fileCluster('default', '{path}', 'LineAsString')",
    "SELECT * FROM '{path}'",
    "SELECT * FROM `{path}`",
    "DESCRIBE `{path}`",
    "EXISTS `{path}`",
    "DESCRIBE TABLE file('{path}', 'CSV')",
    "DESCRIBE TABLE (SELECT * FROM file('{path}', 'CSV'))",
    "DESCRIBE TABLE url('http://127.0.0.1:{port}/ping', 'CSV')",
    "DESCRIBE TABLE remote('127.0.0.1', 'system.one')",
    "SELECT * FROM url('http://127.0.0.1:{port}/ping', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', 'system.one')",
    "SELECT * FROM s3('http://127.0.0.1:{port}/a.csv')",
    "SELECT * FROM executable('true', 'TSV', 'a Int8')",
    "SELECT * FROM Python(settings)",
    "SELECT * FROM `Python`(settings)",
    "SELECT * FROM python(settings)",
    "SELECT 1 INTO OUTFILE '{path}.out'",
    "SELECT 1 INTO /* */ OUTFILE '{path}.out' TRUNCATE",
]


@pytest.mark.parametrize("sql", REACHES)
@pytest.mark.parametrize("user", ["default", "ingest"])
def test_only_the_admin_reaches_beyond_the_tables(store: Store, secret: Path, user: str, sql: str) -> None:
    text = sql.format(path=secret, port=store.http_port)
    answer = post(store.url, text, headers=_user(store, user))
    assert answer.status in (400, 403), answer.data
    assert answer.headers["X-ClickHouse-Exception-Code"] in ("164", "497", "62"), answer.data
    assert b"hidden" not in answer.data
    assert not secret.with_name("secret.csv.out").exists()


def test_a_parameter_cannot_name_a_file(store: Store, secret: Path) -> None:
    for sql in ("SELECT * FROM {x:Identifier}", "DESCRIBE TABLE {x:Identifier}"):
        answer = post(store.url, sql, param_x=str(secret))
        assert answer.status == 403
        assert b"hidden" not in answer.data


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM Python(settings)",
        "SELECT * FROM `pyth\\x6fn`(settings)",
        "INSERT INTO otel.saved_views FROM INFILE '{path}' FORMAT CSV",
        "SELECT 1 INTO OUTFILE '{path}.out'",
    ],
)
def test_nobody_reads_the_store_process_or_its_files_through_a_statement(
    store: Store, secret: Path, sql: str
) -> None:
    answer = post(store.url, sql.format(path=secret), headers=_user(store, "admin"))
    assert answer.headers["X-ClickHouse-Exception-Code"] == "497"
    assert not secret.with_name("secret.csv.out").exists()


def test_the_ingest_user(store: Store, secret: Path) -> None:
    user = _user(store, "ingest")
    assert post(store.url, "DESCRIBE TABLE otel.otel_traces", headers=user).status == 200
    assert post(store.url, "SELECT version(), timezone(), 1 IN (1, 2)", headers=user).status == 200
    # clickhouse-go sends the settings of its inserts with every statement
    with_settings = {
        "network_compression_method": "lz4",
        "async_insert": "1",
        "wait_for_async_insert": "1",
        "max_execution_time": "60",
    }
    described = post(store.url, "DESCRIBE TABLE otel.otel_traces", headers=user, parameters=with_settings)
    assert described.status == 200
    insert = "INSERT INTO otel.otel_traces (TraceId, SpanName) VALUES ('x', 'y')"
    assert post(store.url, insert, headers=user, async_insert="1").status == 200
    for sql in (
        "SELECT * FROM otel.otel_traces",
        "SELECT * FROM system.settings, otel.otel_traces",
        "SELECT * FROM system.settings JOIN otel.otel_traces ON 1",
        "SELECT ('a', 'b') IN otel.saved_views",
        "INSERT INTO otel.schema_migrations (version) VALUES (99)",
        "INSERT INTO otel.otel_traces (TraceId) SELECT TraceId FROM otel.otel_traces",
        f"INSERT INTO FUNCTION file('{secret}.out', 'CSV', 'a String') VALUES ('x')",
        "DROP TABLE otel.otel_traces",
        "KILL QUERY WHERE 1",
    ):
        assert post(store.url, sql, headers=user).status == 403, sql
    # an expression among the rows would read the file for it
    for settings, status in (("", 400), ("SETTINGS input_format_values_interpret_expressions = 1", 403)):
        rows = (
            f"INSERT INTO otel.otel_traces (Timestamp, TraceId, SpanName) {settings} "
            f"VALUES ('{datetime.now(UTC):%Y-%m-%d}', 'y', file('{secret}'))"
        )
        assert post(store.url, rows, headers=user).status == status, rows
    assert b"hidden" not in post(store.url, "SELECT SpanName FROM otel.otel_traces").data


def test_no_setting_writes_a_file(store: Store, secret: Path) -> None:
    written = secret.with_name("written")
    to_write = {"output_format_schema": str(written)}
    answer = post(store.url, "SELECT 1 AS a FORMAT Protobuf", parameters=to_write)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "164")
    rows = "INSERT INTO otel.otel_logs (Timestamp) FORMAT TSV\nno time\n"
    to_write = {"input_format_record_errors_file_path": str(written), "input_format_allow_errors_num": "9"}
    answer = post(store.url, rows, headers=_user(store, "ingest"), parameters=to_write)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "164")
    assert not written.exists()
    # whatever a later engine has of the kind, by what it says of its settings
    known = post(
        store.url,
        "SELECT name FROM system.settings WHERE match(name, '^(in|out)put_format_') AND type = 'String' "
        "AND match(description, '(?i)path (to|of|where)|file.*(saved|record|write)')",
    ).data.decode()
    assert "output_format_schema" in known.split()
    for name in known.split():
        for user in ("default", "ingest"):
            answer = post(store.url, "SELECT 1", headers=_user(store, user), parameters={name: "x"})
            assert answer.status == 403, name


def test_a_client_chosen_header_is_no_broken_answer(store: Store) -> None:
    for query_id in ("abc ", "\n abc", "a\nb"):
        answer = post(store.url, "SELECT 1", query_id=query_id)
        assert (answer.status, answer.data) == (200, b"1\n")


def test_external_data_of_a_reader_holds_no_expressions(store: Store, secret: Path) -> None:
    body = (
        '--b\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n'
        f"(file('{secret}'))\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for structure in ("a String", f"a String, b String DEFAULT file('{secret}')"):
        answer = post(
            store.url,
            body,
            headers=headers,
            query="SELECT * FROM t",
            t_structure=structure,
            t_format="Values",
        )
        assert answer.status == 400, answer.data
        assert b"hidden" not in answer.data
    for injected in ("TSV; DROP TABLE otel.saved_views", "TSV SETTINGS readonly=0", "TSV\n"):
        answer = post(store.url, body, headers=headers, query="SELECT 1", t_types="String", t_format=injected)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "73"
    assert post(store.url, "EXISTS TABLE otel.saved_views").data == b"1\n"
    # what a column is computed by is evaluated for its type alone, and the error would tell what it gave
    body = body.replace(f"(file('{secret}'))", "x")
    for column in (
        f"b String DEFAULT file('{secret}')",
        f"b UInt8 DEFAULT toUInt8(file('{secret}'))",
        f"b DEFAULT toUInt8(file('{secret}'))",
        f"b UInt8 /* */ MATERIALIZED toUInt8(file('{secret}'))",
        f"b UInt8 alias toUInt8(file('{secret}'))",
        f"b Array(UInt8) EPHEMERAL [toUInt8(file('{secret}'))]",
        f"b Date TTL b + toUInt8(file('{secret}'))",
    ):
        for what in (
            {"t_structure": f"a String, {column}"},
            {"t_structure": f"{column}, a String"},
            {"t_types": f"String, {column.removeprefix('b ')}"},
        ):
            answer = post(
                store.url, body, headers=headers, parameters=what, query="SELECT * FROM t", t_format="TSV"
            )
            assert answer.status == 400, what
            assert b"External data has no" in answer.data, answer.data
            assert b"hidden" not in answer.data
    answer = post(
        store.url, body, headers=headers, query="SELECT * FROM t",
        t_structure="alias String, default Nullable(String)", t_format="LineAsString",
    )  # fmt: skip
    assert b"DEFAULT" not in answer.data
    assert b"ALIAS" not in answer.data


def test_settings_of_a_reader(store: Store) -> None:
    for name, value in {"max_result_rows": "10", "output_format_json_quote_64bit_integers": "1",
                        "session_timezone": "Asia/Tokyo", "max_execution_time": "5"}.items():  # fmt: skip
        answer = post(store.url, f"SELECT toString(getSetting('{name}'))", parameters={name: value})
        assert answer.status == 200, answer.data
    assert post(store.url, "SELECT getSetting('max_execution_time')").data == b"60\n"
    assert post(store.url, "SELECT getSetting('readonly')").data == b"1\n"
    for name in ("readonly", "allow_ddl", "format_schema", "max_memory_usage", "log_comment"):
        answer = post(store.url, "SELECT 1", parameters={name: "0"})
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "164")


def test_ordinary_queries_pass_the_checks(store: Store) -> None:
    for sql in (
        "SELECT format('{} {}', 'a', 'b') AS `req/s`, 'INTO OUTFILE file(' AS text",
        "WITH 1 AS x SELECT x FROM otel.celery_tasks_latest LIMIT 1",
        "SELECT * FROM merge('otel', '^saved_views$')",
        "SELECT * FROM values('a Int8', 1, 2)",
        "SELECT * FROM numbers(3) -- file('x')",
        "SHOW TABLES FROM otel",
        "DESCRIBE TABLE otel.otel_traces",
        "EXPLAIN SELECT * FROM otel.celery_tasks_latest",
        "EXISTS TABLE otel.otel_traces",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT 1 AS file, t.file FROM (SELECT 2 AS file) AS t",
    ):
        answer = post(store.url, sql)
        assert answer.status == 200, (sql, answer.data)
