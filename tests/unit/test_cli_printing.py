"""What commands print: texts of tasks without effect, numbers with their unit; and the times they take."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import click
import pytest

from otel_taskmon.cli.moments import MOMENT
from otel_taskmon.cli.printing import (
    as_text,
    bytes_text,
    duration_text,
    inert,
    inert_lines,
    print_json,
    print_table,
)
from tests.support.processes import free_port

HOSTILE = "\x1b]0;owned\x07\x1b[2J[red]name[/red]\n\u202egnp.exe\x9b31m"


def test_control_characters_do_nothing() -> None:
    assert inert(HOSTILE) == r"\x1b]0;owned\x07\x1b[2J[red]name[/red]\n\u202egnp.exe\x9b31m"
    assert inert_lines("a\tb\n\x1b[2J") == "a\tb\n\\x1b[2J"
    assert inert("Grüße, 世界") == "Grüße, 世界"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (0, "0"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02 01:04:05 UTC"),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert as_text(value) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 60, "1048576.0 TiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert bytes_text(count) == shown


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (None, "-"),
        (12_345_678, "12.3 ms"),
        (3_200_000_000, "3.20 s"),
        (59_900_000_000, "59.9 s"),
        (7_509_000_000_000, "2:05:09"),
    ],
)
def test_durations(ns: int | None, shown: str) -> None:
    assert duration_text(ns) == shown


def test_lines_with_tabs_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "count"), [(HOSTILE, 3)])
    assert capsys.readouterr().out == f"name\tcount\n{inert(HOSTILE)}\t3\n"


def test_json_times_are_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "none": None})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-01-02T01:04:05Z", "none": None}


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_table_on_a_terminal(variables: dict[str, str], coloured: bool) -> None:
    table = f"print_table(('name', 'n'), [({HOSTILE!r}, 3)], title='T')"
    code = f"from otel_taskmon.cli.printing import print_table; {table}"
    shown = on_a_terminal([sys.executable, "-c", code], variables)
    assert "┃" in shown or "│" in shown
    assert "[red]name[/red]" in shown
    assert "\x1b]0;" not in shown
    assert "\x1b[2J" not in shown
    assert ("\x1b[1;36m" in shown) == coloured


@pytest.mark.parametrize(
    ("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_lines_on_a_terminal(variables: dict[str, str], coloured: bool) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    args = [sys.executable, "-m", "otel_taskmon", "doctor", "--store", "--url", away]
    shown = on_a_terminal(args, variables, code=1)
    assert "wrong" in shown
    assert ("\x1b[" in shown) == coloured


def on_a_terminal(args: list[str], variables: dict[str, str], code: int = 0) -> str:
    """What a program prints whose standard output is a terminal of 120 columns."""
    master, slave = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    env = {**plain, "TERM": "xterm-256color", "COLUMNS": "120", **variables}
    child = subprocess.Popen(args, stdout=slave, stderr=slave, stdin=subprocess.DEVNULL, env=env)
    os.close(slave)
    pieces = []
    try:
        while piece := os.read(master, 65536):
            pieces.append(piece)
    except OSError:  # how Linux says that the other end is closed
        assert child.wait(30) == code
    finally:
        os.close(master)
    return b"".join(pieces).decode()


@pytest.mark.parametrize(
    ("text", "age"),
    [("90s", timedelta(seconds=90)), ("24h", timedelta(hours=24)), ("2w", timedelta(weeks=2))],
)
def test_ages(text: str, age: timedelta) -> None:
    before = datetime.now(UTC)
    assert before - age <= MOMENT.convert(text, None, None) <= datetime.now(UTC) - age


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00+02:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    assert MOMENT.convert(text, None, None) == moment


@pytest.mark.parametrize("text", ["", "-1h", "1y", "soon", "2026-13-01", "999999w"])
def test_wrong_times(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not valid: allowed is an age like"):
        MOMENT.convert(text, None, None)
