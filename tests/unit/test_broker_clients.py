"""A broker whose client is not installed: said so, and what brings it; never as a wrong address."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None  # as where it is not installed
from otel_taskmon.broker import connect
from otel_taskmon.errors import TaskmonError
try:
    connect(sys.argv[2])
except TaskmonError as error:
    print(error)
"""


@pytest.mark.parametrize(("module", "url"), [("redis", "redis://:geheim@127.0.0.1:1/0"), ("boto3", "sqs://")])
def test_a_client_that_is_not_installed(module: str, url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, module, url], capture_output=True, text=True, timeout=60, check=True
    )
    assert "the client for this broker is not installed here" in done.stdout
    assert "pip install 'celery[redis]'" in done.stdout
    assert "geheim" not in done.stdout
