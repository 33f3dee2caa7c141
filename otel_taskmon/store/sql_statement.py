"""One statement of a request: its kind, its format, and the rows that follow an INSERT."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.sql_tokens import SYNTAX_ERROR, Token, tokens

MAX_STATEMENT_BYTES: Final = 1 << 18
"""Longest statement, the rows of an INSERT apart: the engine's own default of ``max_query_size``."""

Kind = Literal["insert", "rows", "other"]

_ROWS: Final = frozenset({"SELECT", "WITH", "FROM"})
_QUERY_INSIDE: Final = frozenset({"SELECT", "WITH", "WATCH"})
_AFTER_FORMAT: Final = re.compile(rb"[ \t\r]*;?[ \t\r]*\n?")


@dataclass(frozen=True)
class Statement:
    """``kind`` is ``insert`` (rows come with the request), ``rows`` (a SELECT: it can stream) or ``other``.

    ``text`` is the statement for the engine: of an ``insert`` without FORMAT and rows. ``format`` is the one it names,
    else None. ``data`` are the rows that stood behind it.
    """

    kind: Kind
    text: str
    keyword: str
    tokens: tuple[Token, ...]
    format: str | None = None
    data: bytes = b""


def parse(sql: bytes) -> Statement:
    """Raises EngineError 62 where it is empty, too long, not UTF-8, or several statements in one."""
    first = next(tokens(sql[:MAX_STATEMENT_BYTES]), None)
    if first is None:
        raise EngineError(SYNTAX_ERROR, "Syntax error: Empty query. (SYNTAX_ERROR)")
    if first.upper == "INSERT":
        return _insert(sql)
    if len(sql) > MAX_STATEMENT_BYTES:
        raise _too_long(len(sql))
    found = list(tokens(sql))
    end = len(sql)
    for index, token in enumerate(found):
        if token.text == ";" and token.kind == "sign":
            if any(later.text != ";" for later in found[index:]):
                raise EngineError(
                    SYNTAX_ERROR, "Syntax error: Multi-statements are not allowed. (SYNTAX_ERROR)"
                )
            end, found = token.start, found[:index]
            break
    keyword = _keyword(found)
    return Statement(
        kind="rows" if keyword in _ROWS else "other",
        text=_decode(sql[:end]),
        keyword=keyword,
        tokens=tuple(found),
        format=_output_format(found),
    )


def _keyword(found: list[Token]) -> str:
    """The first word; a parenthesis before it is only a bracket around the same query."""
    return next((token.upper for token in found if not (token.kind == "sign" and token.text == "(")), "")


def _insert(sql: bytes) -> Statement:
    found: list[Token] = []
    names_format = False
    depth = 0
    for token in tokens(sql):
        if token.end > MAX_STATEMENT_BYTES:
            raise _too_long(token.end)
        if names_format:
            end = _AFTER_FORMAT.match(sql, token.end)
            data = sql[end.end() if end else token.end :]
            start = found[-1].start
            return Statement("insert", _decode(sql[:start]), "INSERT", tuple(found[:-1]), token.text, data)
        if token.upper == "VALUES" and depth == 0:
            return Statement(
                "insert", _decode(sql[: token.start]), "INSERT", tuple(found), "Values", sql[token.end :]
            )
        if token.upper in _QUERY_INSIDE:
            return _insert_from_query(sql)
        if token.text == ";" and token.kind == "sign":
            return Statement("insert", _decode(sql[: token.start]), "INSERT", tuple(found))
        names_format = token.upper == "FORMAT" and depth == 0
        if token.kind == "sign":
            depth += (token.text in "([") - (token.text in ")]")
        found.append(token)
    return Statement("insert", _decode(sql), "INSERT", tuple(found))


def _insert_from_query(sql: bytes) -> Statement:
    if len(sql) > MAX_STATEMENT_BYTES:
        raise _too_long(len(sql))
    found = list(tokens(sql))
    if found[-1].text == ";":
        found.pop()
    if any(token.kind == "sign" and token.text == ";" for token in found):
        raise EngineError(SYNTAX_ERROR, "Syntax error: Multi-statements are not allowed. (SYNTAX_ERROR)")
    return Statement("other", _decode(sql[: found[-1].end]), "INSERT", tuple(found))


def _output_format(found: list[Token]) -> str | None:
    """The name in a closing ``FORMAT name [SETTINGS …]``."""
    for index in range(len(found) - 2, 0, -1):
        if found[index].upper == "FORMAT" and found[index + 1].name:
            rest = found[index + 2 :]
            if not rest or rest[0].upper == "SETTINGS":
                return found[index + 1].name
    return None


def _decode(sql: bytes) -> str:
    try:
        return sql.decode()
    except UnicodeDecodeError as error:
        raise EngineError(
            SYNTAX_ERROR, f"Syntax error: the query is not UTF-8: {error}. (SYNTAX_ERROR)"
        ) from error


def _too_long(size: int) -> EngineError:
    return EngineError(
        SYNTAX_ERROR,
        f"Syntax error: the query has {size} bytes, allowed are {MAX_STATEMENT_BYTES}. (SYNTAX_ERROR)",
    )
