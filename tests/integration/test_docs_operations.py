"""``docs/operations.md``: its questions run, and its script moves a history to another store."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.made_tasks import MADE, RECORDS
from tests.support.processes import ROOT
from tests.support.store import Store, running_store
from tests.support.stored_tasks import Event, insert

pytestmark = [pytest.mark.integration, pytest.mark.slow]

HEARTBEAT = {"taskmon.worker": "celery@one", "taskmon.worker.boot_id": "boot-1"}
TEXT = (ROOT / "docs" / "operations.md").read_text()
AGREES = (
    "SELECT state, count(), sum(executions) FROM otel.celery_tasks_latest GROUP BY state ORDER BY state",
    "SELECT count(), sum(cityHash64(execution_id, state, args)) FROM otel.celery_task_runs FINAL",
    "SELECT count(), sum(publish_ns) FROM otel.celery_task_sends FINAL",
    "SELECT count() FROM otel.celery_task_events FINAL",
    "SELECT sum(runs), quantilesDDMerge(0.01, 0.5, 0.95)(duration_quantiles) FROM otel.celery_task_stats_1h FINAL",
    "SELECT name FROM otel.saved_views FINAL",
)


def blocks(language: str) -> list[str]:
    """The blocks of the page in this language, without the indentation of a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", TEXT, re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("filled")) as running:
        admin = running.client("admin")
        insert(admin, [*RECORDS, Event("taskmon.worker.heartbeat", 0, HEARTBEAT)])
        admin.command("INSERT INTO otel.saved_views (name) VALUES ('mine')")
        admin.command("SYSTEM REFRESH VIEW otel.celery_task_stats_1h_mv")
        admin.command("SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv")
        yield running


def answers(store: Store) -> list[object]:
    with store.client() as client:
        return [client.query(question).result_rows for question in AGREES]


def test_the_questions_of_the_page_run(filled: Store) -> None:
    assert len(blocks("sql")) == 2
    with filled.client() as client:
        silent, dropped = (client.query(question) for question in blocks("sql"))
    assert silent.column_names == ("seconds_since_the_last_event",)
    assert 0 <= silent.result_rows[0][0] < 3600
    assert dropped.result_rows == []


def test_the_question_of_the_page_for_former_users_of_aa_taskmonitor_runs(filled: Store) -> None:
    page = (ROOT / "docs" / "from-aa-taskmonitor.md").read_text()
    (question,) = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    with filled.client() as client:
        rows = client.query(question.replace("INTERVAL 1 DAY", "INTERVAL 100 YEAR")).result_rows
    assert rows
    assert all(runs > 0 and seconds > 0 for _, runs, seconds in rows)


def test_the_history_moves_and_moving_it_twice_changes_nothing(filled: Store, tmp_path: Path) -> None:
    (script,) = (text for text in blocks("sh") if "copy()" in text)
    with running_store(tmp_path) as other:
        password = other.data_dir / "admin.password"
        for there, here in (
            ("http://127.0.0.1:8123", filled.url),
            ("http://clickhouse.internal:8123", other.url),
            ("X-ClickHouse-User: taskmon_admin", "X-ClickHouse-User: admin"),
            ("/run/secrets/admin", str(password)),
        ):
            assert there in script
            script = script.replace(there, here)
        for _ in range(2):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=120
            )
            assert (done.returncode, done.stderr) == (0, "")
            assert answers(other) == answers(filled)
    states = answers(filled)[0]
    assert isinstance(states, list)
    assert sum(row[1] for row in states) == len(MADE)
