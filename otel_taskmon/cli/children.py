"""Child processes of ``taskmon up`` and ``taskmon demo``: started in sessions of their own, watched, ended by id.

A session of its own keeps the terminal's Ctrl-C from the children, so that we end them in the right order, and lets
us end whatever a child started itself (pool processes) with it. Where we are killed ourselves, ``guard`` does it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Self

from otel_taskmon.cli.guard import Guard
from otel_taskmon.cli.options import STORE_FLAGS, VIEWER_FLAGS
from otel_taskmon.errors import TaskmonError
from otel_taskmon.settings import ReaderSettings, StoreSettings

POLL_S = 0.05
TAIL_LINES = 25
_guard = Guard()


class StopRequested(Exception):
    """SIGINT, SIGTERM or SIGHUP came while we were waiting."""


class ChildEnded(TaskmonError):
    """A child process ended that should have gone on; the text names it and holds the end of its log."""


class StopSignals:
    """Remembers signals that ask us to end; nothing is interrupted, the waits look here.

    A plain list, not a ``threading.Event``: its lock is not safe to take inside a signal handler.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._received: list[int] = []
        for number in self.NUMBERS:
            signal.signal(number, self._remember)

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)

    @property
    def requested(self) -> bool:
        return bool(self._received)

    @property
    def impatient(self) -> bool:
        """Asked more than once: end without waiting for anything to finish."""
        return len(self._received) > 1

    def check(self) -> None:
        """Raise StopRequested when a signal came."""
        if self._received:
            raise StopRequested(signal.Signals(self._received[0]).name)


class ChildProcess:
    """One child, leader of a session of its own. ``log`` None: it prints to our own output."""

    def __init__(
        self,
        name: str,
        process: subprocess.Popen[bytes],
        *,
        log: Path | None = None,
        stop_within_s: float = 8.0,
    ) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.stop_within_s = stop_within_s
        self.started = time.monotonic()
        _guard.watch(process.pid)

    @classmethod
    def start(
        cls,
        name: str,
        args: Sequence[str],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        stop_within_s: float = 8.0,
    ) -> Self:
        """Start ``args``; ``env`` None gives the child our own environment."""
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(log.open("ab")) if log else None
            process = subprocess.Popen(
                list(args),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT if out else None,
                env={**(os.environ if env is None else env), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        return cls(name, process, log=log, stop_within_s=stop_within_s)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log else ""

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.output().splitlines()[-TAIL_LINES:])

    def ask_to_stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def end(self, signals: StopSignals) -> None:
        """Wait until it is gone, at most ``stop_within_s``; then end by force what is left of its session."""
        deadline = time.monotonic() + self.stop_within_s
        while self.running and time.monotonic() < deadline and not signals.impatient:
            time.sleep(POLL_S)
        # The id of the session outlives its leader as long as a member lives, so this cannot hit a stranger.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        _guard.forget(self.pid)


def check_all(children: Iterable[ChildProcess]) -> None:
    """Raise ChildEnded when one of them has ended."""
    for child in children:
        if not child.running:
            code = child.process.returncode
            how = (
                f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            )
            tail = child.tail()
            raise ChildEnded(f"{child.name} {how}" + (f"; the end of its log:\n{tail}" if tail else ""))


@dataclass(frozen=True)
class Awaited:
    """A child that was started, and how one sees that it is ready."""

    child: ChildProcess
    ready: Callable[[], bool]
    what: str = ""
    """What to tell a person about it when it is."""


def wait_ready(
    awaited: Sequence[Awaited],
    signals: StopSignals,
    *,
    tell: Callable[[Awaited, float], None] = lambda _awaited, _seconds: None,
    timeout_s: float = 60.0,
) -> None:
    """Wait until all are ready; ``tell`` hears of each as it comes, with the seconds since its start.

    Raises ChildEnded when one ends instead, StopRequested on a signal, TaskmonError after ``timeout_s``.
    """
    pending = list(awaited)
    while pending:
        signals.check()
        check_all([entry.child for entry in awaited])
        for entry in list(pending):
            seconds = time.monotonic() - entry.child.started
            if entry.ready():
                pending.remove(entry)
                tell(entry, seconds)
            elif seconds > timeout_s:
                raise TaskmonError(
                    f"{entry.child.name} is not ready after {timeout_s:g} s; "
                    f"the end of its log:\n{entry.child.tail()}"
                )
        time.sleep(POLL_S)


def wait_while_running(children: Sequence[ChildProcess], signals: StopSignals) -> None:
    """Return when a signal comes; raises ChildEnded when a child ends first."""
    while not signals.requested:
        check_all(children)
        time.sleep(4 * POLL_S)


def stop_in_order(groups: Sequence[Sequence[ChildProcess]], signals: StopSignals) -> None:
    """End each group at once, one group after the other; every child is gone on return."""
    for group in groups:
        for child in group:
            child.ask_to_stop()
        for child in group:
            child.end(signals)


def serve_args(settings: StoreSettings) -> list[str]:
    """Command line of ``taskmon serve``; its passwords travel in the environment."""
    return _command("serve", STORE_FLAGS, settings)


def viewer_args(settings: ReaderSettings, clickhouse_url: str) -> list[str]:
    """Command line of ``taskmon viewer`` on the store at ``clickhouse_url``."""
    return _command("viewer", VIEWER_FLAGS, replace(settings, clickhouse_url=clickhouse_url))


def _command(name: str, flags: Mapping[str, str], settings: StoreSettings | ReaderSettings) -> list[str]:
    given = (item for flag, field in flags.items() for item in (flag, str(getattr(settings, field))))
    return [sys.executable, "-m", "otel_taskmon", name, *given]
