"""Running one request's statement in the engine. All of this blocks: it belongs into a lane's thread."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from otel_taskmon.store.access import Role
from otel_taskmon.store.engine import Engine
from otel_taskmon.store.engine_connection import Connection, Result, escape
from otel_taskmon.store.external_data import ExternalTable, fill
from otel_taskmon.store.native_hello import hello_block, is_hello
from otel_taskmon.store.sessions import Sessions, settings_for_one_request
from otel_taskmon.store.sql_statement import Statement
from otel_taskmon.store.statements import statement as sql
from otel_taskmon.store.stream_formats import can_stream, has_head, join_blocks

_TSV: Final = "text/tab-separated-values; charset=UTF-8"
_CONTENT_TYPES: Final = {
    "TabSeparated": _TSV,
    "TSV": _TSV,
    "TabSeparatedWithNames": _TSV,
    "TabSeparatedWithNamesAndTypes": _TSV,
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONStrings": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "JSONCompactEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "RowBinaryWithNames": "application/octet-stream",
    "RowBinaryWithNamesAndTypes": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
    "Parquet": "application/octet-stream",
}
_ROWS_SHOWN: Final = frozenset({"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN"})
# A row in Values format may be an expression, and file() is one: only the admin's rows are evaluated.
_LITERALS_ONLY: Final = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}


@dataclass(frozen=True)
class SessionWish:
    """What a request says about its session."""

    name: str
    timeout: str | None
    must_exist: bool
    close: bool


@dataclass
class QueryPlan:
    """One request, decided: who runs what, how. ``comment`` finds it in the engine again (Engine.kill)."""

    role: Role
    readonly: bool
    statement: Statement
    settings: Mapping[str, str]
    query_parameters: Mapping[str, str]
    output_format: str
    comment: str
    database: str = ""
    rows: Iterator[bytes] = field(default_factory=lambda: iter(()))
    external: tuple[ExternalTable, ...] = ()
    session: SessionWish | None = None
    wait_for_end: bool = False
    client_protocol_version: str = "0"


@dataclass(frozen=True)
class AnswerHead:
    """The headers of an answer; its body follows piece by piece."""

    headers: Mapping[str, str]


def run(engine: Engine, sessions: Sessions, plan: QueryPlan) -> Generator[AnswerHead | bytes, None, None]:
    """First the AnswerHead, then the body. Closing the iterator stops the statement. Raises EngineError."""
    with _connection(engine, sessions, plan) as connection:
        if plan.database:
            connection.query(sql("use_database"), "Null", {"database": escape(plan.database)})
        for table in plan.external:
            fill(connection, table)
        if plan.external and plan.readonly:
            connection.set({"readonly": "1"})
        if plan.statement.kind == "insert":
            yield from _insert(connection, plan)
        elif is_hello(plan.statement, plan.client_protocol_version):
            yield AnswerHead(_format_headers("Native"))
            yield hello_block(engine.version, engine.timezone)
        elif plan.statement.kind == "rows" and can_stream(plan.output_format) and not plan.wait_for_end:
            yield from _stream(connection, plan)
        else:
            yield from _whole(connection, plan)


@contextlib.contextmanager
def _connection(engine: Engine, sessions: Sessions, plan: QueryPlan) -> Iterator[Connection]:
    settings = dict(plan.settings)
    if plan.role is not Role.ADMIN:
        settings |= _LITERALS_ONLY
    wish = plan.session
    if wish is None or plan.role is not Role.ADMIN:
        # external tables are made before the connection becomes read-only
        readonly = plan.readonly and not plan.external
        with engine.connection({**settings, "log_comment": plan.comment}, readonly=readonly) as connection:
            yield connection
        return
    with sessions.use(wish.name, plan.comment, timeout=wish.timeout, must_exist=wish.must_exist) as session:
        plan.comment = session.comment
        with settings_for_one_request(engine, session.connection, settings):
            yield session.connection
    if wish.close:
        sessions.drop(wish.name)


def _insert(connection: Connection, plan: QueryPlan) -> Iterator[AnswerHead | bytes]:
    done = connection.insert(
        plan.statement.text, plan.statement.format or "Values", plan.rows, plan.query_parameters
    )
    yield AnswerHead({"X-ClickHouse-Summary": _summary(done)})


def _stream(connection: Connection, plan: QueryPlan) -> Iterator[AnswerHead | bytes]:
    blocks = connection.stream(plan.statement.text, plan.output_format, plan.query_parameters)
    pieces = join_blocks(plan.output_format, blocks)
    with contextlib.closing(blocks):
        first = next(pieces, None)
        if first is None and has_head(plan.output_format):
            # A stream without rows says nothing at all, but this format names its columns even so.
            yield from _whole(connection, plan)
            return
        yield AnswerHead(_format_headers(plan.output_format))
        if first is not None:
            yield first
            yield from pieces


def _whole(connection: Connection, plan: QueryPlan) -> Iterator[AnswerHead | bytes]:
    result = connection.query(plan.statement.text, plan.output_format, plan.query_parameters)
    shown = bool(result.data) or plan.statement.keyword in _ROWS_SHOWN
    headers = _format_headers(plan.output_format) if shown else {}
    yield AnswerHead({**headers, "X-ClickHouse-Summary": _summary(result)})
    if result.data:
        yield result.data


def _format_headers(output_format: str) -> dict[str, str]:
    content_type = _CONTENT_TYPES.get(output_format, "text/plain; charset=UTF-8")
    return {"X-ClickHouse-Format": output_format, "Content-Type": content_type}


def _summary(result: Result) -> str:
    """X-ClickHouse-Summary: all numbers are texts in it."""
    numbers = {
        "read_rows": result.read_rows,
        "read_bytes": result.read_bytes,
        "written_rows": result.written_rows,
        "written_bytes": result.written_bytes,
        "total_rows_to_read": result.read_rows,
        "result_rows": result.result_rows or result.written_rows,
        "result_bytes": len(result.data),
        "elapsed_ns": int(result.elapsed_s * 1e9),
    }
    return json.dumps({name: str(number) for name, number in numbers.items()}, separators=(",", ":"))
