"""The store's own SQL: one statement per file in ``sql/``, with bound parameters."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The text of ``sql/<name>.sql``."""
    return (files("otel_taskmon.store") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
