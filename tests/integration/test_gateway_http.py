"""The ClickHouse HTTP interface as seen by curl and by hand-made requests."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator

import lz4.frame
import pytest
import zstandard

from otel_taskmon.store.native_blocks import compress_blocks, decompress_blocks
from tests.conftest import missing
from tests.support.http import POOL, basic, get, post
from tests.support.store import Store

pytestmark = pytest.mark.integration

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "lz4": lz4.frame.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.fixture(scope="module")
def admin(store: Store) -> dict[str, str]:
    headers = basic("admin", store.admin_password)
    assert post(store.url, "CREATE DATABASE play", headers=headers).status == 200
    assert post(store.url, "CREATE TABLE play.t (a UInt64) ENGINE = Memory", headers=headers).status == 200
    return headers


def test_curl(store: Store) -> None:
    if shutil.which("curl") is None:
        missing("curl")

    def curl(*args: str) -> str:
        run = subprocess.run(["curl", "-sS", *args], capture_output=True, text=True, timeout=20, check=True)
        return run.stdout

    assert curl(f"{store.url}/ping") == "Ok.\n"
    assert curl(f"{store.url}/replicas_status") == "Ok.\n"
    assert curl(f"{store.url}/") == "Ok.\n"
    assert curl(f"{store.url}/?query=SELECT%201") == "1\n"
    assert curl(store.url, "-d", "SELECT 1, 'a'") == "1\ta\n"
    assert curl(f"{store.url}/?query=SELECT%20", "-d", "7") == "7\n"
    assert curl(f"{store.url}/?query=SELECT%20{{a:UInt8}}%2B1&param_a=4", "-g") == "5\n"
    assert curl(store.url, "-F", "query=SELECT {x:String}", "-F", "param_x=y") == "y\n"
    assert curl(store.url, "--data-urlencode", "query=SELECT 3") == "3\n"
    assert curl("--compressed", store.url, "-d", "SELECT 'squeezed'") == "squeezed\n"
    assert curl(store.url, "-I").startswith("HTTP/1.1 200")
    password = f"admin:{store.admin_password}"
    assert curl("-u", password, store.url, "-d", "SELECT currentDatabase()") == "default\n"


def test_a_small_answer_does_not_wait_for_more(store: Store) -> None:
    # Nagle's algorithm against delayed acknowledgements makes each of them 40 ms or longer
    times = []
    for _ in range(20):
        began = time.perf_counter()
        post(store.url, "SELECT 1")
        times.append(time.perf_counter() - began)
    assert min(times) < 0.03


def test_headers_and_formats(store: Store) -> None:
    answer = post(store.url, "SELECT 1 AS a", default_format="JSON", query_id="mine")
    assert json.loads(answer.data)["data"] == [{"a": 1}]
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.headers["X-ClickHouse-Timezone"] in ("UTC", "Etc/UTC")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["result_rows"] == "1"
    # FORMAT in the statement wins over default_format; the header is the last choice
    assert post(store.url, "SELECT 1 AS a FORMAT CSVWithNames", default_format="JSON").data == b'"a"\n1\n'
    assert post(store.url, "SELECT 1", headers={"X-ClickHouse-Format": "Values"}).data == b"(1)"
    assert post(store.url, "SELECT currentDatabase()", database="otel").data == b"otel\n"
    header = {"X-ClickHouse-Database": "otel"}
    assert post(store.url, "SELECT currentDatabase()", headers=header).data == b"otel\n"


@pytest.mark.parametrize("encoding", ENCODERS)
def test_answers_are_encoded_as_accepted(store: Store, encoding: str) -> None:
    for rows in ("3", "200000"):
        sql = f"SELECT number FROM numbers({rows})"
        answer = post(store.url, sql, headers={"Accept-Encoding": f"br, {encoding}"})
        assert answer.headers["Content-Encoding"] == encoding
        assert len(DECODERS[encoding](answer.data).splitlines()) == int(rows)
    plain = post(store.url, "SELECT 1", headers={"Accept-Encoding": encoding}, enable_http_compression="0")
    assert plain.data == b"1\n"


@pytest.mark.parametrize("encoding", ENCODERS)
def test_frames_one_behind_the_other_are_all_read(store: Store, admin: dict[str, str], encoding: str) -> None:
    post(store.url, "TRUNCATE TABLE play.t", headers=admin)
    lines = [b"%d\n" % n for n in range(50_000)]
    body = b"".join(
        ENCODERS[encoding](b"".join(lines[at : at + 9_999])) for at in range(0, len(lines), 9_999)
    )
    headers = {**admin, "Content-Encoding": encoding}
    for sql_in in ("url", "body"):
        if sql_in == "url":
            answer = post(store.url, body, headers=headers, query="INSERT INTO play.t FORMAT TSV")
        else:
            sql = ENCODERS[encoding](b"INSERT INTO play.t FORMAT TSV\n")
            answer = post(store.url, sql + body, headers=headers)
        assert answer.status == 200, answer.data
        assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "50000"
    assert post(store.url, "SELECT count(), uniqExact(a) FROM play.t").data == b"100000\t50000\n"


def test_clickhouses_own_blocks(store: Store, admin: dict[str, str]) -> None:
    post(store.url, "TRUNCATE TABLE play.t", headers=admin)
    body = compress_blocks(b"".join(b"%d\n" % n for n in range(300_000)))
    inserted = post(store.url, body, headers=admin, query="INSERT INTO play.t FORMAT TSV", decompress="1")
    assert inserted.status == 200, inserted.data
    answer = post(store.url, "SELECT a FROM play.t ORDER BY a", compress="1")
    assert b"".join(decompress_blocks(iter([answer.data]))).splitlines()[-1] == b"299999"
    spoilt = bytearray(body)
    spoilt[40] ^= 1
    refused = post(
        store.url, bytes(spoilt), headers=admin, query="INSERT INTO play.t FORMAT TSV", decompress="1"
    )
    assert (refused.status, refused.headers["X-ClickHouse-Exception-Code"]) == (400, "40")


def test_the_greeting_of_clickhouse_go_gets_revision_0(store: Store) -> None:
    sql = "SELECT displayName(), version(), revision(), timezone()"
    answer = post(store.url, sql, default_format="Native", client_protocol_version="54460")
    assert answer.data.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01")  # block info, 4 columns, 1 row
    assert b"revision()\x06UInt32\x00\x00\x00\x00\x00" in answer.data
    other = post(store.url, "SELECT 1 AS a", default_format="Native", client_protocol_version="54460")
    assert other.data == b"\x01\x01\x01a\x05UInt8\x01"


def test_a_long_answer_is_streamed_in_every_format_that_can(store: Store) -> None:
    sql = "SELECT number AS n, toString(number) AS s FROM numbers(200000)"
    for output_format in (
        "TSVWithNames",
        "CSVWithNamesAndTypes",
        "JSONCompactEachRowWithNamesAndTypes",
        "RowBinary",
    ):
        streamed = post(store.url, sql, default_format=output_format)
        whole = post(store.url, sql, default_format=output_format, wait_end_of_query="1")
        assert "Content-Length" not in streamed.headers
        assert "Content-Length" in whole.headers
        assert streamed.data == whole.data


def test_an_error_in_the_middle_ends_with_a_frame(store: Store) -> None:
    answer = post(store.url, "SELECT throwIf(number = 900000) FROM numbers(1000000)")
    tag = answer.headers["X-ClickHouse-Exception-Tag"].encode()
    assert answer.status == 200
    rows, _, frame = answer.data.partition(b"\r\n__exception__\r\n" + tag + b"\r\n")
    assert rows.startswith(b"0\n")
    text, length = re.fullmatch(rb"(.*\n)(\d+) " + tag + rb"\r\n__exception__\r\n", frame, re.DOTALL).groups()  # type: ignore[union-attr]
    assert text.startswith(b"Code: 395. DB::Exception: ")
    assert int(length) == len(text)


@pytest.mark.parametrize(
    ("sql", "parameters", "status", "code"),
    [
        ("SELECT * FROM otel.nope", {}, 404, "60"),
        ("SELECT * FROM nope.nope", {}, 404, "81"),
        ("SELECT 1 +", {}, 400, "62"),
        ("", {}, 400, "62"),
        ("SELECT 1; SELECT 2", {}, 400, "62"),
        ("SELECT sum(number) FROM numbers(100000000000)", {"max_execution_time": "0.2"}, 408, "159"),
        ("SELECT * FROM numbers(10)", {"max_result_rows": "5"}, 500, "396"),
        ("SELECT {a:UInt8}", {"param_a": "x"}, 400, "457"),
        ("SELECT {a:UInt8}", {}, 400, "456"),
        ("SELECT 1", {"database": "nope"}, 404, "81"),
        ("SELECT 1", {"default_format": "Nope"}, 400, "73"),
        ("SELECT 1", {"default_format": "ArrowTable"}, 400, "73"),
        ("SELECT 1", {"max_execution_time": "601"}, 400, "452"),
        ("SELECT 1", {"max_execution_time": "0"}, 400, "452"),
        ("SELECT 1", {"max_execution_time": "soon"}, 400, "72"),
    ],
)
def test_errors_have_status_and_code(
    store: Store, sql: str, parameters: dict[str, str], status: int, code: str
) -> None:
    answer = post(store.url, sql, parameters=parameters)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code), answer.data
    assert answer.data.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_an_unknown_setting_is_refused_not_ignored(store: Store, admin: dict[str, str]) -> None:
    answer = post(store.url, "SELECT 1", headers=admin, no_such_setting="1")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (404, "115")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Encoding": "br"}, b"x", 400),
        ({"Content-Encoding": "gzip"}, b"not gzip", 400),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"SELECT 1", mtime=0)[:-4], 400),
        ({"Content-Encoding": "zstd"}, zstandard.compress(b" " * 40_000_000), 413),
        ({}, b" " * 17_000_000, 413),
        ({"Content-Type": "multipart/form-data"}, b"x", 400),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\n", 400),
        ({}, b"SELECT '\xff\xfe'", 400),
        ({"Authorization": "Bearer x"}, b"SELECT 1", 401),
        ({"Authorization": "Basic !!"}, b"SELECT 1", 401),
    ],
)
def test_bad_requests_are_refused_and_the_store_goes_on(
    store: Store, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert post(store.url, body, headers=headers).status == status
    assert get(store.url, query="SELECT 1").data == b"1\n"


def test_rows_of_a_streamed_insert_have_no_limit(store: Store, admin: dict[str, str]) -> None:
    post(store.url, "TRUNCATE TABLE play.t", headers=admin)
    block = b"".join(b"%d\n" % n for n in range(100_000))
    count = 30  # about 20 MB: more than a whole body may have

    def body() -> Iterator[bytes]:
        for _ in range(count):
            yield block

    answer = POOL.request(
        "POST", f"{store.url}/?query=INSERT%20INTO%20play.t%20FORMAT%20TSV", body=body(), headers=admin
    )
    assert answer.status == 200, answer.data
    assert post(store.url, "SELECT count() FROM play.t").data == b"%d\n" % (count * 100_000)


def test_only_known_paths_and_methods(store: Store) -> None:
    assert POOL.request("GET", f"{store.url}/play").status == 404
    assert POOL.request("PUT", f"{store.url}/", body=b"SELECT 1").status == 405
    assert POOL.request("POST", f"{store.url}/query", body=b"SELECT 1").data == b"1\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "192.0.2.7:8123"},
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_pages_of_a_browser_are_refused(store: Store, headers: dict[str, str]) -> None:
    for path in ("/", "/ping", "/?query=SELECT%201"):
        answer = POOL.request("POST", f"{store.url}{path}", body=b"SELECT 1", headers=headers)
        assert answer.status == 403
        assert b"Access-Control" not in str(answer.headers).encode()


def test_loopback_names_and_own_pages_are_taken(store: Store) -> None:
    for host in (f"localhost:{store.http_port}", f"127.0.0.1:{store.http_port}", "[::1]:9"):
        assert post(store.url, "SELECT 1", headers={"Host": host}).status == 200
    own = {"Host": f"localhost:{store.http_port}", "Origin": f"http://localhost:{store.http_port}"}
    assert post(store.url, "SELECT 1", headers=own).status == 200
