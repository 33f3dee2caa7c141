"""The tables of ``docs/semantic-conventions.md``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "semantic-conventions.md"
_PYTHON_TYPES = {str: "string", bool: "boolean", int: "int", list: "string[]", tuple: "string[]"}


@dataclass(frozen=True)
class Row:
    """What the page says of an attribute."""

    type: str
    example: str
    source: str


def documented() -> dict[str, Row]:
    """Attribute key -> its row; a row may name several keys."""
    found: dict[str, Row] = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 5 and cells[1] in set(_PYTHON_TYPES.values()):
            for key in re.findall(r"`([^`]+)`", cells[0]):
                assert key not in found, f"{key} is there twice"
                found[key] = Row(cells[1], cells[2], cells[3])
    return found


def type_of(value: object) -> str:
    """The page's word for the type of a value that came over the wire."""
    return _PYTHON_TYPES[type(value)]
