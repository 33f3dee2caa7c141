"""docs/from-aa-taskmonitor.md names the test behind each line: those tests exist."""

from __future__ import annotations

import re

from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "from-aa-taskmonitor.md"


def rows() -> list[list[str]]:
    table = PAGE.read_text().partition("## Line by line")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_each_line_says_where_it_is_and_what_shows_it() -> None:
    found = rows()
    assert len(found) == 22
    for there, here, shown in found:
        assert there
        assert here
        assert re.search(r"`(test_\w+|tests/[\w/]+\.py)`", shown), there


def test_the_tests_it_names_exist() -> None:
    text = PAGE.read_text()
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    names = set(re.findall(r"`(test_\w+)`", text))
    assert len(names) > 20
    assert {name for name in names if f"def {name}(" not in sources} == set()
    files = set(re.findall(r"`(tests/[\w/]+\.py)`", text))
    assert {file for file in files if not (ROOT / file).is_file()} == set()
