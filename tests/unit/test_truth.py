"""The matrix's own checks: each kind of untruth is seen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.truth import documentation
from tests.truth.cell import OURS, STOCK
from tests.truth.checking import Score
from tests.truth.expected import Expected, Told, wrong_fields, wrong_in_stock
from tests.truth.report import Matrix, Result, as_markdown, as_text, details

EXPECTED = Expected(
    "row", "id-1", "truth.add", "LOST", reason="pool process ended: .*", exc_type="Gone", args=[1]
)
TOLD = Told(
    execution="e", task_id="id-1", task="truth.add", retries=0, args=[1], kwargs={}, root="id-0", parent="id-0",
    group=None, group_index=None, chord=None, redelivered=False, eager=False, worker="w@h", pid=7, started_ns=1,
)  # fmt: skip
ROW: dict[str, Any] = {
    "task_name": "truth.add", "state": "LOST", "retries": 0, "exc_type": "Gone", "is_error": 1, "redelivered": 0,
    "is_eager": 0, "queue": "q", "root_id": "id-0", "parent_id": "id-0", "group_id": "", "group_index": None,
    "chord_id": "", "worker": "w@h", "args": "[1]", "kwargs": "{}", "result": "", "payload_notes": "",
    "reason": "pool process ended: signal 9 (SIGKILL)",
}  # fmt: skip


def wrong(expected: Expected = EXPECTED, told: Told | None = TOLD, **changed: Any) -> list[str]:
    return wrong_fields(expected, told, {**ROW, **changed}, "q", "w@h")


def test_a_true_record_has_no_wrong_field() -> None:
    assert wrong() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"task_name": "truth.other"}, {"state": "SUCCESS"}, {"retries": 1}, {"exc_type": "Other"}, {"is_error": 0},
        {"redelivered": 1}, {"is_eager": 1}, {"queue": "other"}, {"root_id": "id-1"}, {"parent_id": ""},
        {"group_id": "g"}, {"group_index": 0}, {"chord_id": "c"}, {"worker": "publisher@h"}, {"args": "[2]"},
        {"args": "cut off"}, {"kwargs": "{\"a\":1}"}, {"reason": ""}, {"reason": "worker shut down"},
    ],
)  # fmt: skip
def test_each_untruth_is_one_wrong_field(changed: dict[str, Any]) -> None:
    (said,) = wrong(**changed)
    assert said.startswith(next(iter(changed)))


def test_what_was_published_goes_before_what_the_task_saw() -> None:
    """Celery itself says that a retried task is its own parent."""
    own_parent = replace(TOLD, parent="id-1")
    assert wrong(told=own_parent) == ["parent_id: 'id-0', not ''"]
    assert wrong(replace(EXPECTED, parent="id-0"), own_parent) == []


def test_the_stock_instrumentation_is_asked_less() -> None:
    span = {
        name: ROW[name]
        for name in ("task_name", "state", "retries", "is_error", "worker", "queue", "exc_type")
    }
    assert wrong_in_stock(EXPECTED, TOLD, span, "q", "w@h") == []
    assert wrong_in_stock(EXPECTED, TOLD, {**span, "worker": "gen7@h"}, "q", "w@h") == [
        "worker: 'gen7@h', not 'w@h'"
    ]


@pytest.mark.parametrize(
    ("score", "full", "text"),
    [
        (Score(50, 50), True, "50/50"),
        (Score(50, 49), False, "49/50"),
        (Score(50, 50, wrong=2), False, "50/50 2w"),
        (Score(50, 50, extra=1), False, "50/50 +1"),
        (Score(50, 50, next_process=True), True, "50/50*"),
        (Score(), False, "0/0"),
    ],
)
def test_scores(score: Score, full: bool, text: str) -> None:
    assert (score.full, score.text) == (full, text)


def matrix() -> Matrix:
    results = [
        Result(OURS, "prefork", {"idle": Score(2, 2), "hard time limit": Score(1, 1)}),
        Result(STOCK, "prefork", {"idle": Score(2, 1, details=["gone"])}),
        Result(OURS, "gevent", {"hard time limit": Score(1, 0)}),
    ]
    return Matrix("Ends", results, ["prefork", "gevent"])


def test_only_what_may_be_short_is_forgiven() -> None:
    found = matrix()
    assert found.short() == []
    assert found.cell("idle", "gevent", OURS) == "–"
    assert found.cell("idle", "prefork", STOCK) == "1/2"
    worse = [*found.results, Result(OURS, "solo", {"idle": Score(3, 2, details=["what is missing"])})]
    short = Matrix("Ends", worse, ["prefork", "gevent", "solo"])
    assert details(short) == ["idle, solo: 2/3", "    what is missing"]
    broken = Matrix("Ends", [Result(OURS, "solo", {"idle": Score()}, "TimeoutError: x")], ["solo"])
    assert (broken.cell("idle", "solo", OURS), details(broken)) == ("broken", ["idle, solo: TimeoutError: x"])


def test_tables_have_a_line_for_each_row() -> None:
    assert as_markdown(matrix()).splitlines() == [
        "| Ends | prefork, ours | prefork, stock | gevent, ours | gevent, stock |",
        "| --- | --: | --: | --: | --: |",
        "| idle | 2/2 | 1/2 | – | – |",
        "| hard time limit | 1/1 | – | 0/1 | – |",
    ]
    assert len({line.find("prefork, ours") + 13 for line in as_text(matrix()).splitlines()[2:3]}) == 1


def test_a_run_replaces_its_section_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\ntext\n\n## Other\n\nstays\n")
    monkeypatch.setattr(documentation, "PAGE", page)
    documentation.write("make truth", [matrix()])
    once = page.read_text()
    assert once.startswith(
        "# Benchmarks\n\ntext\n\n## Other\n\nstays\n\n## Recorded / executed: `make truth`"
    )
    page.write_text(f"{once}\n## Last\n\nstays too\n")
    documentation.write("make truth", [matrix()])
    twice = page.read_text()
    assert twice == f"{once}\n## Last\n\nstays too\n"
    counts: dict[str, int] = defaultdict(int)
    for line in twice.splitlines():
        counts[line] += line.startswith("## ")
    assert set(counts.values()) <= {0, 1}
