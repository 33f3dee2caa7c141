"""External data of a request: small tables that exist for one query (``multipart/form-data`` files)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otel_taskmon.store.engine_connection import Connection, escape
from otel_taskmon.store.http_errors import HttpError
from otel_taskmon.store.multipart_form import Field
from otel_taskmon.store.sql_tokens import tokens
from otel_taskmon.store.statements import statement

_EXPRESSION_FOLLOWS: Final = frozenset({"DEFAULT", "MATERIALIZED", "ALIAS", "EPHEMERAL", "TTL"})


@dataclass(frozen=True)
class ExternalTable:
    """``structure`` as in ``name_structure``: columns with their types."""

    name: str
    structure: str
    input_format: str
    data: bytes


def external_tables(fields: Sequence[Field], parameters: Mapping[str, str]) -> list[ExternalTable]:
    """The files of a form, described by ``<name>_structure`` or ``<name>_types`` and ``<name>_format``.

    Raises HttpError 400 for a file without either, EngineError 62 or HttpError 400 for a structure that is more than
    columns with their types.
    """
    return [
        ExternalTable(
            name=field.name,
            structure=_structure(field.name, parameters),
            input_format=parameters.get(f"{field.name}_format", "TabSeparated"),
            data=field.data,
        )
        for field in fields
        if field.filename is not None
    ]


def external_parameters(tables: Sequence[ExternalTable]) -> frozenset[str]:
    """The names of the parameters that describe these tables: they are no settings."""
    return frozenset(f"{table.name}_{what}" for table in tables for what in ("structure", "types", "format"))


def fill(connection: Connection, table: ExternalTable) -> None:
    """Make the table for this connection and put its rows in. Raises EngineError."""
    connection.query(
        statement("external_table"),
        "Null",
        {"name": escape(table.name), "structure": escape(table.structure)},
    )
    connection.insert(
        statement("external_rows"), table.input_format, table.data, {"name": escape(table.name)}
    )


def _structure(name: str, parameters: Mapping[str, str]) -> str:
    structure = parameters.get(f"{name}_structure")
    if not structure and (types := parameters.get(f"{name}_types")):
        structure = ", ".join(f"_{number} {kind}" for number, kind in enumerate(_split(types), 1))
    if not structure:
        raise HttpError(400, 36, f"Neither {name}_structure nor {name}_types was given. (BAD_ARGUMENTS)")
    _refuse_expressions(structure)
    return structure


def _refuse_expressions(structure: str) -> None:
    """The engine evaluates a DEFAULT to find its type, before any connection is read-only: file() among it."""
    depth, before = 0, ","
    for token in tokens(structure.encode()):
        if token.kind == "sign":
            depth += (token.text in "([") - (token.text in ")]")
        if depth == 0 and before != "," and token.upper in _EXPRESSION_FOLLOWS:
            raise HttpError(400, 36, f"External data has no {token.upper}. (BAD_ARGUMENTS)")
        before = token.text


def _split(types: str) -> list[str]:
    """Types at their commas, those inside of brackets apart."""
    parts, depth = [""], 0
    for sign in types:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]
