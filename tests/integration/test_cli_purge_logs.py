"""``taskmon purge logs`` against a real store: every table agrees afterwards, also after a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGKILL

import pytest

from otel_taskmon.queries.audit import Actor
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.purging import LogSelection, purge_logs
from tests.support.made_tasks import MADE, RECORDS, Made
from tests.support.processes import free_port
from tests.support.store import Store, running_store, start_store
from tests.support.stored_tasks import EPOCH, Event, at, event, insert

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WORKER_EVENTS = [
    Event(
        "taskmon.worker.heartbeat",
        moment,
        {
            "taskmon.worker": "celery@a",
            "taskmon.worker.boot_id": "boot-a",
            "taskmon.worker.running_count": "0",
        },
    )
    for moment in (0.0, 72_000.0)
]


def received(made: Made) -> Event:
    told = event("received", made.task_id, at=made.first, received=made.first, first=made.first, app=made.app)
    return replace(told, attributes={**told.attributes, "celery.task_name": made.name})


STATISTICS = (
    "SELECT app, task_name, sum(runs) FROM otel.celery_task_stats_1h FINAL GROUP BY ALL HAVING sum(runs) > 0"
)
FROM_RUNS = "SELECT app, task_name, count() FROM otel.celery_task_runs FINAL GROUP BY ALL"
ID_OF = {
    "celery_tasks": "task_id",
    "celery_task_runs": "task_id",
    "celery_task_sends": "task_id",
    "celery_task_events": "task_id",
    "otel_traces": "SpanAttributes['messaging.message.id']",
    "otel_logs": "LogAttributes['messaging.message.id']",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with running_store(tmp_path) as running:
        fill(running)
        yield running


def fill(running: Store) -> None:
    client = running.client("admin")
    insert(client, [*RECORDS, *map(received, MADE), *WORKER_EVENTS])
    # spans of somebody else's instrumentation in the same table, one of them in the trace of a task
    columns = ["Timestamp", "TraceId", "SpanId", "SpanName", "SpanAttributes"]
    spans = [
        [int(EPOCH.timestamp() * 1e9), trace, f"{number:016x}", "GET /", {"http.route": "/"}]
        for number, trace in enumerate(("somebody-elses", f"trace-{MADE[0].task_id}"), start=1)
    ]
    client.insert("otel_traces", spans, column_names=columns, database="otel")
    client.command("SYSTEM REFRESH VIEW otel.celery_task_stats_1h_mv")
    client.command("SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv")


def taskmon(store: Store, *args: str, answer: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    own = {"TASKMON_DATA_DIR": str(store.data_dir), "TASKMON_CLICKHOUSE_URL": store.url}
    return subprocess.run(
        [sys.executable, "-m", "otel_taskmon", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        input=answer,
        env={**os.environ, **own, **variables},
    )


def ids(store: Store) -> dict[str, set[str]]:
    """Ids of tasks by table."""
    client = store.client()
    return {
        table: {row[0] for row in client.query(f"SELECT DISTINCT {column} FROM otel.{table}").result_rows}
        - {""}
        for table, column in ID_OF.items()
    }


def expected(left: list[Made]) -> dict[str, set[str]]:
    everybody = {made.task_id for made in left}
    return dict.fromkeys(ID_OF, everybody) | {
        "celery_task_runs": {made.task_id for made in left if made.state != "SENT"}
    }


def check_agreement(store: Store, left: list[Made]) -> None:
    assert ids(store) == expected(left)
    client = store.client()
    counted = Counter[tuple[str, str]]()
    for made in left:
        counted[made.app, made.name] += 0 if made.state == "SENT" else made.retries + 1
    from_plain_counting = {key: count for key, count in counted.items() if count}
    assert {(a, n): c for a, n, c in client.query(FROM_RUNS).result_rows} == from_plain_counting
    assert {(a, n): c for a, n, c in client.query(STATISTICS).result_rows} == from_plain_counting
    traces = client.query(
        "SELECT TraceId FROM otel.otel_traces_trace_id_ts GROUP BY 1 "
        "EXCEPT DISTINCT SELECT DISTINCT TraceId FROM otel.otel_traces"
    ).result_rows
    assert traces == [], "a trace without spans"
    others = client.command("SELECT count() FROM otel.otel_traces WHERE SpanName = 'GET /'")
    assert others == 2, "spans of others are not ours to delete"


def test_selections_leave_tables_that_agree_also_after_a_kill(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        fill(store)
        left = list(MADE)
        check_agreement(store, left)
        first, second = MADE[0], MADE[7]
        done = taskmon(
            store, "purge", "logs", "--task-id", first.task_id, "--task-id", second.task_id, "--yes"
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0].startswith("2 tasks (")
        assert "Deleted 2 tasks; rows: " in done.stdout
        left = [made for made in left if made not in (first, second)]
        check_agreement(store, left)

        done = taskmon(
            store, "purge", "logs", "--app-name", "(none)", "--task-name", "bare", "--yes", "--json"
        )
        found = json.loads(done.stdout)
        assert (found["deleted"], found["tasks"]) == (True, sum(made.app == "" for made in left))
        left = [made for made in left if made.app]
        check_agreement(store, left)

        cut = at(20_000).isoformat()
        assert taskmon(store, "purge", "logs", "--older-than", cut, "--yes").returncode == 0
        changed = "SELECT task_id, toUnixTimestamp(changed_at) FROM otel.celery_tasks FINAL"
        newest = {row[0]: int(row[1]) for row in store.client().query(changed).result_rows}
        left = [made for made in left if made.task_id in newest]
        assert left
        assert min(newest.values()) >= at(20_000).timestamp()
        later = {made.task_id for made in MADE if made.first >= 20_000 and made.app}
        assert {made.task_id for made in left} >= later - {first.task_id, second.task_id}
        check_agreement(store, left)
        beats = (
            store.client()
            .query("SELECT ts FROM otel.celery_task_events WHERE event = 'heartbeat'")
            .result_rows
        )
        assert [row[0].replace(tzinfo=UTC) for row in beats] == [at(72_000)]

        store.child.signal(SIGKILL)
        store.child.process.wait(10)
    (store.data_dir / "derived.json").unlink()  # nothing is known to be derived: everything is derived again
    again = start_store(store.data_dir, tmp_path / "again.log")
    try:
        check_agreement(again, left)
        assert taskmon(again, "purge", "logs", "--all", "--yes").returncode == 0
        check_agreement(again, [])
        client = again.client()
        assert client.command("SELECT count() FROM otel.celery_task_stats_1h") == 0
        assert client.command("SELECT count() FROM otel.celery_task_events") == 0
        audit = client.query("SELECT action, target, affected FROM otel.audit ORDER BY at").result_rows
        assert [row[0] for row in audit] == ["purge logs"] * 4
        assert audit[0][1:] == (f"task id {first.task_id}, task id {second.task_id}", 2)
        assert audit[-1][1] == "everything"
        assert client.command("SELECT count() FROM otel.purge_selection") == 0
    finally:
        again.child.stop()


def test_asks_and_takes_no_for_an_answer(store: Store) -> None:
    dry = taskmon(store, "purge", "logs", "--app-name", "shop", "--dry-run")
    count = sum(made.app == "shop" for made in MADE)
    assert (dry.returncode, dry.stdout.startswith(f"{count} tasks (")) == (0, True)
    for answer in ("n\n", "\n", ""):
        done = taskmon(store, "purge", "logs", "--app-name", "shop", answer=answer)
        assert done.returncode == 1
        assert "Delete them from every table? [y/N]" in done.stdout
    check_agreement(store, list(MADE))
    done = taskmon(store, "purge", "logs", "--app-name", "shop", answer="y\n")
    assert done.returncode == 0, done.stderr
    check_agreement(store, [made for made in MADE if made.app != "shop"])
    nothing = taskmon(store, "purge", "logs", "--app-name", "shop", "--yes")
    assert (nothing.returncode, nothing.stdout) == (0, "No task fits: app shop.\n")


def test_without_the_right_it_says_what_to_set(store: Store, tmp_path: Path) -> None:
    elsewhere = {"TASKMON_DATA_DIR": str(tmp_path / "elsewhere")}
    done = taskmon(store, "purge", "logs", "--all", "--yes", **elsewhere)
    assert done.returncode == 1
    assert "'default' may not write at" in done.stderr
    assert "TASKMON_CLICKHOUSE_PASSWORD_FILE" in done.stderr
    named = {
        "TASKMON_CLICKHOUSE_USER": "admin",
        "TASKMON_CLICKHOUSE_PASSWORD_FILE": str(store.data_dir / "admin.password"),
    }
    done = taskmon(store, "purge", "logs", "--task-id", MADE[0].task_id, "--yes", **elsewhere, **named)
    assert done.returncode == 0, done.stderr
    wrong = taskmon(store, "purge", "logs", "--all", "--yes", TASKMON_ADMIN_PASSWORD="wrong")
    assert (wrong.returncode, "Authentication failed" in wrong.stderr) == (1, True)
    away = taskmon(store, "purge", "logs", "--all", "--yes", "--url", f"http://127.0.0.1:{free_port()}")
    assert (away.returncode, "does not answer" in away.stderr) == (1, True)


def test_what_arrives_meanwhile_stays_in_every_table(store: Store) -> None:
    late = MADE[3]
    admin = store.client("admin")
    with connect(store.url, "admin", store.admin_password) as client:
        purge_logs(
            client,
            LogSelection(everything=True),
            Actor("test", "admin"),
            progress=_once(lambda: insert(admin, [r for r in RECORDS if late.task_id in str(r)])),
        )
        left = {table: found for table, found in ids(store).items() if table not in _EVENTS}
        assert all(found == {late.task_id} for found in left.values())
        assert _asked(client, "SELECT count() FROM otel.celery_task_runs") > 0


_EVENTS = ("celery_task_events", "otel_logs", *(() if MADE[3].state != "SENT" else ("celery_task_runs",)))


def _once(action: Callable[[], object]) -> Callable[[str], None]:
    waiting = [action]

    def told(_table: str) -> None:
        if waiting:
            waiting.pop()()

    return told


def _asked(client: Client, sql: str) -> int:
    count: int = client.ask(sql).only()[0]
    return count


def test_a_selection_needs_a_choice() -> None:
    with pytest.raises(ValueError, match="choose tasks"):
        LogSelection()
    with pytest.raises(ValueError, match="choose tasks"):
        LogSelection(everything=True, apps=("shop",))
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert str(LogSelection(apps=("",), task_ids=("a",), older_than=hour_ago)) == (
        f"app (none), task id a, older than {hour_ago:%Y-%m-%d %H:%M:%S} UTC"
    )
    assert str(LogSelection(task_ids=tuple("abcdefghijkl"))) == "12 task ids"
