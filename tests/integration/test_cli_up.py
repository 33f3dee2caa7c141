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
