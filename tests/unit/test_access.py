"""Who may run what, without an engine; the same rules against the real one are in the integration tests."""

from __future__ import annotations

import pytest

from otel_taskmon.store.access import Policy, Role, ingest_settings, reader_settings
from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.sql_statement import parse

POLICY = Policy.of(frozenset({"file", "url", "python", "format"}))


def _refused(role: Role, sql: str, *, get: bool = False) -> int:
    with pytest.raises(EngineError) as caught:
        POLICY.check(role, parse(sql.encode()), get=get)
    return caught.value.code


def test_reading_is_read_only_and_writing_is_not() -> None:
    assert POLICY.check(Role.READER, parse(b"SELECT 1"), get=False)
    assert POLICY.check(Role.INGEST, parse(b"DESCRIBE TABLE t"), get=False)
    assert not POLICY.check(Role.INGEST, parse(b"INSERT INTO otel.otel_logs FORMAT CSV"), get=False)
    assert not POLICY.check(Role.ADMIN, parse(b"DROP TABLE t"), get=False)


@pytest.mark.parametrize(
    "sql", ["KILL QUERY WHERE 1", "SET readonly = 0", "INSERT INTO t VALUES (1)", "PARALLEL WITH"]
)
def test_a_reader_writes_nothing(sql: str) -> None:
    assert _refused(Role.READER, sql) == 164
    assert _refused(Role.ADMIN, sql, get=True) == 164


def test_no_statement_at_all_is_a_syntax_error() -> None:
    assert _refused(Role.READER, "SELEC 1") == 62


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT file('x')",
        "SELECT * FROM url('x')",
        "SELECT map(file, x)",
        "DESCRIBE TABLE `/etc/x`",
        "SELECT eval('x')",
    ],
)
@pytest.mark.parametrize("role", [Role.READER, Role.INGEST])
def test_reaching_beyond_the_tables(role: Role, sql: str) -> None:
    assert _refused(role, sql) == 497
    assert POLICY.check(Role.ADMIN, parse(sql.encode()), get=False) is False


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM Python(x)", "SELECT 1 INTO OUTFILE 'x'", "INSERT INTO t FROM INFILE 'x'"]
)
def test_what_nobody_may(sql: str) -> None:
    for role in Role:
        assert _refused(role, sql) in (497, 164)
    assert _refused(Role.ADMIN, sql) == 497


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT format('{}', 1)",
        "SELECT 'file(x)', url FROM t",
        "SELECT t.file AS file FROM t",
        "SELECT 1 AS `a/b`",
        "SHOW TABLES",
    ],
)
def test_what_only_looks_alike(sql: str) -> None:
    assert POLICY.check(Role.READER, parse(sql.encode()), get=False)


@pytest.mark.parametrize(
    "sql",
    [
        'INSERT INTO "otel"."otel_traces" (`Events.Name`, SpanName) VALUES (1, 2)',
        "INSERT INTO TABLE otel.otel_metrics_sum SETTINGS async_insert = 1, insert_deduplicate = 0 FORMAT Native",
        "insert otel_logs (settings, a) format CSV",
    ],
)
def test_ingest_fills_the_raw_tables(sql: str) -> None:
    assert not POLICY.check(Role.INGEST, parse(sql.encode()), get=False)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO otel.schema_migrations (version) VALUES (99)",
        "INSERT INTO otel.celery_task_runs FORMAT CSV",
        "INSERT INTO otel_traces.schema_migrations FORMAT CSV",
        "INSERT INTO otel.otel_traces.x FORMAT CSV",
        "INSERT INTO FUNCTION null('a Int8') VALUES (1)",
        "INSERT INTO TABLE FUNCTION null('a Int8') VALUES (1)",
        "INSERT INTO {t:Identifier} VALUES (1)",
        "INSERT INTO",
    ],
)
def test_ingest_fills_no_other_table(sql: str) -> None:
    assert _refused(Role.INGEST, sql) == 497


@pytest.mark.parametrize(
    "settings",
    [
        "input_format_values_interpret_expressions = 1",
        "input_format_values_interpret_expressions",
        "async_insert=0, `input_format_values_interpret_expressions`=1",
        "max_insert_threads = {x:UInt8}, readonly = 0",
        "input_format_record_errors_file_path = '/tmp/x'",
    ],
)
def test_an_insert_has_no_settings_that_its_request_may_not_have(settings: str) -> None:
    sql = f"INSERT INTO otel.otel_traces (TraceId) SETTINGS {settings} VALUES (file('x'))"
    assert _refused(Role.INGEST, sql) == 164


@pytest.mark.parametrize("name", ["output_format_schema", "input_format_record_errors_file_path"])
def test_no_setting_names_a_file_to_write(name: str) -> None:
    for settings_of in (reader_settings, ingest_settings):
        with pytest.raises(EngineError):
            settings_of({name: "/tmp/x"})


def test_settings_of_a_reader() -> None:
    assert reader_settings({}) == {"max_execution_time": "60"}
    assert (
        reader_settings({"max_execution_time": "2.5", "output_format_x": "1"})["max_execution_time"] == "2.5"
    )
    for given, code in (
        ({"readonly": "0"}, 164),
        ({"format_schema": "x"}, 164),
        ({"max_execution_time": "0"}, 452),
        ({"max_execution_time": "inf"}, 452),
        ({"max_execution_time": "nan"}, 452),
        ({"max_execution_time": "x"}, 72),
    ):
        with pytest.raises(EngineError) as caught:
            reader_settings(given)
        assert caught.value.code == code


def test_settings_of_ingest() -> None:
    given = {"async_insert": "1", "wait_for_async_insert": "0", "input_format_null_as_default": "1"}
    assert ingest_settings(given)["async_insert"] == "0"
    with pytest.raises(EngineError):
        ingest_settings({"format_schema_source": "file"})
