"""The unmodified clickhouse-connect against the store."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from tests.support.store import Store

pytestmark = pytest.mark.integration

pd = importlib.import_module("pandas")  # these two ship no types
pa = importlib.import_module("pyarrow")

COMPRESSIONS = ["lz4", "zstd", "gzip", False]


@pytest.fixture(scope="module")
def admin(store: Store) -> Iterator[Client]:
    with store.client("admin") as client:
        client.command("CREATE DATABASE IF NOT EXISTS play")
        yield client


@pytest.fixture(scope="module")
def reader(store: Store) -> Iterator[Client]:
    with store.client() as client:
        yield client


def test_a_reader_queries_with_parameters(reader: Client) -> None:
    parameters = {
        "text": "it's\ta \\ \n'quote' — 🐍",
        "many": ["a'b", "c\\d"],
        "when": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        "none": None,
    }
    sql = "SELECT {text:String}, {many:Array(String)}, {when:DateTime('UTC')}, {none:Nullable(String)}"
    row = reader.query(sql, parameters=parameters, tz_mode="aware").result_rows[0]
    assert row == tuple(parameters.values())


def test_a_readers_answers_are_compressed_as_asked(reader: Client) -> None:
    response = reader._raw_request(  # type: ignore[attr-defined]
        "SELECT repeat('a', 100000)", {}, headers={"Accept-Encoding": "gzip"}
    )
    assert response.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("compress", COMPRESSIONS)
@pytest.mark.parametrize("session", [True, False])
def test_rows_come_back_as_inserted(store: Store, admin: Client, compress: str | bool, session: bool) -> None:
    # more than one block: clickhouse-connect sends each as a frame of its own, one behind the other
    rows = [(n, f"name {n}", {"k": str(n)}) for n in range(50_000)]
    admin.command(
        "CREATE OR REPLACE TABLE play.t (n UInt64, s String, m Map(String, String)) ENGINE = Memory"
    )
    with store.client("admin", compress=compress, autogenerate_session_id=session) as client:
        summary = client.insert("play.t", rows, column_names=["n", "s", "m"])
        assert summary.written_rows == len(rows)
        assert client.query("SELECT * FROM play.t ORDER BY n").result_rows == rows


def test_data_frames_and_arrow(admin: Client, reader: Client) -> None:
    admin.command("CREATE OR REPLACE TABLE play.f (n Int64, s String) ENGINE = MergeTree ORDER BY n")
    frame = pd.DataFrame({"n": range(1000), "s": [f"ü{n}" for n in range(1000)]})
    admin.insert_df("play.f", frame)
    got = reader.query_df("SELECT * FROM play.f ORDER BY n")
    assert got["n"].tolist() == frame["n"].tolist()
    assert got["s"].tolist() == frame["s"].tolist()
    admin.insert_arrow("play.f", pa.table({"n": [5000], "s": ["arrow"]}))
    table = reader.query_arrow("SELECT * FROM play.f ORDER BY n")
    assert table.num_rows == 1001
    assert table.column("n")[-1].as_py() == 5000


@pytest.mark.parametrize("compress", COMPRESSIONS)
def test_streams(store: Store, compress: str | bool) -> None:
    with store.client(compress=compress) as client:
        sql = "SELECT number, toString(number) FROM numbers(300000)"
        with client.query_row_block_stream(sql) as blocks:
            assert sum(len(block) for block in blocks) == 300_000
        with client.query_arrow_stream(sql) as batches:
            assert sum(batch.num_rows for batch in batches) == 300_000
        with client.query_df_stream(sql) as frames:
            assert sum(len(frame) for frame in frames) == 300_000


def test_raw_formats(admin: Client, reader: Client) -> None:
    admin.command("CREATE OR REPLACE TABLE play.r (a UInt32, b String) ENGINE = Memory")
    admin.raw_insert("play.r", ["a", "b"], b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', fmt="JSONEachRow")
    admin.raw_insert("play.r", ["a", "b"], b'3,"z"\n', fmt="CSV", compression=None)
    admin.command("INSERT INTO play.r VALUES (4, 'v'), (5, upper('w'))")
    assert reader.raw_query("SELECT * FROM play.r ORDER BY a", fmt="CSVWithNames") == (
        b'"a","b"\n1,"x"\n2,"y"\n3,"z"\n4,"v"\n5,"W"\n'
    )


def test_no_rows_still_have_columns(reader: Client) -> None:
    assert reader.query("SELECT number AS n FROM numbers(3) WHERE n > 5").result_rows == []
    assert reader.query("SELECT 1 AS a LIMIT 0").column_names == ("a",)
    assert reader.raw_query("SELECT 1 AS a WHERE 0", fmt="CSVWithNames") == b'"a"\n'
    assert reader.query_arrow("SELECT 1 AS a WHERE 0").column_names == ["a"]


def test_external_data(reader: Client, admin: Client) -> None:
    for client in (reader, admin):
        data = ExternalData(
            file_name="wanted", data=b"3\tthree\n5\tfive\n", fmt="TSV", structure=["id UInt32", "name String"]
        )
        rows = client.query(
            "SELECT id, name FROM wanted WHERE id IN (SELECT number FROM numbers(5)) AND name = {n:String}",
            parameters={"n": "three"},
            external_data=data,
        ).result_rows
        assert rows == [(3, "three")]


def test_a_session_keeps_temporary_tables_and_settings(store: Store) -> None:
    with (
        store.client("admin", session_id="mine") as first,
        store.client("admin", session_id="mine") as second,
    ):
        first.command("CREATE TEMPORARY TABLE kept (a Int32)")
        first.insert("kept", [[7]], column_names=["a"])
        first.command("SET max_block_size = 1234")
        # settings of one request do not stay
        assert second.query("SELECT getSetting('max_threads')", settings={"max_threads": 1}).first_row == (1,)
        assert second.query("SELECT a, getSetting('max_block_size') FROM kept").first_row == (7, 1234)
        assert second.query("SELECT changed FROM system.settings WHERE name = 'max_threads'").first_row == (
            0,
        )
    with store.client("admin", session_id="another") as other, pytest.raises(DatabaseError, match="60"):
        other.query("SELECT * FROM kept")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM otel.nope", 60),
        ("SELECT * FROM nope.nope", 81),
        ("SELECT nope", 47),
        ("SELEC 1 FROM", 62),
        ("SELECT nope(1)", 46),
        ("SELECT throwIf(1)", 395),
        ("SELECT 'open", 62),
    ],
)
def test_errors_keep_their_code(reader: Client, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError, match=rf"(?i)code:? {code}\b"):
        reader.query(sql)


def test_an_error_in_the_middle_of_a_stream_is_seen(reader: Client) -> None:
    sql = "SELECT throwIf(number = 900000), number FROM numbers(1000000)"
    with pytest.raises(StreamFailureError, match="395"), reader.query_row_block_stream(sql) as blocks:
        for _ in blocks:
            pass


def test_the_ingest_user_inserts_as_the_exporter_does(store: Store, reader: Client) -> None:
    columns = ["Timestamp", "TraceId", "SpanName", "SpanAttributes"]
    row = [dt.datetime.now(dt.UTC), "t" * 32, "of ingest", {"a": "b"}]
    with store.client("ingest") as client:
        client.insert("otel.otel_traces", [row], column_names=columns)
        with pytest.raises(DatabaseError, match="497"):
            client.query("SELECT count() FROM otel.otel_traces")
    count = reader.query("SELECT count() FROM otel.otel_traces WHERE SpanName = 'of ingest'").first_row
    assert count == (1,)
