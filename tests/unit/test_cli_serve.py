"""What ``taskmon serve`` says before it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False), ("::1", False), ("localhost", False)]
)
def test_a_store_that_others_can_reach_says_so(host: str, warned: bool) -> None:
    """Its data directory cannot be made, so that it ends by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "otel_taskmon", "serve", "--host", host, "--data-dir", "/dev/null/none"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "cannot use the data directory" in done.stderr
    assert (f"others can reach {host}: OTLP takes what anybody sends" in done.stderr) is warned
