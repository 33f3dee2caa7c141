"""The questions: ``sql/*.sql``, one each, with bound parameters.

A line ``--: name`` in a file stands for another file, ``sql/name.sql``, so that a filter is written once. Where a
question has a closed set of forms (its order, its source), the caller names the file for the slot. What fills a slot
is always one of these files; text from outside only ever travels as a bound parameter.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_SLOT = re.compile(r"^(?P<indent>[ \t]*)--: (?P<slot>[a-z_]+)[ \t]*$")
_FILE_NAME = re.compile(r"[a-z_]+")


@cache
def _file(name: str) -> str:
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a question")
    return (resources.files("otel_taskmon") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def _expand(name: str, slots: dict[str, str], indent: str) -> list[str]:
    lines = []
    for line in _file(name).splitlines():
        slot = _SLOT.match(line)
        if slot:
            target = slots.get(slot["slot"], slot["slot"])
            lines.extend(_expand(target, slots, indent + slot["indent"]))
        elif line.strip() and not line.lstrip().startswith("--"):
            lines.append(indent + line)
    return lines


@cache
def _statement(name: str, slots: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(_expand(name, dict(slots), ""))


def statement(name: str, **slots: str) -> str:
    """The text of ``sql/<name>.sql`` with its slots filled and comments left out.

    Raises FileNotFoundError for a question or slot that does not exist.
    """
    return _statement(name, tuple(sorted(slots.items())))
