"""No SQL of ours compares a column that has fractions of a second with a value that has none.

The engine (26.9) drops the column's fractions when it decides which stretches of rows to read, and leaves out rows of
the second at the border (``tests/integration/test_schema_times.py`` shows it).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_taskmon.migrate import migrations

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_FRACTIONS = r"(?:now|today|yesterday|toDateTime|toStartOf\w+|toDate|toMonday)\("
PAGES = ("README.md", "docs/queries.md", "docs/tables.md")


def with_fractions() -> set[str]:
    """Columns that are DateTime64 in one of the tables."""
    return {
        found[1]
        for migration in migrations()
        for text in migration.statements
        if text.startswith("CREATE TABLE")
        for found in re.finditer(r"^\s+(\w+)\s+[\w(, ]*DateTime64\(", text, re.MULTILINE)
    }


def comparisons(text: str) -> list[str]:
    """Where such a column stands beside a value without fractions, on either side of a comparison."""
    columns = "|".join(sorted(with_fractions(), key=len, reverse=True))
    value = rf"{WITHOUT_FRACTIONS}[^\n]*"
    either = rf"\b(?:{columns})\s*(?:[<>]=?|\bBETWEEN\b)\s*{value}|{WITHOUT_FRACTIONS}\)[^\n]*?[<>]=?\s*(?:{columns})\b"
    return [found[0] for found in re.finditer(either, text)]


def sources() -> Iterator[tuple[str, str]]:
    """(where, SQL) of everything that is run or shown to be copied."""
    for path in sorted((ROOT / "otel_taskmon").rglob("*.sql")):
        yield str(path.relative_to(ROOT)), path.read_text()
    for path in sorted((ROOT / "grafana").rglob("*.json")):
        yield str(path.relative_to(ROOT)), "\n".join(_texts(json.loads(path.read_text())))
    for page in PAGES:
        yield page, (ROOT / page).read_text()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def test_the_columns_are_found_in_the_schema() -> None:
    assert {
        "first_published_at",
        "started_at",
        "eta",
        "heard_at",
        "ts",
        "Timestamp",
        "TimeUnix",
    } <= with_fractions()
    assert not {"hour", "IngestedAt", "Start"} & with_fractions()


@pytest.mark.parametrize(
    ("sql", "is_wrong"),
    [
        ("WHERE first_published_at > now() - INTERVAL 1 DAY", True),
        ("WHERE t.started_at<toDateTime({s:UInt32}, 'UTC')", True),
        ("WHERE now() - 5 < ts", True),
        ("WHERE ts BETWEEN toStartOfHour(now()) AND now()", True),
        ("WHERE first_published_at > now64() - INTERVAL 1 DAY", False),
        ("WHERE started_at >= toDateTime64({s:UInt32}, 6)", False),
        ("WHERE hour >= now() - toIntervalHour(3)", False),
    ],
)
def test_a_comparison_is_recognised(sql: str, is_wrong: bool) -> None:
    assert bool(comparisons(sql)) is is_wrong


@pytest.mark.parametrize(("where", "text"), list(sources()), ids=lambda each: each if len(each) < 80 else "")
def test_times_with_fractions_are_compared_with_times_with_fractions(where: str, text: str) -> None:
    assert comparisons(text) == [], where
