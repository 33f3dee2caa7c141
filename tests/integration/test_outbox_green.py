"""Under gevent and eventlet the outbox ships from a thread of the operating system, also while a task computes."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.outbox_records import numbered
from tests.support.outbox_sink import GrpcSink, HttpSink
from tests.support.processes import Child

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("kind", ["gevent", "eventlet"])
def test_a_computing_task_holds_nothing_up(kind: str, protocol: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"{kind} is not installed")
    sink = GrpcSink() if protocol == "grpc" else HttpSink()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "NO_PROXY": "*"}
    command = [sys.executable, "-m", "tests.support.outbox_green_program", kind, str(tmp_path / "outbox")]
    with sink, Child(command, tmp_path / "log", env=env) as child:
        child.wait_for_output("shipped 1000 empty True")
        assert sink.names() == Counter(name for n in range(100) for name in numbered(f"g{n}", 10))
