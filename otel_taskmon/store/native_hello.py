"""The greeting of clickhouse-go over HTTP.

It asks ``SELECT displayName(), version(), revision(), timezone()`` and reads that answer, and only that one, at the
protocol revision it named in ``client_protocol_version``; all later ones at the revision that the answer reports.
chDB writes Native at revision 0 only. So this one block is made by hand and reports revision 0.
"""

from __future__ import annotations

from typing import Final

from otel_taskmon.store.sql_statement import Statement

DISPLAY_NAME: Final = "taskmon"
_ASKED: Final = frozenset({"displayname", "version", "revision", "timezone"})
# BlockInfo: field 1 is_overflows = 0, field 2 bucket_num = -1, end of fields (clickhouse-go: proto/block.go)
_BLOCK_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_DEFAULT_SERIALIZATION: Final = b"\x00"


def is_hello(statement: Statement, client_protocol_version: str) -> bool:
    """Whether this is the greeting of a client that speaks a protocol revision."""
    return (
        client_protocol_version not in ("", "0")
        and statement.keyword == "SELECT"
        and {token.text.lower() for token in statement.tokens if token.kind == "word"} >= _ASKED
    )


def hello_block(version: str, timezone: str) -> bytes:
    """The answer: one row in Native with block info and serialization flags."""
    columns = (
        ("displayName()", "String", _text(DISPLAY_NAME)),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", bytes(4)),
        ("timezone()", "String", _text(timezone)),
    )
    head = _BLOCK_INFO + bytes((len(columns), 1))
    return head + b"".join(
        _text(name) + _text(kind) + _DEFAULT_SERIALIZATION + value for name, kind, value in columns
    )


def _text(text: str) -> bytes:
    data = text.encode()
    return bytes((len(data),)) + data  # the length is LEB128, one byte up to 127; all of these are short
