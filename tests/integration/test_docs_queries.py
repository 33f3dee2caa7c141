"""The questions of ``docs/queries.md``: each runs as it stands there, and its answer is what plain counting gives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.made_tasks import MADE, RECORDS
from tests.support.processes import ROOT
from tests.support.store import Store, running_store
from tests.support.stored_tasks import EPOCH, Event, event, insert, run

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NOW = (datetime.now(UTC) - EPOCH).total_seconds()
BOOT: dict[str, Any] = {"taskmon.worker.boot_id": "boot-1"}
WORKFLOW = [
    run("root", "SUCCESS", name="flow.begin", started=1, ended=2, published=0, root_id="root"),
    run(
        *("step", "SUCCESS"), name="flow.step", started=4, ended=7, first=2, published=2, root_id="root",
        parent_id="root",
    ),
]  # fmt: skip
RUNNING = [
    event("started", "long", at=NOW - 90, received=NOW - 91, first=NOW - 92, **BOOT),
    Event(
        "taskmon.worker.heartbeat",
        NOW,
        {"taskmon.worker": "celery@one", "taskmon.worker.running": f"long-0-{NOW - 91}", **BOOT},
    ),
]
PARAMETERS = {"root_id": "root"}


def questions() -> dict[str, str]:
    """Heading -> the statement below it."""
    text = (ROOT / "docs" / "queries.md").read_text()
    found = re.findall(r"^## (.+?)\n(?:(?!^## ).)*?^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return dict(found)


QUESTIONS = questions()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        insert(running.client("admin"), [*RECORDS, *WORKFLOW, *RUNNING])
        yield running


def ask(store: Store, title: str) -> list[dict[str, Any]]:
    parameters = {name: value for name, value in PARAMETERS.items() if f"{{{name}:" in QUESTIONS[title]}
    with store.client() as client:
        return list(client.query(QUESTIONS[title], parameters=parameters).named_results())


def test_the_page_has_eight_questions_and_each_is_checked_here() -> None:
    assert set(QUESTIONS) == set(CHECKS)
    assert len(QUESTIONS) == 8


def failures(rows: list[dict[str, Any]]) -> None:
    wanted = Counter((made.name, made.exc_type) for made in MADE if made.state == "FAILURE")
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        found[row["task_name"], row["exc_type"]] += row["failed"]
        assert row["newest_message"].startswith("boom ")
    assert found == wanted


def runtimes(rows: list[dict[str, Any]]) -> None:
    longest = {row["task_name"]: row["longest_seconds"] for row in rows}
    for name in {made.name for made in MADE}:
        # A retry of these tasks takes a second, which is never the longest.
        assert longest[name] == max(m.runtime_ns for m in MADE if m.name == name and m.runtime_ns) / 1e9
    assert [row["total_seconds"] for row in rows] == sorted((r["total_seconds"] for r in rows), reverse=True)


def waits(rows: list[dict[str, Any]]) -> None:
    ran = sum(1 + made.retries for made in MADE if made.wait_ns is not None)
    assert sum(row["executions"] for row in rows if row["queue"]) == ran
    assert {row["queue"] for row in rows} == {"q1", "q2", ""}
    assert all(0 <= row["p50_seconds"] <= row["p95_seconds"] <= 3 for row in rows)


def running(rows: list[dict[str, Any]]) -> None:
    assert [(row["task_id"], row["worker"]) for row in rows] == [("long", "celery@one")]
    assert rows[0]["running_seconds"] >= 90


def arguments(rows: list[dict[str, Any]]) -> None:
    wanted = {made.task_id for made in MADE if '"customer-3"' in made.args and made.state != "SENT"}
    assert {row["task_id"] for row in rows} == wanted


def retries(rows: list[dict[str, Any]]) -> None:
    again = [made for made in MADE if made.retries]
    assert {row["task_name"]: row["recovered"] for row in rows} == Counter(made.name for made in again)
    assert sum(row["retries_asked_for"] for row in rows) == sum(made.retries for made in again)
    assert sum(row["gave_up"] for row in rows) == 0


def busy(rows: list[dict[str, Any]]) -> None:
    total = sum(row["busy_pool_processes"] for row in rows) * 3600
    ran = sum((made.runtime_ns or 0) / 1e9 + made.retries for made in MADE)
    assert total == pytest.approx(ran, abs=3600 * 0.0005 * len(rows))
    assert {row["worker"] for row in rows} == {made.worker for made in MADE if made.runtime_ns} | {""}


def workflow(rows: list[dict[str, Any]]) -> None:
    assert [(r["task_id"], r["parent_id"], r["waited_seconds"], r["ran_seconds"]) for r in rows] == [
        ("root", "", 1.0, 1.0),
        ("step", "root", 2.0, 3.0),
    ]
    assert [row["done_after_seconds"] for row in rows] == [2.0, 7.0]


CHECKS = {
    "What fails most, and where": failures,
    "Where the time goes": runtimes,
    "How long messages wait in each queue": waits,
    "What runs now, and since when": running,
    "Which tasks were called with this": arguments,
    "Do retries help": retries,
    "How busy each worker is": busy,
    "A workflow from its first task to its last": workflow,
}


@pytest.mark.parametrize("title", QUESTIONS)
def test_the_answer_is_right(store: Store, title: str) -> None:
    CHECKS[title](ask(store, title))
