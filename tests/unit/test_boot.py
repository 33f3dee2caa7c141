"""Which host this is: asked seldom, and again."""

from __future__ import annotations

import pytest

from otel_taskmon import boot


def test_the_hosts_name_is_asked_for_again_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(["before", "after"])
    now = 100.0
    monkeypatch.setattr(boot, "_host", (0.0, ""))
    monkeypatch.setattr(boot, "monotonic", lambda: now)
    monkeypatch.setattr("socket.gethostname", lambda: next(names))
    assert boot.host_name() == "before"
    now = 100.9
    assert boot.host_name() == "before"
    now = 101.1
    assert boot.host_name() == "after"
