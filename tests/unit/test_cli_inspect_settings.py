"""``taskmon inspect settings``: values, sources, and no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_taskmon.cli import cli
from otel_taskmon.settings import variables


def shown(*args: str) -> dict[str, dict[str, object]]:
    result = CliRunner().invoke(cli, ["inspect", "settings", "--json", *args])
    assert result.exit_code == 0, result.output
    return {each["setting"]: each for each in json.loads(result.output)}


def test_every_setting_is_there_with_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2-in-a-file")
    monkeypatch.setenv("TASKMON_CLICKHOUSE_PASSWORD_FILE", str(secret))
    monkeypatch.setenv("TASKMON_ADMIN_PASSWORD", "hunter2-in-the-environment")
    monkeypatch.setenv("TASKMON_DATA_MAX_AGE", "off")
    found = shown()
    assert set(found) == {name for name in variables() if not name.endswith("_FILE")}
    assert found["TASKMON_DATA_MAX_AGE"] == {
        "setting": "TASKMON_DATA_MAX_AGE", "value": "off", "source": "environment", "of": "RetentionSettings",
    }  # fmt: skip
    assert (found["TASKMON_REDACT"]["value"], found["TASKMON_REDACT"]["source"]) == (True, "default")
    for name, source in (("TASKMON_CLICKHOUSE_PASSWORD", "file"), ("TASKMON_ADMIN_PASSWORD", "environment")):
        assert (found[name]["value"], found[name]["source"]) == ("***", source)
    text = CliRunner().invoke(cli, ["inspect", "settings"]).output
    assert "TASKMON_DATA_MAX_AGE\toff\tenvironment" in text
    assert "hunter2" not in text + json.dumps(found)


def test_what_the_code_sets_is_known_with_its_module(tmp_path: Path) -> None:
    (tmp_path / "shop_app.py").write_text(
        "import celery, otel_taskmon\n"
        "app = celery.Celery('shop', broker='memory://')\n"
        "otel_taskmon.instrument(app, redact=False, payload_max_items=7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "otel_taskmon", "inspect", "settings", "--json", "--app", "shop_app:app"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
        env={**os.environ, "TASKMON_PAYLOAD_MAX_DEPTH": "3", "TASKMON_OUTBOX_DIR": str(tmp_path / "outbox")},
    )
    found = {each["setting"]: (each["value"], each["source"]) for each in json.loads(done.stdout)}
    assert found["TASKMON_REDACT"] == (False, "code")
    assert found["TASKMON_PAYLOAD_MAX_ITEMS"] == (7, "code")
    assert found["TASKMON_PAYLOAD_MAX_DEPTH"] == (3, "environment")
    assert found["TASKMON_EVENTS"] == (True, "default")


def test_a_module_that_is_not_there_is_an_error() -> None:
    result = CliRunner().invoke(cli, ["inspect", "settings", "--app", "no_such_module"])
    assert (result.exit_code, "cannot import no_such_module" in result.output) == (1, True)


def test_a_wrong_value_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKMON_REDACT", "perhaps")
    result = CliRunner().invoke(cli, ["inspect", "settings"])
    assert (result.exit_code, "TASKMON_REDACT='perhaps' is not valid" in result.output) == (2, True)
