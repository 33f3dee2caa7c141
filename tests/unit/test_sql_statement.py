"""Tokens and statements, as far as the gateway looks into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.sql_statement import MAX_STATEMENT_BYTES, parse
from otel_taskmon.store.sql_tokens import tokens


def _texts(sql: str) -> list[str]:
    return [token.text for token in tokens(sql.encode())]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a.b, 1.5e3", ["SELECT", "a", ".", "b", ",", "1.5e3"]),
        ("'it''s' 'a\\'b' \"x y\" `q\\`r`", ["it''s", "a\\'b", "x y", "q\\`r"]),
        ("1 -- ' \n 2 // ' \n 3 # ' \n 4 #! '\n 5", ["1", "2", "3", "4", "5"]),
        ("1 /* ' /* nested */ ' */ 2", ["1", "2"]),
        ("$tag$ it's ; $tag$ x", [" it's ; ", "x"]),
        ("‘curly’ “name”", ["curly", "name"]),
        ("a\u00a0b\u3000c\u200bd", ["a", "b", "c", "d"]),
        ("2--1", ["2"]),
        ("x'41' b\"c\"", ["x", "41", "b", "c"]),
        ("", []),
        (" \t\n-- only a comment", []),
    ],
)
def test_tokens(sql: str, expected: list[str]) -> None:
    assert _texts(sql) == expected


@pytest.mark.parametrize(
    "sql", ["'open", '"open', "`open", "'open\\'", "/* open /* */", "$a$ open", "‘open", "''' "]
)
def test_what_is_not_closed_is_an_error(sql: str) -> None:
    with pytest.raises(EngineError) as caught:
        list(tokens(sql.encode()))
    assert caught.value.code == 62


@given(st.binary(max_size=200))
def test_any_bytes_give_tokens_that_cover_them_in_order_or_an_error(sql: bytes) -> None:
    try:
        found = list(tokens(sql))
    except EngineError:
        return
    ends = [0]
    for token in found:
        assert ends[-1] <= token.start < token.end <= len(sql)
        ends.append(token.end)


def test_an_open_quote_of_a_megabyte_takes_no_time() -> None:
    # a pattern that backtracks would not come back within the test's time
    with pytest.raises(EngineError):
        list(tokens(b"SELECT '" + b"a\\'" * 300_000))


@pytest.mark.parametrize(
    ("sql", "kind", "keyword", "output_format"),
    [
        ("SELECT 1", "rows", "SELECT", None),
        (" /* x */ select 1 format JSON ;", "rows", "SELECT", "JSON"),
        ("WITH 1 AS x SELECT x FORMAT CSV SETTINGS max_threads = 1", "rows", "WITH", "CSV"),
        ("((SELECT 1))", "rows", "SELECT", None),
        ("FROM numbers(3) SELECT number", "rows", "FROM", None),
        ("SELECT 'x FORMAT JSON'", "rows", "SELECT", None),
        ("SELECT format FROM t", "rows", "SELECT", None),
        ("SHOW TABLES FORMAT TSV", "other", "SHOW", "TSV"),
        ("CREATE TABLE t (a Int8) ENGINE = Memory", "other", "CREATE", None),
        ("INSERT INTO t SELECT 1", "other", "INSERT", None),
        ("INSERT INTO t (a) (SELECT 1)", "other", "INSERT", None),
    ],
)
def test_statements(sql: str, kind: str, keyword: str, output_format: str | None) -> None:
    found = parse(sql.encode())
    assert (found.kind, found.keyword, found.format) == (kind, keyword, output_format)
    assert not found.text.rstrip().endswith(";")


@pytest.mark.parametrize(
    ("sql", "text", "input_format", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", b"1,2\n"),
        (b"INSERT INTO t FORMAT RowBinary \n\x00\xff;--'", "INSERT INTO t ", "RowBinary", b"\x00\xff;--'"),
        (
            b"insert into t (`a b`, `values`) values (1, 'x;y')",
            "insert into t (`a b`, `values`) ",
            "Values",
            b" (1, 'x;y')",
        ),
        (b'INSERT INTO "o"."t" (A, E.B) VALUES', 'INSERT INTO "o"."t" (A, E.B) ', "Values", b""),
        (
            b"INSERT INTO t SETTINGS max_threads=1 FORMAT TSV;\n1",
            "INSERT INTO t SETTINGS max_threads=1 ",
            "TSV",
            b"1",
        ),
        (b"INSERT INTO t (format, a) FORMAT Native", "INSERT INTO t (format, a) ", "Native", b""),
        (b"INSERT INTO t (a)", "INSERT INTO t (a)", None, b""),
    ],
)
def test_an_insert_is_split_from_its_rows(
    sql: bytes, text: str, input_format: str | None, data: bytes
) -> None:
    found = parse(sql)
    assert (found.kind, found.text, found.format, found.data) == ("insert", text, input_format, data)


def test_rows_behind_an_insert_may_be_long_and_no_text() -> None:
    rows = b"\xff'\x00" * MAX_STATEMENT_BYTES
    assert parse(b"INSERT INTO t FORMAT RowBinary\n" + rows).data == rows


@pytest.mark.parametrize(
    "sql",
    [
        b"",
        b" -- nothing",
        b"SELECT 1; SELECT 2",
        b"SELECT 1; KILL QUERY WHERE 1",
        b"INSERT INTO t SELECT 1; DROP TABLE t",
        b"SELECT '\xff'",
        b"SELECT '" + b"x" * MAX_STATEMENT_BYTES + b"'",
    ],
)
def test_refused_statements(sql: bytes) -> None:
    with pytest.raises(EngineError) as caught:
        parse(sql)
    assert caught.value.code == 62


def test_trailing_semicolons_are_left_out() -> None:
    assert parse(b"SELECT 1 ; ; -- end").text == "SELECT 1 "


@pytest.mark.parametrize("word", [b"FORMAT", b"VALUES"])
def test_a_long_list_of_columns_is_read_once(word: bytes) -> None:
    """Each of them used to be looked at again for every word that could end the list: a minute of the event loop."""
    columns = b",".join([word] * (200_000 // (len(word) + 1)))
    statement = parse(b"INSERT INTO t (" + columns + b") FORMAT CSV 1,2")
    assert (statement.format, statement.data) == ("CSV", b"1,2")
