"""A real RabbitMQ of its own on loopback: Debian's ``rabbitmq-server``, data and logs in a folder of the test.

Its start script gives up root for the user ``rabbitmq``, so that user owns the folder. Its nodes find each other
through ``epmd``, which stays when the last node ends; it is left alone, since others may use it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

from tests.support.processes import Child, free_port
from tests.support.waiting import wait_until

START_S = 90.0


@dataclass(frozen=True)
class RabbitMQ:
    child: Child
    port: int

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"


def find_rabbitmq() -> str | None:
    """The server's start script, or None."""
    return shutil.which(
        "rabbitmq-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/rabbitmq/bin"
    )


@contextmanager
def running_rabbitmq() -> Iterator[RabbitMQ]:
    """One node, ended at the end.

    In a folder of its own and not pytest's, which every start of pytest closes to other users.
    """
    program = find_rabbitmq()
    assert program is not None
    with (
        tempfile.TemporaryDirectory(prefix="taskmon-rabbitmq-", ignore_cleanup_errors=True) as name,
        _node(program, Path(name)) as server,
    ):
        yield server


@contextmanager
def _node(program: str, folder: Path) -> Iterator[RabbitMQ]:
    config = folder / "rabbitmq.conf"
    port, distribution = free_port(), free_port()
    config.write_text(
        f"listeners.tcp.local = 127.0.0.1:{port}\nloopback_users.guest = true\nlog.file = false\n"
    )
    plugins = folder / "enabled_plugins"
    plugins.write_text("[].\n")
    if os.geteuid() == 0:
        for path in (folder, config, plugins):
            shutil.chown(path, "rabbitmq", "rabbitmq")
    child = Child(
        [program],
        folder / "server.log",
        env={
            "HOME": str(folder),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_NODENAME": f"taskmon-{uuid.uuid4().hex[:8]}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        },
    )
    server = RabbitMQ(child, port)
    try:
        wait_until(
            lambda: _takes_clients(server), "RabbitMQ", timeout=START_S, interval=0.2, context=child.output
        )
        yield server
    finally:
        _stop(child, folder / "pid")


def _stop(child: Child, pid_file: Path) -> None:
    """The script gives the server a session of its own, so the server is ended by the id that it wrote."""
    if pid_file.exists():
        pid = int(pid_file.read_text())
        with suppress(ProcessLookupError):
            os.kill(pid, SIGKILL)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of RabbitMQ", context=child.output)
    child.stop()


def _takes_clients(server: RabbitMQ) -> bool:
    from kombu.connection import Connection
    from kombu.exceptions import OperationalError

    assert server.child.running(), f"RabbitMQ ended:\n{server.child.output()}"
    kind: type = Connection
    try:
        with kind(server.url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except (OSError, OperationalError):
        return False
    return True
