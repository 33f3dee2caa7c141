"""Ends the child processes of a command that was killed: they have sessions of their own, so nothing else would.

A small process that reads from a pipe which sessions there are. The pipe ends with the command, however that ends;
what the command has not ended itself by then is ended here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

STOP_WITHIN_S = 8.0
_POLL_S = 0.05
_WATCH, _FORGET = "watch", "forget"


class Guard:
    """Runs while there is a session to watch. Without it (no process to be had) the command goes on all the same."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._watched: set[int] = set()

    def watch(self, session: int) -> None:
        """From now on this session ends with us."""
        self._watched.add(session)
        if self._process is None:
            with contextlib.suppress(OSError):
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    start_new_session=True,
                )
        self._say(_WATCH, session)

    def forget(self, session: int) -> None:
        """It has ended."""
        if session not in self._watched:
            return
        self._watched.discard(session)
        self._say(_FORGET, session)
        if not self._watched and self._process is not None:
            with contextlib.suppress(OSError):
                self._process.communicate()
            self._process = None

    def _say(self, what: str, session: int) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(f"{what} {session}\n")
                self._process.stdin.flush()


def main() -> None:
    watched: dict[int, str] = {}
    for line in sys.stdin:
        what, number = line.split()
        session = int(number)
        if what == _WATCH:
            watched[session] = _born(session)
        else:
            watched.pop(session, None)
    # The number of a session is free for others when none of it is left: that one was born later.
    ours = [session for session, born in watched.items() if _born(session) in ("", born)]
    left = [session for session in ours if _send(session, signal.SIGTERM)]
    deadline = time.monotonic() + STOP_WITHIN_S
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = [session for session in left if _send(session, 0)]
    for session in left:
        _send(session, signal.SIGKILL)


def _born(pid: int) -> str:
    """When a process began, in words of the system; "" where there is none, or the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123 - few imports here
            return stat.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _send(session: int, number: int) -> bool:
    """Whether there is anything of it."""
    try:
        os.killpg(session, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
