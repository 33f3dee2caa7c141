"""Child processes of the tests: each in its own session, its output kept, ended by the id we started."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from signal import SIGKILL, SIGTERM
from types import TracebackType
from typing import Self

from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


_PORTS = range(15_000, 32_000)
"""Below what systems give to outgoing connections, so that none takes a chosen port before its program does."""
_SHARES = 4
_random = SystemRandom()  # a seeded one would choose the same ports in every process of the tests
_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nobody has at this moment, nor was told by this function in any process of this run.

    A program may take a second until it listens there. Each process that runs tests chooses from a share of its own.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    share = _PORTS[int(worker) % _SHARES :: _SHARES]
    if len(_given) > len(share) // 2:
        _given.clear()
    while True:
        port = _random.choice(share)
        if port in _given:
            continue
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            _given.add(port)
            return port


def port_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


class Child:
    """One child process; ``output()`` is all it printed so far."""

    def __init__(self, args: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.args = list(args)
        self.log = log
        self._session_killed = False
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                self.args,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                cwd=ROOT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def running(self) -> bool:
        return self.process.poll() is None

    def wait_for_output(self, text: str, timeout: float = 30.0) -> None:
        def seen() -> bool:
            if text in self.output():
                return True
            assert self.running(), f"{self.args[:3]} ended with {self.process.returncode}:\n{self.output()}"
            return False

        wait_until(seen, f"{text!r} from {self.args[:3]}", timeout=timeout, context=self.output)

    def wait_for_port(self, port: int, timeout: float = 30.0) -> None:
        def listening() -> bool:
            assert self.running(), f"{self.args[:3]} ended with {self.process.returncode}:\n{self.output()}"
            return port_open(port)

        wait_until(listening, f"port {port} of {self.args[:3]}", timeout=timeout, context=self.output)

    def signal(self, number: int) -> None:
        """Nothing once it has ended: its number may be another program's by then."""
        self.process.send_signal(number)

    def stop(self, number: int = SIGTERM, timeout: float = 15.0) -> int:
        """End it and everything in its session; its exit code."""
        self.signal(number)
        deadline = time.monotonic() + timeout
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_session()
        return self.process.wait(max(1.0, deadline - time.monotonic()))

    def _kill_session(self) -> None:
        """What it started and left behind.

        A number is given anew only when no process of its group is left. Then a process that has it is somebody
        else's, and so is its group: numbers come round within minutes where many tests run.
        """
        if self._session_killed or (
            self.process.returncode is not None and Path(f"/proc/{self.pid}").exists()
        ):
            return
        self._session_killed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
