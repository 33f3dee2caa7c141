"""``taskmon up``: store and viewer, together from start to end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from tests.support.processes import Child, free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


@contextmanager
def up(tmp_path: Path, http_port: int, viewer_port: int) -> Iterator[Child]:
    ports = ("--http-port", http_port, "--otlp-http-port", free_port(), "--otlp-grpc-port", free_port())
    args = [sys.executable, "-m", "otel_taskmon", "up", "--data-dir", tmp_path / "data", *ports]
    with Child([*map(str, args), "--port", str(viewer_port)], tmp_path / "up.log") as child:
        child.wait_for_output("Ctrl-C ends both", timeout=60)
        started = psutil.Process(child.pid).children(recursive=True)
        yield child
        wait_until(lambda: not child.running(), "the end of taskmon up", context=child.output)
        assert [p for p in started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def test_both_answer_and_both_end_with_a_signal(tmp_path: Path) -> None:
    http_port, viewer_port = free_port(), free_port()
    with up(tmp_path, http_port, viewer_port) as child:
        with urlopen(f"http://127.0.0.1:{http_port}/ping", timeout=10) as answer:
            assert answer.read() == b"Ok.\n"
        with urlopen(f"http://127.0.0.1:{viewer_port}/", timeout=20) as answer:
            assert answer.status == 200
        child.signal(signal.SIGINT)
    assert child.process.wait() == 0, child.output()


def test_the_end_of_one_ends_the_other_and_is_named(tmp_path: Path) -> None:
    with up(tmp_path, free_port(), free_port()) as child:
        (store,) = (p for p in psutil.Process(child.pid).children() if "serve" in p.cmdline())
        store.kill()
    assert child.process.wait() == 1
    assert "Error: store was killed by SIGKILL" in child.output()


def test_a_second_one_says_what_is_in_its_way_and_nothing_else(tmp_path: Path) -> None:
    http_port, viewer_port = free_port(), free_port()
    with up(tmp_path, http_port, viewer_port) as first:
        again = [sys.executable, "-m", "otel_taskmon", "up", "--data-dir", str(tmp_path / "data")]
        with Child([*again, "--port", str(viewer_port)], tmp_path / "again.log") as second:
            assert second.process.wait(timeout=30) == 1
            assert (
                f"port {viewer_port} on 127.0.0.1 is taken: is taskmon up running already" in second.output()
            )
            assert "open http" not in second.output()
        again += ["--http-port", str(http_port), "--port", str(free_port())]
        with Child(again, tmp_path / "other.log") as third:
            assert third.process.wait(timeout=30) == 1
            assert f"is already running on port {http_port}" in third.output()
            assert "open http" not in third.output()
        first.signal(signal.SIGINT)
