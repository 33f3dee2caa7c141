"""``OTEL_TRACES_EXPORTER=taskmon``: what the SDK puts behind its batch processors is on disk at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from otel_taskmon.outbox import list_folders

SET_UP = """
import json, os, sys
from opentelemetry import trace, _logs
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otel_taskmon.outbox import list_folders
from otel_taskmon.process_outbox import shared
from otel_taskmon.sdk_exporters import TaskmonLogExporter, TaskmonSpanExporter
from pathlib import Path
root = Path(os.environ["TASKMON_OUTBOX_DIR"])
provider, logs = TracerProvider(shutdown_on_exit=False), LoggerProvider(shutdown_on_exit=False)
provider.add_span_processor(BatchSpanProcessor(TaskmonSpanExporter(), schedule_delay_millis=600_000))
logs.add_log_record_processor(BatchLogRecordProcessor(TaskmonLogExporter(), schedule_delay_millis=600_000))
trace.set_tracer_provider(provider)
_logs.set_logger_provider(logs)

def one_of_each():
    provider.get_tracer("t").start_span("s").end()
    logs.get_logger("t").emit(LogRecord(body="hello", event_name="e"))

def records():
    return sum(status.records for status in list_folders(root))
"""


def in_a_process(code: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", SET_UP + code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_with_instrument_a_record_is_on_disk_when_it_ends_and_there_once(tmp_path: Path) -> None:
    code = """
import otel_taskmon
otel_taskmon.instrument()
one_of_each()
at_once = records()
provider.force_flush(), logs.force_flush()
print(json.dumps([at_once, records()]))
"""
    assert in_a_process(code) == [2, 2]
    assert sum(status.records for status in list_folders(tmp_path / "outbox")) == 2


def test_without_instrument_the_batches_are_kept() -> None:
    code = """
one_of_each()
before = records()
provider.force_flush(), logs.force_flush()
print(json.dumps([before, records()]))
"""
    assert in_a_process(code) == [0, 2]


def test_a_provider_that_comes_after_instrument_is_joined_too() -> None:
    code = """
from celery import Celery
import otel_taskmon
app = Celery("shop", broker="memory://", set_as_current=True)
trace._TRACER_PROVIDER = None
trace._TRACER_PROVIDER_SET_ONCE._done = False
otel_taskmon.instrument(app)
before = records()
trace.set_tracer_provider(provider)
app.send_task("shop.tasks.add")
provider.force_flush()
print(json.dumps([before, records()]))
"""
    assert in_a_process(code) == [0, 1]
