"""Child processes of ``up`` and ``demo``: watched, and gone with all they started."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from otel_taskmon.cli.children import (
    Awaited,
    ChildEnded,
    ChildProcess,
    StopRequested,
    StopSignals,
    check_all,
    stop_in_order,
    wait_ready,
    wait_while_running,
)
from otel_taskmon.errors import TaskmonError
from tests.support.waiting import wait_until

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
inner = subprocess.Popen([sys.executable, "-c", deaf])
print("inner", inner.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    before = {number: signal.getsignal(number) for number in StopSignals.NUMBERS}
    yield StopSignals()
    for number, handler in before.items():
        signal.signal(number, handler)


def start(code: str, tmp_path: Path, *, stop_within_s: float = 5.0) -> ChildProcess:
    return ChildProcess.start(
        "probe", [sys.executable, "-c", code], log=tmp_path / "probe.log", stop_within_s=stop_within_s
    )


def test_a_child_that_will_not_end_is_killed_with_its_own_children(
    tmp_path: Path, signals: StopSignals
) -> None:
    child = start(STUBBORN, tmp_path, stop_within_s=0.3)
    wait_until(lambda: "inner" in child.output(), "the inner process", context=child.output)
    inner = psutil.Process(int(child.output().split()[1]))
    stop_in_order([[child]], signals)
    assert child.process.returncode == -signal.SIGKILL
    wait_until(
        lambda: not inner.is_running() or inner.status() == psutil.STATUS_ZOMBIE, "the end of the inner one"
    )


def test_an_ended_child_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    code = "print('\\n'.join(f'line {n}' for n in range(99))); raise SystemExit(3)"
    child = start(code, tmp_path)
    child.process.wait(20)
    with pytest.raises(ChildEnded, match=r"probe ended with exit code 3") as caught:
        check_all([child])
    assert "line 98" in str(caught.value)
    assert "line 20\n" not in str(caught.value)


def test_a_killed_child_is_named_with_the_signal(tmp_path: Path) -> None:
    child = start("import time; time.sleep(600)", tmp_path)
    child.process.kill()
    child.process.wait(20)
    with pytest.raises(ChildEnded, match="probe was killed by SIGKILL"):
        check_all([child])


def test_waiting_for_a_child_ends_when_it_ends(tmp_path: Path, signals: StopSignals) -> None:
    child = start("raise SystemExit('no port for me')", tmp_path)
    with pytest.raises(ChildEnded, match="no port for me"):
        wait_ready([Awaited(child, lambda: False)], signals)


def test_waiting_for_a_child_ends_at_the_deadline(tmp_path: Path, signals: StopSignals) -> None:
    child = start("import time; time.sleep(600)", tmp_path)
    try:
        with pytest.raises(TaskmonError, match=r"probe is not ready after 0\.2 s"):
            wait_ready([Awaited(child, lambda: False)], signals, timeout_s=0.2)
    finally:
        stop_in_order([[child]], signals)


@pytest.mark.parametrize("number", StopSignals.NUMBERS)
def test_a_signal_ends_the_waits(tmp_path: Path, signals: StopSignals, number: signal.Signals) -> None:
    child = start("import time; time.sleep(600)", tmp_path)
    try:
        signal.raise_signal(number)
        wait_while_running([child], signals)
        with pytest.raises(StopRequested, match=number.name):
            wait_ready([Awaited(child, lambda: False)], signals)
        assert child.running
    finally:
        stop_in_order([[child]], signals)
    assert child.process.returncode == -signal.SIGTERM


def test_a_second_signal_ends_them_without_waiting(tmp_path: Path, signals: StopSignals) -> None:
    child = start(STUBBORN, tmp_path, stop_within_s=600.0)
    wait_until(lambda: "inner" in child.output(), "the inner process", context=child.output)
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    stop_in_order([[child]], signals)
    assert not child.running
