"""The prompt of ``taskmon sql``: statements over several lines, with a history that outlives it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from otel_taskmon.errors import QueryFailed
from otel_taskmon.settings.store import xdg_directory

_HISTORY_LINES = 1_000
_LEAVE = frozenset({"exit", "quit", "\\q"})


def history_file() -> Path:
    """``$XDG_STATE_HOME/taskmon/sql_history``, else below ``~/.local/state``."""
    return xdg_directory("XDG_STATE_HOME", ".local/state") / "taskmon" / "sql_history"


def prompt(run: Callable[[str], None]) -> None:
    """Ask for statements and run each until Ctrl-D or "exit". A statement ends with ``;``; Ctrl-C drops a line."""
    with _history():
        click.echo('A statement ends with ";". Leave with Ctrl-D or "exit".')
        while True:
            try:
                text = _statement()
            except EOFError:
                click.echo()
                return
            except KeyboardInterrupt:
                click.echo()
                continue
            if text.strip().rstrip(";").strip().lower() in _LEAVE:
                return
            if text.strip():
                _run(run, text)


def _statement() -> str:
    lines: list[str] = []
    while True:
        # readline edits lines only for input(), and only where the prompt is its argument
        line = input("taskmon> " if not lines else "     ... ")
        lines.append(line)
        if line.rstrip().endswith(";") or (len(lines) == 1 and line.strip().lower() in {*_LEAVE, ""}):
            return "\n".join(lines)


def _run(run: Callable[[str], None], text: str) -> None:
    try:
        run(text)
    except QueryFailed as error:  # an outage ends the prompt, a wrong statement does not
        click.echo(f"Error: {error}", err=True)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


@contextlib.contextmanager
def _history() -> Iterator[None]:
    """Lines of former prompts by arrow keys; kept for their owner alone, since statements may hold what tasks do."""
    try:
        import readline
    except ImportError:  # some builds of Python have none: plain lines then
        yield
        return
    path = history_file()
    with contextlib.suppress(OSError):
        readline.read_history_file(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            readline.set_history_length(_HISTORY_LINES)
            readline.write_history_file(path)
