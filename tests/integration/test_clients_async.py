"""The unmodified asynchronous clickhouse-connect against the store."""

from __future__ import annotations

import asyncio
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from tests.support.store import Store

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def connect(store: Store, user: str = "default", **options: Any) -> Any:
    """Awaitable."""
    password = store.admin_password if user == "admin" else ""
    return clickhouse_connect.get_async_client(
        host="127.0.0.1", port=store.http_port, username=user, password=password, **options
    )


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_questions_streams_and_many_at_once(store: Store, compress: str | bool) -> None:
    async def asks() -> None:
        async with await connect(store, compress=compress, autogenerate_session_id=False) as client:
            text = "it's 5% \\ of\ttäsk"
            answer = await client.query("SELECT {t:String}", parameters={"t": text})
            assert answer.result_rows == [(text,)]
            sql = "SELECT number, toString(number) FROM numbers(200000)"
            async with await client.query_row_block_stream(sql) as blocks:
                assert sum([len(block) async for block in blocks]) == 200_000
            answers = await asyncio.gather(*(client.query(f"SELECT {number}") for number in range(8)))
            assert [answer.result_rows[0][0] for answer in answers] == list(range(8))
            frame = await client.query_df("SELECT number AS n FROM numbers(5)")
            assert frame["n"].tolist() == [0, 1, 2, 3, 4]
            table = await client.query_arrow("SELECT number AS n FROM numbers(5)")
            assert table.num_rows == 5
            data = ExternalData(file_name="wanted", data=b"3\n", fmt="TSV", structure=["id UInt32"])
            rows = await client.query("SELECT id FROM wanted", external_data=data)
            assert rows.result_rows == [(3,)]

    asyncio.run(asks())


def test_rows_come_back_as_inserted_and_errors_keep_their_code(store: Store) -> None:
    async def writes() -> None:
        async with await connect(store, "admin") as client:
            await client.command("CREATE DATABASE IF NOT EXISTS play")
            await client.command("CREATE TABLE play.a (n UInt64, s String) ENGINE = Memory")
            rows = [(number, f"name {number}") for number in range(20_000)]
            await client.insert("play.a", rows, column_names=["n", "s"])
            assert (await client.query("SELECT * FROM play.a ORDER BY n")).result_rows == rows
            answer = await client.query("SELECT getSetting('max_threads')", settings={"max_threads": 1})
            assert answer.result_rows == [(1,)]
            with pytest.raises(DatabaseError, match=r"(?i)code:? 60\b"):
                await client.query("SELECT * FROM play.nope")
        async with await connect(store) as reader:
            with pytest.raises(DatabaseError, match="164"):
                await reader.command("DROP TABLE play.a")

    asyncio.run(writes())
