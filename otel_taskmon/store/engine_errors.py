"""What the engine reports when a statement fails, with ClickHouse's error code kept as a number."""

from __future__ import annotations

import re
from typing import Final

from otel_taskmon.errors import TaskmonError

UNKNOWN_FORMAT: Final = 73
UNKNOWN: Final = 1002
"""ClickHouse's UNKNOWN_EXCEPTION: used where a failure carries no code."""

_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]{3,})\)")


class StoreInUse(TaskmonError):
    """Another process owns the data directory."""


class EngineError(TaskmonError):
    """A statement failed; ``code`` is ClickHouse's error code, ``message`` its text without "Code: N."."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}")
        self.code = code
        self.message = message

    @property
    def name(self) -> str:
        """The code's symbolic name as in the text, e.g. ``UNKNOWN_TABLE``; empty where there is none."""
        found = _NAME.findall(self.message)
        return found[-1] if found else ""


def engine_error(error: BaseException) -> EngineError:
    """The typed form of what chDB raised.

    chDB puts its own words before ("Streaming query failed: …") and sometimes wraps one exception text in another;
    the innermost text is kept.
    """
    if isinstance(error, EngineError):
        return error
    text = str(error).strip()
    found = list(_CODE.finditer(text))
    if not found:
        return EngineError(UNKNOWN, f"{text or type(error).__name__} (UNKNOWN_EXCEPTION)")
    last = found[-1]
    return EngineError(int(last[1]), text[last.end() :].strip())
