"""The questions: the ``.sql`` files below ``sql/``, one each, with bound parameters.

A folder says what its questions are about; their names are unique across folders, so that a caller and a slot need
only the name. A line ``--: name`` in a file stands for another file, so that a filter is written once. Where a
question has a closed set of forms (its order, its source), the caller names the file for the slot. What fills a slot
is always one of these files; text from outside only ever travels as a bound parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

_SLOT = re.compile(r"^(?P<indent>[ \t]*)--: (?P<slot>[a-z_]+)[ \t]*$")
_SUFFIX = ".sql"


def _files_below(folder: Traversable) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files_below(entry)
        elif entry.name.endswith(_SUFFIX):
            yield entry.name.removesuffix(_SUFFIX), entry


@cache
def _files() -> dict[str, Traversable]:
    return dict(_files_below(resources.files("otel_taskmon") / "sql"))


@cache
def _file(name: str) -> str:
    try:
        return _files()[name].read_text(encoding="utf-8")
    except KeyError:
        raise LookupError(f"{name!r} is no name of a question") from None


def _expand(name: str, slots: dict[str, str], indent: str) -> list[str]:
    lines = []
    for line in _file(name).splitlines():
        slot = _SLOT.match(line)
        if slot:
            target = slots.get(slot["slot"], slot["slot"])
            lines.extend(_expand(target, slots, indent + slot["indent"]))
        elif line.lstrip().startswith("--:"):
            raise LookupError(f"{name}.sql: {line.strip()!r} names no question (small letters and _)")
        elif line.strip() and not line.lstrip().startswith("--"):
            lines.append(indent + line)
    return lines


@cache
def _statement(name: str, slots: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(_expand(name, dict(slots), ""))


def statement(name: str, **slots: str) -> str:
    """The text of the question ``name`` with its slots filled and comments left out.

    Raises LookupError for a question or slot that does not exist.
    """
    return _statement(name, tuple(sorted(slots.items())))
