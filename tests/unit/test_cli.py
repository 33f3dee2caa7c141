"""The ``taskmon`` command: help, exit codes, missing extras, and what it imports."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from otel_taskmon._setting_fields import spec_of
from otel_taskmon.cli import cli
from otel_taskmon.cli.actor import actor
from otel_taskmon.cli.options import BOTH_FLAGS, STORE_FLAGS, VIEWER_FLAGS
from otel_taskmon.cli.page import page
from otel_taskmon.settings import ALL

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = list(cli.list_commands(click.Context(cli)))


def paths(group: click.Group, *above: str) -> Iterator[tuple[str, ...]]:
    """Every command, those of groups included, as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from paths(command, *above, name)


PATHS = list(paths(cli))
HEAVY = (
    "celery",
    "chdb",
    "clickhouse_connect",
    "opentelemetry",
    "pandas",
    "redis",
    "rich",
    "streamlit",
    "uvicorn",
)


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in result.output


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_of_a_command_has_an_example(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"], terminal_width=200)
    assert result.exit_code == 0
    assert re.search(rf"Examples?:\n +(TASKMON_\w+=\w+ )?taskmon {' '.join(path)}", result.output)


@pytest.mark.parametrize("name", ["serve", "viewer", "up", "migrate", "demo"])
def test_flags_that_are_settings_name_their_variable(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"], terminal_width=200)
    for line in result.output.splitlines():
        if line.lstrip().startswith("--") and " --help" not in line:
            assert "env: TASKMON_" in line or line.split()[0] in {"--once", "--dry-run", "--cluster"}, line


def test_every_command_that_prints_data_can_print_json() -> None:
    without = {
        path
        for path in PATHS
        if "--json" not in CliRunner().invoke(cli, [*path, "--help"], terminal_width=200).output
    }
    # they start something, change the schema, or write a file of a format of their own
    assert (
        without & {("inspect", "logs"), ("inspect", "queue"), ("inspect", "workers"), ("inspect", "settings")}
        == set()
    )
    printing = {("inspect", what) for what in ("logs", "queue", "workers", "settings")}
    assert without & (printing | {("purge", "logs"), ("purge", "queue"), ("sql",)}) == set()


def test_the_page_of_commands_is_what_they_say_themselves() -> None:
    made = page()
    assert (ROOT / "docs" / "cli.md").read_text() == made, "python -m otel_taskmon.cli.page > docs/cli.md"
    for path in PATHS:
        assert f"\n## taskmon {' '.join(path)}\n" in made


def test_no_flag_takes_a_secret() -> None:
    secrets = {f.name for owner in ALL for f in dataclasses.fields(owner) if spec_of(f).secret}  # type: ignore[arg-type]
    assert secrets
    assert not secrets & {*STORE_FLAGS.values(), *VIEWER_FLAGS.values(), *BOTH_FLAGS.values()}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom otel_taskmon.cli import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_runs_as_a_module_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "otel_taskmon", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith("taskmon ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["serve", "--nonsense"], "No such option"),
        (["serve", "--http-port", "99999"], "--http-port='99999' is not valid: allowed is a whole number"),
        (["viewer", "--port", "http"], "--port='http' is not valid"),
        (["up", "--port", "-1"], "--port='-1' is not valid"),
        (["demo", "--otlp-http-port", "0x1"], "--otlp-http-port='0x1' is not valid"),
        (["inspect", "nonsense"], "No such command 'nonsense'"),
        (["inspect", "logs", "--since", "yesterday"], "'yesterday' is not valid: allowed is an age like 90s"),
        (["inspect", "logs", "--limit", "0"], "0 is not in the range 1<=x<=10000"),
        (["inspect", "logs", "--url", "ftp://x"], "--url='ftp://x' is not valid"),
        (["purge", "logs"], "choose with --older-than"),
        (["purge", "logs", "--all", "--app-name", "shop"], "or --all by itself"),
        (["purge", "logs", "--all", "--json"], "--json needs --yes or --dry-run"),
        (["export", "--format", "xls"], "'xls' is not one of 'csv', 'jsonl', 'parquet'"),
        (["export", "--since", "1h", "--until", "2h"], "--since must be before --until"),
        (["sql", "SELECT 1", "--json", "--format", "CSV"], "give --json or --format, not both"),
        (["sql", "SELECT 1", "--file", __file__], "give a statement or --file, not both"),
        (["sql", "SELECT 1", "--param", "x"], "'x' is not valid: allowed is name=value"),
    ],
)
def test_wrong_usage_is_exit_code_2(args: list[str], said: str) -> None:
    result = CliRunner().invoke(cli, args)
    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_a_wrong_variable_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKMON_HTTP_PORT", "many")
    result = CliRunner().invoke(cli, ["serve"])
    assert result.exit_code == 2
    assert "TASKMON_HTTP_PORT='many' is not valid" in result.output


def test_an_error_of_ours_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])
        args = [sys.executable, "-m", "otel_taskmon", "demo", "--once", "--http-port", taken]
        done = subprocess.run(args, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: port {taken} on 127.0.0.1 is taken: end the program that listens there, "
        "or give another one with --http-port or TASKMON_HTTP_PORT\n"
    )


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("serve", "chdb", "store"),
        ("viewer", "streamlit", "viewer"),
        ("up", "streamlit", "store,viewer"),
        ("migrate", "clickhouse_connect", "cli"),
        ("demo", "redis", "demo"),
        ("export", "clickhouse_connect", "cli"),
        ("sql", "clickhouse_connect", "cli"),
    ],
)
def test_a_missing_extra_is_named(
    name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # what find_spec takes for "not there"
    result = CliRunner().invoke(cli, [name])
    assert result.exit_code == 1
    assert result.output.splitlines() == [f"Error: cli {name} needs pip install 'otel-taskmon[{extra}]'"]


def test_a_question_that_nobody_can_answer_is_no_answer(tmp_path: Path) -> None:
    """From cron or a pipe: the plain word "Aborted!" would not say what to do instead."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "otel_taskmon",
            "viewer",
            "add-user",
            "ann",
            "--file",
            str(tmp_path / "users"),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "nothing was done: there is nobody to ask" in done.stderr
    assert not (tmp_path / "users").exists()


@pytest.mark.parametrize("command", [("inspect", "logs"), ("export",)])
def test_a_state_that_is_none_is_refused(command: tuple[str, ...]) -> None:
    """It would find nothing, and "no failures" would be the answer to a typing error."""
    done = CliRunner().invoke(cli, [*command, "--state", "FAILED"])
    assert done.exit_code == 2
    assert "'FAILED' is not valid: allowed is SENT, SCHEDULED, RECEIVED" in done.stderr


def test_a_terminal_of_another_encoding_shows_what_it_can() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "otel_taskmon", "doctor", "--store", "--url", "http://127.0.0.1:1"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        text=True,
        encoding="latin-1",
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert r"\u2192 Start it" in done.stdout


def test_who_asks_has_a_name_for_the_audit_also_without_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)  # as in a container that runs as a number
    assert actor().name == f"uid 54321@{socket.gethostname()}"
    monkeypatch.setenv("LOGNAME", "ann")
    assert actor().name == f"ann@{socket.gethostname()}"
