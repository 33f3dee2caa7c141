"""A client that goes away must not leave its statement running."""

from __future__ import annotations

import socket

import pytest

from tests.support.http import basic, post
from tests.support.store import Store
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def _send(store: Store, sql: str, extra: str = "") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", store.http_port), timeout=20)
    body = sql.encode()
    connection.sendall(
        f"POST /{extra} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
    return connection


def _running(store: Store, marker: str) -> int:
    sql = "SELECT count() FROM system.processes WHERE position(query, {m:String}) > 0 AND query NOT LIKE '%processes%'"
    return int(post(store.url, sql, param_m=marker).data)


@pytest.mark.parametrize(
    ("sql", "reads_first"),
    [
        ("SELECT sum(sipHash64(number)) AS {marker} FROM numbers(100000000000)", False),
        ("SELECT number AS {marker} FROM system.numbers", True),
        ("SELECT number AS {marker} FROM system.numbers", False),
        (
            "SELECT number AS {marker} FROM numbers(100000000000) WHERE sipHash64(number) = 1 FORMAT JSON",
            False,
        ),
    ],
)
@pytest.mark.parametrize("extra", ["", "?session_id=s"])
def test_its_query_is_stopped(store: Store, sql: str, reads_first: bool, extra: str) -> None:
    marker = f"gone{abs(hash((sql, reads_first, extra)))}"
    if extra:
        extra += f"&user=admin&password={store.admin_password}"
    connection = _send(store, sql.format(marker=marker), extra)
    wait_until(lambda: _running(store, marker) == 1, "the query to run", timeout=10)
    if reads_first:
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    connection.close()
    wait_until(lambda: _running(store, marker) == 0, "the query to be stopped", timeout=10)


def test_a_broken_off_insert_frees_its_lane(store: Store) -> None:
    admin = basic("admin", store.admin_password)
    post(store.url, "CREATE DATABASE IF NOT EXISTS play", headers=admin)
    post(store.url, "CREATE OR REPLACE TABLE play.t (a UInt64) ENGINE = MergeTree ORDER BY a", headers=admin)
    for _ in range(4):  # more than there are lanes for writing
        connection = socket.create_connection(("127.0.0.1", store.http_port), timeout=20)
        path = f"/?query=INSERT%20INTO%20play.t%20FORMAT%20TSV&user=admin&password={store.admin_password}"
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode() + b"1\n2\n")
        connection.close()
    inserted = post(store.url, b"7\n", headers=admin, query="INSERT INTO play.t FORMAT TSV")
    assert inserted.status == 200, inserted.data
    assert post(store.url, "SELECT groupArray(a) FROM play.t").data == b"[7]\n"


def test_slow_queries_do_not_hold_up_quick_ones(store: Store) -> None:
    connections = [
        _send(store, "SELECT sum(sipHash64(number)) AS slow FROM numbers(100000000000)") for _ in range(4)
    ]
    try:
        wait_until(lambda: _running(store, "slow") == 4, "four slow queries", timeout=10)
        assert post(store.url, "SELECT 1").data == b"1\n"
    finally:
        for connection in connections:
            connection.close()
    wait_until(lambda: _running(store, "slow") == 0, "the slow queries to be stopped", timeout=10)
