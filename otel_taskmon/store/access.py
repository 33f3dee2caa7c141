"""Who may run what. chDB has no users: a role is ``readonly=1`` in the engine plus what is refused here before.

``readonly=1`` is the only level that stops table functions which read files or addresses, but it leaves gaps, each
tried on engine 26.9: the scalar function ``file()`` (also as a bare name, ``APPLY file``), ``INTO OUTFILE``,
``DESCRIBE TABLE url(…)``, KILL QUERY, and ``Python()``, which reads variables of this very process.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.sql_statement import Statement
from otel_taskmon.store.sql_tokens import SYNTAX_ERROR, Token

ACCESS_DENIED: Final = 497
READONLY: Final = 164
SETTING_CONSTRAINT: Final = 452

DEFAULT_EXECUTION_S: Final = 60
MAX_READER_EXECUTION_S: Final = 600


class Role(enum.Enum):
    """The three users of the store; the value is the user's name."""

    READER = "default"
    INGEST = "ingest"
    ADMIN = "admin"


_READING: Final = frozenset(
    {"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "USE"}
)
_INGESTING: Final = frozenset({"DESCRIBE", "DESC", "EXISTS", "SELECT"})
# Only to tell "not allowed" from "no statement at all"; what is in neither set is refused as well.
_STATEMENTS: Final = _READING | frozenset(
    {
        "ALTER", "ATTACH", "BACKUP", "BEGIN", "CHECK", "COMMIT", "COPY", "CREATE", "DELETE", "DETACH", "DROP",
        "EXCHANGE", "EXECUTE", "GRANT", "INSERT", "KILL", "MOVE", "OPTIMIZE", "PARALLEL", "RENAME", "REPLACE",
        "RESTORE", "REVOKE", "ROLLBACK", "SET", "SYSTEM", "TRUNCATE", "UNDROP", "UPDATE", "WATCH",
    }
)  # fmt: skip
_TABLE_FOLLOWS: Final = frozenset({"FROM", "JOIN", "TABLE", "DESCRIBE", "DESC", "EXISTS"})
# format() is also a harmless scalar function; the engine itself refuses the table function to readers.
_HARMLESS: Final = frozenset({"format", "zeros", "zeros_mt", "dictionary"})
_HIDDEN_QUERY: Final = frozenset({"eval", "fuzzquery"})
"""Table functions that run a query given as a string, where no check of tokens can see it."""

# What a reader may send: how rows are written, and bounds. Clients and Grafana send these unasked.
_READER_SETTINGS: Final = frozenset(
    {
        "cancel_http_readonly_queries_on_client_close", "date_time_input_format",
        "date_time_output_format", "enable_http_compression", "extremes", "http_headers_progress_interval_ms",
        "http_zlib_compression_level", "interval_output_format", "max_block_size", "max_result_bytes",
        "max_result_rows", "max_rows_to_read", "max_threads", "network_compression_method",
        "network_zstd_compression_level", "read_overflow_mode", "result_overflow_mode",
        "send_progress_in_http_headers", "session_timezone", "timeout_overflow_mode", "use_query_cache",
        "use_query_condition_cache",
    }
)  # fmt: skip
_INGEST_SETTINGS: Final = frozenset(
    {
        "async_insert",
        "wait_for_async_insert",
        "max_execution_time",
        "insert_deduplicate",
        "insert_deduplication_token",
        "throw_on_max_partitions_per_insert_block",  # one bad clock must not hold up a whole batch
    }
)
_INGEST_PREFIXES: Final = ("input_format_", "async_insert_", "max_insert_", "min_insert_", "output_format_")
_READER_PREFIXES: Final = ("output_format_",)
_FILE_SETTINGS: Final = frozenset({"output_format_schema", "input_format_record_errors_file_path"})
"""With one of those prefixes, and the path of a file that the engine then writes, also with ``readonly=1``."""
_EXPRESSIONS_PREFIX: Final = "input_format_values_"
"""What would evaluate the rows of an INSERT: the request's own setting says no, the statement's must not say yes."""
_RAW_TABLES: Final = re.compile(r"otel_(?:traces|logs|metrics_\w+)")


@dataclass(frozen=True)
class Policy:
    """``guarded`` are names of table functions that reach beyond the tables (lower case)."""

    guarded: frozenset[str]

    @classmethod
    def of(cls, table_functions: frozenset[str]) -> Policy:
        """The policy for an engine that has these guarded table functions."""
        return cls(frozenset(name.lower() for name in table_functions) - _HARMLESS | _HIDDEN_QUERY)

    def check(self, role: Role, statement: Statement, *, get: bool) -> bool:
        """Whether the statement must run with ``readonly=1``. Raises EngineError 164 or 497 where it may not run.

        ``get``: it came by GET, which may change nothing, whoever asks.
        """
        _check_own_process(statement.tokens)
        if get and statement.keyword not in _READING:
            raise EngineError(
                READONLY, "Cannot execute query in readonly mode: GET implies it, use POST. (READONLY)"
            )
        if role is Role.ADMIN:
            return False
        if role is Role.INGEST and statement.kind == "insert":
            self._check_insert(statement.tokens)
            return False
        allowed = _READING if role is Role.READER else _INGESTING
        if statement.keyword not in allowed:
            if statement.keyword not in _STATEMENTS:
                raise EngineError(SYNTAX_ERROR, f"Syntax error: {statement.text[:60]} (SYNTAX_ERROR)")
            raise EngineError(READONLY, f"{role.value}: Cannot execute query in readonly mode. (READONLY)")
        self._check_reach(role, statement.tokens)
        if role is Role.INGEST and statement.keyword == "SELECT":
            _check_ingest_select(statement.tokens)
        return True

    def _check_insert(self, tokens: tuple[Token, ...]) -> None:
        """Into the raw tables only; the views write the others. Its SETTINGS are held to those of a request."""
        if not _RAW_TABLES.fullmatch(_insert_target(tokens)):
            raise _denied(Role.INGEST, "INSERT INTO anything but a raw table")
        self._check_reach(Role.INGEST, tokens)
        for name in _statement_settings(tokens):
            if name.startswith(_EXPRESSIONS_PREFIX) or not _ingest_may_set(name):
                raise _not_for_ingest(name)

    def _check_reach(self, role: Role, tokens: tuple[Token, ...]) -> None:
        """No function or name that reads a file, an address or a hidden query."""
        for index, token in enumerate(tokens):
            before, after = _at(tokens, index - 1), _at(tokens, index + 1)
            if token.kind == "quoted" and "\\" in token.text:
                raise _denied(role, "a quoted name with a backslash")
            name = token.name.lower()
            if name == "file" and before.text != "." and before.upper != "AS":
                raise _denied(role, "file")
            if name in self.guarded and after.kind == "sign" and after.text == "(":
                raise _denied(role, f"{token.name}()")
            if "/" in token.name and (before.upper in _TABLE_FOLLOWS or before.text == "."):
                raise _denied(role, "a file as a table")


def reader_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """What of these a reader gets. Raises EngineError 164 for one that is not allowed, 452 for one out of bounds."""
    for name in settings:
        if name not in _READER_SETTINGS | {"max_execution_time"} and not _has_prefix(name, _READER_PREFIXES):
            raise EngineError(READONLY, f"Cannot modify '{name}' setting in readonly mode. (READONLY)")
    return {**settings, "max_execution_time": str(_execution_time(settings))}


def ingest_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """What of these the ingest user gets. Raises EngineError 164 for one that is not allowed.

    Its clients send the settings of their inserts with every statement, so they are taken for all.

    ``async_insert`` is switched off, whatever was sent: an acknowledgement means that the rows are there.
    """
    for name in settings:
        if not _ingest_may_set(name):
            raise _not_for_ingest(name)
    return {**settings, "async_insert": "0"}


def _ingest_may_set(name: str) -> bool:
    return name in _INGEST_SETTINGS | _READER_SETTINGS or _has_prefix(name, _INGEST_PREFIXES)


def _not_for_ingest(name: str) -> EngineError:
    return EngineError(READONLY, f"Cannot modify '{name}' setting as this user. (READONLY)")


def _has_prefix(name: str, prefixes: tuple[str, ...]) -> bool:
    return name.startswith(prefixes) and name not in _FILE_SETTINGS


def _execution_time(settings: Mapping[str, str]) -> float:
    given = settings.get("max_execution_time")
    if given is None:
        return DEFAULT_EXECUTION_S
    try:
        seconds = float(given)
    except ValueError as error:
        raise EngineError(
            72, f"max_execution_time={given!r} is not a number. (CANNOT_PARSE_NUMBER)"
        ) from error
    if not 0 < seconds <= MAX_READER_EXECUTION_S:
        raise EngineError(
            SETTING_CONSTRAINT,
            f"Setting max_execution_time shouldn't be greater than {MAX_READER_EXECUTION_S} or unlimited "
            f"for this user, {given} was given. (SETTING_CONSTRAINT_VIOLATION)",
        )
    return seconds


def _insert_target(tokens: tuple[Token, ...]) -> str:
    """The table that an INSERT names, without a database that is ``otel``; empty where it is not so simple."""
    named = list(tokens[1:])
    for word in ("INTO", "TABLE"):
        if named and named[0].upper == word:
            del named[0]
    if len(named) > 2 and (named[0].name, named[1].text) == ("otel", "."):
        del named[:2]
    plain = named and (len(named) == 1 or named[1].text not in (".", "::"))
    return named[0].name if plain else ""


def _statement_settings(tokens: tuple[Token, ...]) -> list[str]:
    """What stands where an INSERT names a setting: behind SETTINGS, and behind each comma from there on."""
    found: list[str] = []
    depth = 0
    for token, after in pairwise(tokens):
        if token.kind == "sign":
            depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0 and (token.upper == "SETTINGS" or (found and token.text == ",")):
            found.append(after.text)
    return found


def _check_own_process(tokens: tuple[Token, ...]) -> None:
    """For everybody: nothing that reads this process, or files in place of the request's own rows."""
    for index, token in enumerate(tokens):
        before, after = _at(tokens, index - 1), _at(tokens, index + 1)
        if token.name.lower() == "python" and after.text == "(":
            raise EngineError(ACCESS_DENIED, "Python() is not available through HTTP. (ACCESS_DENIED)")
        if token.kind == "quoted" and "\\" in token.text and after.text == "(":
            raise EngineError(ACCESS_DENIED, "A function name must not have a backslash. (ACCESS_DENIED)")
        if (before.upper, token.upper) in {("INTO", "OUTFILE"), ("FROM", "INFILE")}:
            raise EngineError(ACCESS_DENIED, f"{token.upper} is not available through HTTP. (ACCESS_DENIED)")


def _check_ingest_select(tokens: tuple[Token, ...]) -> None:
    """Ingest reads only what clients ask for before they insert: the server's version and its settings."""
    sources = [
        index
        for index, token in enumerate(tokens)
        # IN takes a table by its bare name, too
        if token.upper in {"FROM", "JOIN"} or (token.upper == "IN" and _at(tokens, index + 1).name)
    ]
    for index in sources:
        table = tokens[index + 1 : index + 4]
        after = _at(tokens, index + 4)
        if [token.text.lower() for token in table] != ["system", ".", "settings"] or after.text == ",":
            raise _denied(Role.INGEST, "SELECT from a table")


_NOTHING: Final = Token("sign", "", -1, -1)


def _at(tokens: tuple[Token, ...], index: int) -> Token:
    return tokens[index] if 0 <= index < len(tokens) else _NOTHING


def _denied(role: Role, what: str) -> EngineError:
    return EngineError(ACCESS_DENIED, f"{role.value}: Not enough privileges for {what}. (ACCESS_DENIED)")
