"""From an answer's rows to the model's dataclasses, by column name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from otel_taskmon.queries.connection import Result


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Row = TypeVar("Row", bound=_Dataclass)


def one(kind: type[Row], values: Mapping[str, Any]) -> Row:
    """A ``kind`` from values by column name; a column without a field, or a field without a column, is a TypeError.

    The tables keep flags as 0 and 1; fields that are bool get a bool.
    """
    flags = {f.name for f in fields(kind) if f.type in (bool, "bool")} & values.keys()
    return kind(**{**values, **{flag: bool(values[flag]) for flag in flags}})


def many(kind: type[Row], result: Result) -> list[Row]:
    """Every row of ``result`` as a ``kind``."""
    return [one(kind, dict(zip(result.columns, row, strict=True))) for row in result.rows]
