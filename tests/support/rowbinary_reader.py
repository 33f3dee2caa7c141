"""Reads RowBinary back, so that tests of the encoders need no engine. Types are ClickHouse's names."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

_FIXED = {
    "DateTime64(9)": "<q",
    "UInt64": "<Q",
    "UInt32": "<I",
    "Int32": "<i",
    "UInt8": "<B",
    "Float64": "<d",
}


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def fixed(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def length(self) -> int:
        shift = value = 0
        while True:
            byte = self.fixed("<B")
            value |= (byte & 127) << shift
            if byte < 128:
                return int(value)
            shift += 7

    def string(self) -> str:
        size = self.length()
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def value(self, kind: str) -> Any:
        if kind in _FIXED:
            return self.fixed(_FIXED[kind])
        if kind == "String":
            return self.string()
        if kind == "Map":
            return {self.string(): self.string() for _ in range(self.length())}
        assert kind.startswith("Array("), kind
        item: Callable[[], Any] = lambda: self.value(kind[6:-1])  # noqa: E731
        return [item() for _ in range(self.length())]


def read_rows(data: bytes, types: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of RowBinary ``data`` whose columns are ``types`` (name to type), in this order."""
    reader = _Reader(data)
    rows = []
    while reader.at < len(data):
        rows.append({name: reader.value(kind) for name, kind in types.items()})
    return rows
