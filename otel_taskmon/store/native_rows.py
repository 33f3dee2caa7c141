"""Rows out of ClickHouse's Native format, by the parser that clients of the store use too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.query import QueryContext, QueryResult
from clickhouse_connect.driver.transform import NativeTransform


class _Bytes:
    """What the parser reads from: all of the data as one piece."""

    def __init__(self, data: bytes) -> None:
        self.gen: Iterator[bytes] = iter([data])

    def close(self) -> None:
        self.gen = iter(())


def native_rows(data: bytes) -> list[tuple[Any, ...]]:
    """All rows of a Native document (protocol revision 0); none for an empty one."""
    if not data:
        return []
    source = RespBuffCls(_Bytes(data))  # type: ignore[no-untyped-call]
    result = cast(QueryResult, NativeTransform().parse_response(source, QueryContext(tz_mode="aware")))
    return [tuple(row) for row in result.result_set]
