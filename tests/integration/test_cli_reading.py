"""``taskmon inspect logs`` and ``workers``, ``export`` and ``sql`` against a real store."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.made_tasks import MADE, RECORDS
from tests.support.processes import Child, free_port
from tests.support.store import Store, running_store
from tests.support.stored_tasks import EPOCH, Event, at, insert
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NOW = (datetime.now(UTC) - EPOCH).total_seconds()


def heartbeat(worker: str, boot: str, moment: float, *, running: Sequence[str] = ()) -> Event:
    said = {
        "taskmon.worker": worker,
        "taskmon.worker.boot_id": boot,
        "taskmon.worker.running": ",".join(running),
        "taskmon.worker.running_count": str(len(running)),
        "taskmon.worker.held_count": "4",
        "taskmon.worker.pool_size": "8",
        "taskmon.worker.heartbeat_interval_ms": "10000",
        "taskmon.host": "machine",
    }
    return Event("taskmon.worker.heartbeat", moment, said)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        beats = [
            heartbeat("celery@one", "boot-1", 0),
            heartbeat("celery@one", "boot-2", NOW - 1, running=("a", "b")),
            heartbeat("celery@two", "boot-3", 60),
        ]
        insert(running.client("admin"), [*RECORDS, *beats])
        yield running


def taskmon(
    store: Store, *args: str, text: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "otel_taskmon", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        input=text,
        env={**os.environ, "TASKMON_CLICKHOUSE_URL": store.url, **variables},
    )


def asked(store: Store, *args: str, text: str | None = None) -> str:
    done = taskmon(store, *args, text=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_log_in_numbers(store: Store) -> None:
    found = json.loads(asked(store, "inspect", "logs", "--json"))
    assert found["tasks"] == len(MADE)
    assert found["executions"] == sum(0 if made.state == "SENT" else made.retries + 1 for made in MADE)
    assert found["states"] == dict(Counter(made.state for made in MADE))
    oldest = datetime.fromisoformat(found["oldest"])
    assert abs((oldest - at(min(made.first for made in MADE))).total_seconds()) < 0.001
    sizes = {table["table"]: table["bytes"] for table in found["tables"]}
    assert sizes["celery_tasks"] > 0
    assert found["bytes_per_task"] == pytest.approx(found["bytes"] / len(MADE))
    lines = dict(line.split("\t")[:2] for line in asked(store, "inspect", "logs").splitlines())
    assert lines["tasks"] == f"{len(MADE)}"
    assert lines["kept"] == "720 h"


def test_rows_of_the_log(store: Store) -> None:
    found = json.loads(
        asked(
            store, "inspect", "logs", "--state", "failure", "--app-name", "(none)", "--limit", "2", "--json"
        )
    )
    wanted = [made for made in MADE if made.state == "FAILURE" and not made.app]
    newest = sorted(wanted, key=lambda made: made.first, reverse=True)
    assert found["tasks"] == len(wanted)
    assert [row["task_id"] for row in found["rows"]] == [made.task_id for made in newest[:2]]
    one = MADE[5]
    row = json.loads(asked(store, "inspect", "logs", "--task-id", one.task_id, "--json"))["rows"][0]
    assert (row["task_name"], row["state"], row["duration_ns"]) == (one.name, one.state, one.runtime_ns)
    other = "shop" if one.app != "shop" else "other"
    none = taskmon(store, "inspect", "logs", "--task-id", one.task_id, "--app-name", other)
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no task fits\n")


def test_workers(store: Store) -> None:
    found = {worker["worker"]: worker for worker in json.loads(asked(store, "inspect", "workers", "--json"))}
    assert list(found) == ["celery@one", "celery@two"], "heard of last first"
    one = found["celery@one"]
    assert (one["boots"], one["boot_id"], one["running"], one["held"]) == (2, "boot-2", 2, 4)
    assert one["running_execution_ids"] == ["a", "b"]
    assert datetime.fromisoformat(one["first_seen"]) == at(0)
    recent = json.loads(asked(store, "inspect", "workers", "--since", "1h", "--json"))
    assert [worker["worker"] for worker in recent] == ["celery@one"]
    assert "celery@two\t" in asked(store, "inspect", "workers")


def test_export(store: Store, tmp_path: Path) -> None:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    since = at(500).isoformat()
    wanted = {made.task_id for made in MADE if made.first >= 500 and made.app == "shop"}
    files = {kind: tmp_path / f"tasks.{kind}" for kind in ("csv", "jsonl", "parquet")}
    for kind, file in files.items():
        done = taskmon(
            store, "export", "--format", kind, "--since", since, "--app-name", "shop", "-o", str(file)
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert done.stderr == f"{len(wanted)} tasks in {file}\n"
    with files["csv"].open(newline="") as lines:
        from_csv = list(csv.DictReader(lines))
    from_json = [json.loads(line) for line in files["jsonl"].read_text().splitlines()]
    from_parquet = pq.read_table(files["parquet"]).to_pylist()
    assert {row["task_id"] for row in from_csv} == wanted
    for one, two, three in zip(from_csv, from_json, from_parquet, strict=True):
        assert one["task_id"] == two["task_id"] == three["task_id"]
        assert one["args"] == two["args"] == three["args"]
        assert two["duration_ns"] == three["duration_ns"]
        assert datetime.fromisoformat(two["first_published_at"]) == three["first_published_at"]
        assert one["first_published_at"] == two["first_published_at"]
    assert sorted(tmp_path.iterdir()) == sorted(files.values()), "nothing half written lies about"


def test_export_of_executions_into_a_pipe(store: Store) -> None:
    out = asked(store, "export", "--format", "jsonl", "--per", "executions", "--state", "RETRY")
    rows = [json.loads(line) for line in out.splitlines()]
    assert Counter(row["task_id"] for row in rows) == {m.task_id: m.retries for m in MADE if m.retries}
    assert {row["exc_type"] for row in rows} == {"shop.Flaky"}


def test_export_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    done = taskmon(store, "export", "-o", str(tmp_path / "no" / "such" / "file.csv"))
    assert (done.returncode, "cannot write" in done.stderr) == (1, True)
    away = taskmon(store, "export", "-o", str(tmp_path / "x"), "--url", f"http://127.0.0.1:{free_port()}")
    assert (away.returncode, "does not answer" in away.stderr) == (1, True)
    for folder in ("", ".", "/", str(tmp_path)):
        done = taskmon(store, "export", "-o", folder)
        assert (done.returncode, done.stderr.startswith("Error: cannot write ")) == (1, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_asked_to_end_leaves_nothing_half_written(tmp_path: Path) -> None:
    file = tmp_path / "tasks.csv"
    program = (
        "import signal, sys; from pathlib import Path; from otel_taskmon.cli.export import _into_file\n"
        "def write(out): out.write(b'x'); out.flush(); signal.pause()\n"
        "_into_file(Path(sys.argv[1]), write)"
    )
    with Child([sys.executable, "-c", program, str(file)], tmp_path / "log") as child:
        part = file.with_name("tasks.csv.part")
        wait_until(lambda: part.exists() and part.stat().st_size > 0, "the file", context=child.output)
        child.signal(signal.SIGTERM)
        wait_until(lambda: not child.running(), "its end", context=child.output)
        assert child.process.returncode == 143
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_export_into_a_pipe_with_a_name_does_not_replace_it(store: Store, tmp_path: Path) -> None:
    named = tmp_path / "pipe"
    os.mkfifo(named)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(named.read_bytes)
        done = taskmon(store, "export", "--format", "jsonl", "-o", str(named))
        assert done.returncode == 0, done.stderr
        assert len(read.result().splitlines()) == len(MADE)
    assert named.is_fifo()


def test_bytes_that_are_no_text_are_wrong_usage(store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "otel_taskmon", "sql", b"SELECT '\xff'"],
        capture_output=True,
        env={**os.environ, "TASKMON_CLICKHOUSE_URL": store.url},
        check=False,
    )
    assert (done.returncode, b"is not UTF-8" in done.stderr) == (2, True), done.stderr


def test_sql(store: Store, tmp_path: Path) -> None:
    count = "SELECT count() AS tasks FROM otel.celery_tasks_latest"
    assert asked(store, "sql", count) == f"tasks\n{len(MADE)}\n"
    assert json.loads(asked(store, "sql", count, "--json"))["data"] == [{"tasks": len(MADE)}]
    assert asked(store, "sql", count + " FORMAT CSV") == f"{len(MADE)}\n"
    assert asked(
        store, "sql", "--format", "JSONEachRow", text="SELECT 1 AS a;\n-- more\nSELECT 2 AS a;\n"
    ) == ('{"a":1}\n{"a":2}\n')
    (tmp_path / "file.sql").write_text("SELECT\n  3 AS a\n")
    assert asked(store, "sql", "-f", str(tmp_path / "file.sql")) == "a\n3\n"


def test_sql_with_parameters(store: Store) -> None:
    nasty = "it's 5% of\t\\ {x}\nü"
    out = asked(
        store, "sql", "SELECT {text:String} AS text, {list:Array(String)} AS list, '%s' AS percent",
        "--param", f"text={nasty}", "--param", "list=['a', 'b\\'c']", "--format", "JSONEachRow",
    )  # fmt: skip
    assert json.loads(out) == {"text": nasty, "list": ["a", "b'c"], "percent": "%s"}
    unused = taskmon(store, "sql", "SELECT 1", "--param", "x=1")
    assert (unused.returncode, "no statement has {x:Type}" in unused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("statement", "said"),
    [("SELEC 1", "SYNTAX_ERROR"), ("DROP TABLE otel.audit", "readonly"), ("SELECT nope", "nope")],
)
def test_sql_that_fails(store: Store, statement: str, said: str) -> None:
    done = taskmon(store, "sql", statement)
    assert (done.returncode, said in done.stderr, done.stdout) == (1, True, "")
    empty = taskmon(store, "sql", text=" \n")
    assert (empty.returncode, "there is no statement" in empty.stderr) == (2, True)


def test_sql_at_a_prompt(store: Store, tmp_path: Path) -> None:
    """On a terminal of its own: several lines make a statement, a wrong one ends nothing, the history stays."""
    typed = "SELECT\n  'for' || 'ty-two' AS answer;\nSELEC;\nSELECT 'still ' || 'here';\nexit\n"
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "otel_taskmon", "sql"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={
            **os.environ,
            "TASKMON_CLICKHOUSE_URL": store.url,
            "XDG_STATE_HOME": str(tmp_path),
            "TERM": "dumb",
        },
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    try:
        for line in typed.splitlines():
            while not seen.rstrip(b" ").endswith((b"taskmon>", b"...")):
                seen += os.read(master, 4096)
            os.write(master, line.encode() + b"\n")
            seen += b"\n"
        while True:
            seen += os.read(master, 4096)
    except OSError:  # how Linux says that the other end is closed
        assert child.wait(30) == 0
    finally:
        os.close(master)
    shown = seen.decode()
    assert "forty-two" in shown
    assert "SYNTAX_ERROR" in shown
    assert "still here" in shown
    history = tmp_path / "taskmon" / "sql_history"
    assert "SELEC;" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600
