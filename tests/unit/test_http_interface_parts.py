"""Smaller parts of the HTTP interface: origins, passwords, forms, errors, joined blocks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from otel_taskmon.store import http_request
from otel_taskmon.store.access import Role
from otel_taskmon.store.engine_errors import EngineError, engine_error
from otel_taskmon.store.http_errors import HttpError, error_text, status_of, stream_frame
from otel_taskmon.store.http_request import Body
from otel_taskmon.store.multipart_form import Field, parse_multipart
from otel_taskmon.store.origin_check import check_origin, check_peer, is_loopback
from otel_taskmon.store.passwords import credentials, load_passwords
from otel_taskmon.store.stream_formats import join_blocks


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST.", "::ffff:127.0.0.1"]
)
def test_loopback(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize("name", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1.example"])
def test_not_loopback(name: str) -> None:
    assert not is_loopback(name)


def test_host_and_origin() -> None:
    check_origin({"host": "localhost:8123"}, "127.0.0.1")
    check_origin({"host": "localhost:8123", "origin": "http://localhost:8123"}, "127.0.0.1")
    check_origin({"host": "taskmon-store:8123"}, "0.0.0.0")
    for headers, listening_on in (
        ({}, "127.0.0.1"),
        ({"host": "rebound.example"}, "127.0.0.1"),
        ({"host": "[::1"}, "127.0.0.1"),
        ({"host": "localhost", "origin": "http://localhost:8501"}, "127.0.0.1"),
        ({"host": "localhost", "origin": "null"}, "127.0.0.1"),
        ({"host": "store:8123", "origin": "http://page.example"}, "0.0.0.0"),
        ({"host": "store:8123", "sec-fetch-site": "cross-site"}, "0.0.0.0"),
    ):
        with pytest.raises(HttpError) as caught:
            check_origin(headers, listening_on)
        assert caught.value.status == 403


def test_the_user_without_a_password_is_local() -> None:
    check_peer({"host": "localhost"}, "127.0.0.1")
    for headers, peer in (({"host": "localhost"}, "10.0.0.9"), ({"host": "store"}, "127.0.0.1"), ({}, "")):
        with pytest.raises(HttpError) as caught:
            check_peer(headers, peer)
        assert caught.value.status == 401


def test_passwords_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = load_passwords(tmp_path, ingest=None, admin=None)
    assert first.of == load_passwords(tmp_path, ingest=None, admin=None).of
    assert first.of[Role.ADMIN] != first.of[Role.INGEST]
    assert len(first.of[Role.ADMIN]) >= 32
    assert first.of[Role.ADMIN] not in repr(first)
    path = tmp_path / "admin.password"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    load_passwords(tmp_path, ingest=None, admin=None)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("")  # ended between making and filling it
    assert load_passwords(tmp_path, ingest=None, admin=None).of[Role.ADMIN]
    assert path.read_text().strip()


def test_the_reading_user_may_have_a_password_too(tmp_path: Path) -> None:
    passwords = load_passwords(tmp_path, ingest="i", admin="a", reader="r")
    assert passwords.authenticate("default", "") is Role.READER
    assert passwords.authenticate("default", "r") is Role.READER
    for without in (passwords, load_passwords(tmp_path, ingest="i", admin="a")):
        with pytest.raises(HttpError) as caught:
            without.authenticate("default", "a")
        assert caught.value.status == 401


def test_given_passwords_win_and_are_not_written(tmp_path: Path) -> None:
    passwords = load_passwords(tmp_path, ingest="ä", admin="b")
    assert not list(tmp_path.iterdir())
    assert passwords.authenticate("ingest", "ä") is Role.INGEST
    assert passwords.authenticate("default", "") is Role.READER
    for user, password in (
        ("ingest", "b"),
        ("admin", ""),
        ("nobody", ""),
        ("default", "x"),
        ("", ""),
        ("admin", "\udcff"),
    ):
        with pytest.raises(HttpError) as caught:
            passwords.authenticate(user, password)
        assert (caught.value.status, caught.value.code) == (401, 516)


def test_credentials() -> None:
    assert credentials({}, {}) == ("default", "")
    assert credentials({"authorization": "basic YTpiOmM="}, {"user": "x"}) == ("a", "b:c")
    assert credentials({"x-clickhouse-user": "a", "x-clickhouse-key": "k"}, {"user": "x"}) == ("a", "k")
    assert credentials({}, {"user": "a", "password": "p"}) == ("a", "p")
    for bad in ("Bearer x", "Basic", "Basic !", "Basic /w=="):
        with pytest.raises(HttpError):
            credentials({"authorization": bad}, {})


def test_a_form() -> None:
    body = (
        b'preamble\r\n--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="t"; filename="f.csv"\r\nX: y\r\n\r\n\r\n1\n\x00--\r\n'
        b'--b\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n--b--\r\n'
    )
    assert parse_multipart("multipart/form-data; boundary=b", body) == [
        Field("query", None, b"SELECT 1"),
        Field("t", "f.csv", b"\r\n1\n\x00--"),
        Field("empty", None, b""),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
        b"--b\r\nno headers--b--",
        b"--b\r\nX: y\r\n\r\nz\r\n--b--",
        b'\r\n--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx' * 1001 + b"\r\n--b--",
    ],
)
def test_a_broken_form_is_refused(body: bytes) -> None:
    with pytest.raises(HttpError) as caught:
        parse_multipart("multipart/form-data; boundary=b", body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)",
            60,
            "Table x does not exist. (UNKNOWN_TABLE)",
        ),
        ("Streaming query failed: Code: 395. DB::Exception: y (Z)", 395, "y (Z)"),
        ("Code: 504. DB::Exception: Code: 62. DB::Exception: z", 62, "z"),
        ("something else", 1002, "something else (UNKNOWN_EXCEPTION)"),
        ("", 1002, "RuntimeError (UNKNOWN_EXCEPTION)"),
    ],
)
def test_engine_errors(text: str, code: int, message: str) -> None:
    error = engine_error(RuntimeError(text))
    assert (error.code, error.message) == (code, message)


def test_errors_as_http() -> None:
    error = EngineError(60, "no table (UNKNOWN_TABLE)")
    assert (status_of(error), error.name) == (404, "UNKNOWN_TABLE")
    assert status_of(EngineError(99999, "x")) == 500
    assert status_of(HttpError(413, 60, "x")) == 413
    assert error_text(error, "1.2") == (
        b"Code: 60. DB::Exception: no table (UNKNOWN_TABLE) (version 1.2 (official build))\n"
    )
    text = error_text(error, "1.2")
    assert stream_frame(error, "1.2", "tag") == (
        b"\r\n__exception__\r\ntag\r\n" + text + b"%d tag\r\n__exception__\r\n" % len(text)
    )


@pytest.mark.parametrize(
    ("output_format", "blocks", "whole"),
    [
        ("CSVWithNames", [b'"a""\nb"\n1\n', b'"a""\nb"\n2\n'], b'"a""\nb"\n1\n2\n'),
        ("TSVWithNamesAndTypes", [b"a\nInt8\n1\n", b"a\nInt8\n2\n"], b"a\nInt8\n1\n2\n"),
        ("RowBinaryWithNames", [b"\x01\x01a\x05", b"\x01\x01a\x06"], b"\x01\x01a\x05\x06"),
        ("TSV", [b"1\n", b"1\n"], b"1\n1\n"),
        ("ArrowStream", [], b""),
    ],
)
def test_blocks_become_one_document(output_format: str, blocks: list[bytes], whole: bytes) -> None:
    assert b"".join(join_blocks(output_format, iter(blocks))) == whole


def test_a_body_that_stops_in_the_middle_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_request, "BODY_PAUSE_S", 0.05)
    coming = [{"type": "http.request", "body": b"SELECT ", "more_body": True}]

    async def receive() -> dict[str, object]:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop()

    async def live() -> None:
        body = Body(receive, asyncio.get_running_loop().create_future())
        async with asyncio.timeout(30):
            with pytest.raises(HttpError, match="stopped for") as caught:
                await body.read(1_000)
        assert caught.value.status == 408

    asyncio.run(live())


def test_a_body_that_is_coming_does_not_hold_up_a_stop() -> None:
    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    async def live() -> None:
        stopping: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        reading = asyncio.create_task(Body(receive, stopping).read(1_000))
        stopping.set_result(None)
        async with asyncio.timeout(30):
            with pytest.raises(EngineError, match="The store is stopping"):
                await reading

    asyncio.run(live())
