"""The files of ``collector-config``: each is valid, and what is missing is said at start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.collector import (
    BASE,
    BUILD_TIMEOUT,
    CONFIG,
    NO_GO,
    collector_program,
    new_collector,
    validate,
)
from tests.support.processes import free_port

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(BUILD_TIMEOUT + 180)]

SECRETS = {"TASKMON_OTLP_TOKEN": "t", "CLICKHOUSE_PASSWORD": "p"}
CLUSTER = {"CLICKHOUSE_ENDPOINT": "clickhouse://ch1:9440,ch2:9440?secure=true"}


@pytest.mark.parametrize(
    ("configs", "environment"),
    [
        ((BASE,), {}),
        ((BASE, "jaeger.yaml"), {}),
        ((BASE, "cluster.yaml"), CLUSTER),
        ((BASE, "cluster.yaml", "jaeger.yaml"), CLUSTER),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_every_file_is_valid_with_nothing_set_but_the_secrets(
    configs: tuple[str, ...], environment: dict[str, str]
) -> None:
    done = validate(*configs, env=SECRETS | environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_yaml_of_the_folder_is_validated_above() -> None:
    found = {path.name for path in CONFIG.glob("*.yaml")}
    assert found == {BASE, "jaeger.yaml", "cluster.yaml", "builder.yaml"}


@pytest.mark.parametrize(
    ("configs", "environment", "said"),
    [
        ((BASE,), {"CLICKHOUSE_PASSWORD": "p"}, "no bearer token provided"),
        ((BASE, "cluster.yaml"), SECRETS, "endpoint must be specified"),
        ((BASE,), SECRETS | {"TASKMON_COLLECTOR_FLUSH": "soon"}, "flush_timeout"),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    configs: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    done = validate(*configs, env=environment)
    assert done.returncode == 1
    assert said in done.stderr


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file\n")
    collector = new_collector(
        tmp_path / "collector",
        f"http://127.0.0.1:{free_port()}",
        f"${{file:{tmp_path / 'token'}}}",
        env={"TASKMON_OTLP_TOKEN": f"${{file:{tmp_path / 'token'}}}"},
    )
    collector.start()
    try:
        assert collector.send("/v1/traces", b"", token="from-the-file").status == 200
        assert collector.send("/v1/traces", b"", token="another").status == 401
    finally:
        collector.stop()


def test_the_build_is_kept_and_says_when_there_is_no_go(tmp_path: Path) -> None:
    program = collector_program()
    script = [sys.executable, str(CONFIG / "build.py")]
    again = subprocess.run(script, capture_output=True, text=True, env={"PATH": ""}, timeout=60)
    assert (again.returncode, again.stdout.strip(), again.stderr) == (0, str(program), "")
    copy = tmp_path / "collector-config"
    copy.mkdir()
    for name in ("build.py", "builder.yaml"):
        (copy / name).write_bytes((CONFIG / name).read_bytes())
    none = subprocess.run(
        [sys.executable, str(copy / "build.py"), "--go", str(tmp_path / "no-go")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert none.returncode == NO_GO
    assert "no Go found" in none.stderr
