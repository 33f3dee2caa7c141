"""Reads Native blocks back by the parser of clickhouse-connect, so that tests of the encoders need no engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.query import QueryContext, QueryResult
from clickhouse_connect.driver.transform import NativeTransform


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.gen: Iterator[bytes] = iter([data])

    def close(self) -> None:
        self.gen = iter(())


def read_native(data: bytes) -> list[dict[str, Any]]:
    """The rows of one or several blocks by column name; a DateTime64 is its number of nanoseconds."""
    context = QueryContext(query_formats={"DateTime64": "int"})
    source = RespBuffCls(_Bytes(data))  # type: ignore[no-untyped-call]
    result = cast(QueryResult, NativeTransform().parse_response(source, context))
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_set]
