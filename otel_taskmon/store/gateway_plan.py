"""From a request to what will run: who, which statement, with which settings, rows and output."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final
from urllib.parse import parse_qsl

from otel_taskmon.store.access import Policy, Role, ingest_settings, reader_settings
from otel_taskmon.store.engine_errors import UNKNOWN_FORMAT, EngineError
from otel_taskmon.store.external_data import ExternalTable, external_parameters, external_tables
from otel_taskmon.store.http_compression import decode_body
from otel_taskmon.store.http_errors import HttpError
from otel_taskmon.store.http_request import Body, Head, join_bounded, query_parameters_of, settings_of
from otel_taskmon.store.multipart_form import parse_multipart
from otel_taskmon.store.native_blocks import decompress_blocks
from otel_taskmon.store.sql_statement import Statement, parse
from otel_taskmon.store.statement_run import QueryPlan, SessionWish

# Output "formats" of the Python binding, which would make objects of ours instead of bytes.
_NO_FORMATS: Final = frozenset({"dataframe", "datastore", "arrowtable"})


async def plan_query(head: Head, body: Body, role: Role, policy: Policy, max_body_bytes: int) -> QueryPlan:
    """Raises EngineError for all that makes the request wrong or forbidden, ClientGone."""
    parameters = dict(head.parameters)
    external: tuple[ExternalTable, ...] = ()
    rows: Iterator[bytes] = iter(())
    content_type = head.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        fields = parse_multipart(content_type, await _whole_body(head, body, max_body_bytes))
        parameters |= {field.name: _text(field.data) for field in fields if field.filename is None}
        external = tuple(external_tables(fields, parameters))
        statement = parse(parameters.get("query", "").encode())
    elif (in_url := _insert_in_url(parameters)) is not None:
        statement = in_url
        rows = _content(head, body.in_thread(asyncio.get_running_loop()))
    else:
        sent = await _whole_body(head, body, max_body_bytes) if head.method == "POST" else b""
        if content_type.startswith("application/x-www-form-urlencoded") and sent.startswith(b"query="):
            parameters |= dict(parse_qsl(_text(sent), keep_blank_values=True))
            sent = b""
        statement = parse(b"\n".join(part for part in (parameters.get("query", "").encode(), sent) if part))
    readonly = policy.check(role, statement, get=head.method != "POST")
    settings = settings_of({k: v for k, v in parameters.items() if k not in external_parameters(external)})
    return QueryPlan(
        role=role,
        readonly=readonly,
        statement=statement,
        settings=_allowed(role, settings),
        query_parameters=query_parameters_of(parameters),
        output_format=_output_format(head, parameters, statement),
        comment=uuid.uuid4().hex,
        database=parameters.get("database") or head.headers.get("x-clickhouse-database", ""),
        rows=chain((statement.data,) if statement.data else (), rows),
        external=external,
        session=_session(parameters),
        wait_for_end=parameters.get("wait_end_of_query", "0") in ("1", "true"),
        client_protocol_version=parameters.get("client_protocol_version", "0"),
    )


def _insert_in_url(parameters: Mapping[str, str]) -> Statement | None:
    """The statement in the URL if it is an INSERT whose rows are the body: those are never all in memory."""
    sql = parameters.get("query", "")
    if not sql:
        return None
    statement = parse(sql.encode())
    return statement if statement.kind == "insert" else None


async def _whole_body(head: Head, body: Body, limit: int) -> bytes:
    sent = await body.read(limit)
    if not sent or (not head.headers.get("content-encoding") and not head.flag("decompress")):
        return sent
    return await asyncio.to_thread(join_bounded, _content(head, iter((sent,))), limit)


def _content(head: Head, pieces: Iterator[bytes]) -> Iterator[bytes]:
    decoded = decode_body(head.headers.get("content-encoding", "").strip().lower(), pieces)
    return decompress_blocks(decoded) if head.flag("decompress") else decoded


def _allowed(role: Role, settings: Mapping[str, str]) -> Mapping[str, str]:
    if role is Role.ADMIN:
        return settings
    return reader_settings(settings) if role is Role.READER else ingest_settings(settings)


def _output_format(head: Head, parameters: Mapping[str, str], statement: Statement) -> str:
    named = statement.format if statement.kind != "insert" else None
    output_format = named or parameters.get("default_format") or head.headers.get("x-clickhouse-format")
    if output_format and output_format.lower() in _NO_FORMATS:
        raise EngineError(UNKNOWN_FORMAT, f"Unknown format {output_format}. (UNKNOWN_FORMAT)")
    return output_format or "TabSeparated"


def _session(parameters: Mapping[str, str]) -> SessionWish | None:
    name = parameters.get("session_id")
    if not name:
        return None
    return SessionWish(
        name=name,
        timeout=parameters.get("session_timeout"),
        must_exist=parameters.get("session_check", "0") == "1",
        close=parameters.get("close_session", "0") == "1",
    )


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise HttpError(400, 36, f"A field of the form is not UTF-8: {error}. (BAD_ARGUMENTS)") from error
