"""Ending a child process of a test ends all that is its own, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from tests.support.processes import Child
from tests.support.waiting import wait_until


def test_what_a_child_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    child = Child(["sh", "-c", "sleep 60 & echo $!"], tmp_path / "log")
    wait_until(lambda: not child.running(), "its end")
    left = psutil.Process(int(child.output()))
    assert child.stop() == 0
    wait_until(
        lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE, "the end of what it left"
    )


def test_a_number_is_signalled_only_while_it_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child(["true"], tmp_path / "log")
    child.process.wait(10)
    child.stop()
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _number: sent.append(pid))
    monkeypatch.setattr(os, "killpg", lambda pid, _number: sent.append(pid))
    child.signal(9)
    assert child.stop() == 0
    taken = Child(["true"], tmp_path / "log")
    taken.process.wait(10)
    taken.process.pid = os.getpid()  # as if the number had gone to another program: this one
    taken.stop()
    assert sent == []
