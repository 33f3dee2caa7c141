"""How commands print data: a table on a terminal, tab-separated lines into a pipe, or one JSON document.

Names and texts come from tasks, so nothing of them may move a terminal's cursor or be taken for markup.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_KIB = 1024
_SHOWN_MS_BELOW_S = 10.0

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def inert(text: str) -> str:
    r"""``text`` in one line, its control characters as ``\xNN`` or ``\uNNNN``."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def inert_lines(text: str) -> str:
    """As ``inert``, of several lines; tabs stay too."""
    return _CONTROL.sub(
        lambda found: found[0] if found[0] in "\n\t" else found[0].encode("unicode_escape").decode(), text
    )


def time_text(moment: datetime | None) -> str:
    """``2026-11-22 17:05:09 UTC``; ``-`` for None."""
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def bytes_text(count: int) -> str:
    """``1.5 MiB``, ``512 B``."""
    size = float(count)
    for unit in _UNITS:
        if size < _KIB or unit == _UNITS[-1]:
            break
        size /= _KIB
    return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"


def duration_text(ns: int | None) -> str:
    """``12 ms``, ``3.20 s``, ``2:05:09`` (hours, minutes, seconds); ``-`` for None."""
    if ns is None:
        return "-"
    seconds = ns / 1e9
    if seconds < 1:
        return f"{ns / 1e6:.3g} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < _SHOWN_MS_BELOW_S else f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def as_text(value: object) -> str:
    """A value as a cell: times in UTC, ``-`` for None, ``yes`` and ``no``, control characters made visible."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return time_text(value)
    return inert(str(value))


def print_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """One document; times are ISO 8601 in UTC."""
    click.echo(json.dumps(document, default=_json_value, ensure_ascii=False, indent=2))


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """A table on a terminal (in colour unless ``NO_COLOR`` is set), tab-separated lines elsewhere."""
    texts = [[as_text(value) for value in row] for row in rows]
    if not sys.stdout.isatty() or not _print_rich(columns, rows, texts, title):
        if title:
            click.echo(title)
        for line in (columns, *texts):
            click.echo("\t".join(line))


def _print_rich(
    columns: Sequence[str], rows: Sequence[Sequence[object]], texts: Sequence[Sequence[str]], title: str
) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:  # a worker's installation has the command without rich
        return False
    table = Table(title=title or None, title_justify="left", title_style="bold", header_style="bold cyan")
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
