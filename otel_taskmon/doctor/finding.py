"""What a check found: one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class Finding:
    """``subject`` in one or two words, ``text`` what was found, ``todo`` what to do about it ("" where all is well)."""

    subject: str
    level: Level
    text: str
    todo: str = ""


def ok(subject: str, text: str) -> Finding:
    return Finding(subject, "ok", text)


def warning(subject: str, text: str, todo: str) -> Finding:
    """Something that can be so on purpose, or will be wrong soon."""
    return Finding(subject, "warning", text, todo)


def wrong(subject: str, text: str, todo: str) -> Finding:
    """Tasks are lost, or cannot be seen."""
    return Finding(subject, "wrong", text, todo)
