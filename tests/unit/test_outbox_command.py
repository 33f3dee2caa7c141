"""``taskmon outbox``: what it says of what lies there, and sending it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from otel_taskmon.cli import cli
from otel_taskmon.outbox import Outbox
from tests.support.outbox_records import Telemetry, numbered
from tests.support.outbox_sink import HttpSink, Reply
from tests.support.processes import free_port


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """An outbox where a process that is gone left three spans."""
    root = tmp_path / "outbox"
    code = (
        "import sys, os; from pathlib import Path\n"
        "from otel_taskmon.outbox import Outbox\nfrom tests.support.outbox_records import Telemetry, numbered\n"
        f"Telemetry(Outbox.for_process(directory=Path({str(root)!r}), boot='abc123')).spans(numbered('s', 3))\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    return root


def taskmon(*args: str) -> Result:
    return CliRunner().invoke(cli, ["outbox", *args])


def as_json(*args: str) -> Any:
    return json.loads(taskmon(*args, "--json").output)


def test_nothing_there(tmp_path: Path) -> None:
    nowhere = taskmon("--outbox-dir", str(tmp_path / "nowhere"))
    assert (nowhere.exit_code, "There is no outbox here" in nowhere.output) == (0, True)
    assert not (tmp_path / "nowhere").exists()
    assert as_json("--outbox-dir", str(tmp_path / "nowhere"))["folders"] == []
    assert "Nothing waits in" in taskmon("--outbox-dir", str(tmp_path)).output
    assert "No record was refused" in taskmon("--outbox-dir", str(tmp_path), "--rejected").output


def test_what_waits_is_listed_and_explained(left: Path) -> None:
    box = Outbox.for_process(directory=left, boot="def456")
    Telemetry(box).spans(numbered("t", 2))
    said = taskmon()
    assert said.exit_code == 0
    lines = [line.split("\t") for line in said.output.splitlines()]
    assert lines[0] == ["boot", "status", "files", "size", "records", "oldest", "path"]
    assert [line[:3] + line[4:5] for line in lines[1:3]] == [
        ["abc123", "left behind", "1", "3"],
        ["def456", "in use", "1", "2"],
    ] or [line[:3] + line[4:5] for line in lines[1:3]] == [
        ["def456", "in use", "1", "2"],
        ["abc123", "left behind", "1", "3"],
    ]
    assert "of 256.0 MiB (TASKMON_OUTBOX_MAX_BYTES) wait to be sent" in said.output
    assert "left behind: its process is gone" in said.output
    found = {folder["boot"]: folder for folder in as_json()["folders"]}
    assert found["abc123"]["records"] == 3
    assert found["abc123"]["alive"] is False
    assert found["abc123"]["oldest"].endswith("Z")
    assert found["abc123"]["bytes"] > 100
    assert found["def456"]["status"] == "in use"
    box.stop(0)


def test_sending_by_hand(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    down = taskmon("--ship", "--seconds", "1")
    assert down.exit_code == 1
    assert "still there: 3 records (traces: " in down.output
    with HttpSink() as sink:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        done = taskmon("--ship")
        assert (done.exit_code, done.output) == (0, "sent: 3 traces\n")
        assert sorted(sink.names()) == numbered("s", 3)
        assert as_json("--ship") == {
            "records": {"traces": 0, "logs": 0, "metrics": 0},
            "rejected": {"traces": 0, "logs": 0, "metrics": 0},
            "left": 0,
            "in_use": 0,
            "reason": "",
        }


def test_what_a_server_refuses_is_shown(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: Any) -> Reply:
        return Reply(400 if "s-1" in request.names else 200)

    with HttpSink(refuse) as sink:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        done = taskmon("--ship")
    assert (done.exit_code, done.output.splitlines()) == (
        0,
        ["sent: 2 traces", "refused by the server: 1 (taskmon outbox --rejected)"],
    )
    (file,) = as_json("--rejected")
    assert file["records"] == 1
    assert "A server called these bad" in taskmon("--rejected").output


def test_wrong_usage(tmp_path: Path) -> None:
    assert taskmon("--ship", "--rejected").exit_code == 2
    assert taskmon("--ship", "--seconds", "0").exit_code == 2
    assert taskmon("--outbox-dir", "").exit_code == 2


def test_it_needs_nothing_but_what_a_worker_has() -> None:
    code = (
        "import sys\nfor name in ('rich', 'clickhouse_connect', 'chdb', 'streamlit'):\n    sys.modules[name] = None\n"
        "from otel_taskmon.cli import cli\ncli.main(['outbox', '--json'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folders"] == []
