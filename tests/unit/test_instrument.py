"""``instrument()`` itself: settings, switches, order and once-ness; each in an interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from otel_taskmon.errors import SettingError
from otel_taskmon.instrumentation import instrument

LOOK = """
import json
from celery import Celery, signals
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
import otel_taskmon
app = Celery("shop", broker="memory://", backend="cache+memory://")

def receivers(signal):
    return [getattr(r, "__qualname__", repr(r)) for _, r in signal.receivers]

def look():
    return {
        "prerun": receivers(signals.task_prerun), "postrun": receivers(signals.task_postrun),
        "before": receivers(signals.before_task_publish), "after": receivers(signals.after_task_publish),
        "failure": receivers(signals.task_failure), "retry": receivers(signals.task_retry),
        "received": receivers(signals.task_received),
        "instrumented": CeleryInstrumentor().is_instrumented_by_opentelemetry,
        "send_task": hasattr(Celery.send_task, "_taskmon_around"),
        "provider": type(trace.get_tracer_provider()).__name__,
    }
"""

ARRANGED = {
    "prerun": ["Hooks.prerun"],
    "postrun": ["Hooks.postrun"],
    "before": ["Hooks.before_publish"],
    "after": ["Publishing.after"],
    "failure": [],
    "retry": [],
    "received": ["Hooks.received"],
    "instrumented": True,
    "send_task": True,
    "provider": "ProxyTracerProvider",
}
"""No provider yet: one of the user's may still come."""

UNTOUCHED = {
    **{key: [] for key in ("prerun", "postrun", "before", "after", "failure", "retry", "received")},
    "instrumented": False,
    "send_task": False,
    "provider": "ProxyTracerProvider",
}


def in_a_process(code: str, **environment: str) -> Any:
    """What ``code`` printed as JSON on its last line."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK + code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "otel_taskmon.instrument(app)",
        "otel_taskmon.instrument()",
        "otel_taskmon.instrument(app); otel_taskmon.instrument(app)",
        "CeleryInstrumentor().instrument(); otel_taskmon.instrument(app)",
        "otel_taskmon.instrument(app); CeleryInstrumentor().instrument()",
        "go = otel_taskmon.instrument; go(); i = CeleryInstrumentor(); i.uninstrument(); i.instrument(); go()",
    ],
)
def test_handlers_are_arranged_whoever_came_first(code: str) -> None:
    assert in_a_process(f"{code}\nprint(json.dumps(look()))") == ARRANGED


@pytest.mark.parametrize(
    "environment",
    [{"TASKMON_ENABLED": "false"}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_SDK_DISABLED": " TRUE "}],
)
def test_switched_off_nothing_happens(environment: dict[str, str]) -> None:
    code = "otel_taskmon.instrument(app)\nprint(json.dumps(look()))"
    assert in_a_process(code, **environment) == UNTOUCHED


def test_switched_off_by_keyword() -> None:
    assert in_a_process("otel_taskmon.instrument(app, enabled=False)\nprint(json.dumps(look()))") == UNTOUCHED


def test_a_wrong_setting_is_refused_at_once_and_nothing_is_touched() -> None:
    code = """
try:
    otel_taskmon.instrument(app, export_interval_ms=0)
except Exception as error:
    said = [type(error).__name__, str(error)]
print(json.dumps([said, look()]))
"""
    (kind, text), state = in_a_process(code)
    assert kind == "SettingError"
    assert "export_interval_ms=0" in text
    assert "10" in text
    assert state == UNTOUCHED


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("TASKMON_EXPORT_INTERVAL_MS", "soon", "whole number"),
        ("TASKMON_ENABLED", "perhaps", "true, false"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon", "grpc or http/protobuf"),
        ("OTEL_TRACES_EXPORTER", "fax", "otlp"),
    ],
)
def test_a_wrong_variable_names_itself_its_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError) as caught:
        instrument()
    assert variable in str(caught.value)
    assert repr(value) in str(caught.value)
    assert allowed in str(caught.value)


def test_uninstrumenting_the_stock_stops_the_publish_spans() -> None:
    code = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
otel_taskmon.instrument(app)

@app.task(name="shop.tasks.add")
def add(a, b):
    return a + b

add.delay(1, 2)
CeleryInstrumentor().uninstrument()
add.delay(1, 2)
add.apply((1, 2))
print(json.dumps([span.name for span in kept.get_finished_spans()]))
"""
    assert in_a_process(code) == ["apply_async/shop.tasks.add"]


def test_a_handler_of_ours_that_fails_harms_no_task() -> None:
    code = """
otel_taskmon.instrument(app)
from otel_taskmon import _safely
from otel_taskmon.payload import PayloadEncoder
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(kept))

def broken(self, *args, **kwargs):
    raise RuntimeError("ours")

PayloadEncoder.encode = PayloadEncoder.plain_call = PayloadEncoder.text = broken

@app.task(name="shop.tasks.add")
def add(a, b):
    return a + b

@app.task(name="shop.tasks.fail")
def fail():
    raise KeyError("theirs")

published = add.delay(1, 2).id
answers = [add.apply((1, 2)).get(), type(fail.apply().result).__name__]
current = trace.get_current_span().get_span_context().is_valid
run, failed = [span for span in kept.get_finished_spans() if span.name.startswith("run/")]
print(json.dumps([bool(published), answers, current, sum(_safely.failures().values()) > 2,
    run.attributes["taskmon.payload.notes"], run.attributes["celery.state"], run.attributes["taskmon.app"],
    failed.attributes["celery.state"], failed.status.status_code.name]))
"""
    assert in_a_process(code) == [
        *(True, [3, "KeyError"], False, True),
        *("args:dropped,kwargs:dropped,result:dropped", "SUCCESS", "shop", "FAILURE", "ERROR"),
    ]


def test_zero_code_is_silent_and_follows_a_distros_arguments() -> None:
    code = """
import logging
from otel_taskmon.zero_code import pre_instrument
said = []
class Keep(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())
logging.getLogger().addHandler(Keep())
pre_instrument()
before = look()
CeleryInstrumentor().instrument(skip_dep_check=True)
silent = list(said)
CeleryInstrumentor().instrument(skip_dep_check=True, use_span_links=True)
print(json.dumps([before, silent, look(), CeleryInstrumentor()._use_span_links]))
"""
    assert in_a_process(code) == [ARRANGED, [], ARRANGED, True]
