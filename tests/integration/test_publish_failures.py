"""Publishes that fail before the first signal of Celery's: no route, or the result backend does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import free_port
from tests.support.workers import run_publisher, worker_environment

pytestmark = pytest.mark.integration

FAILING = """
from opentelemetry import trace
seen = []
def publish(send):
    try:
        send()
    except Exception as error:
        seen.append(type(error).__name__)
publish(lambda: echo.apply_async((1,), {"password": "hunter2"}, task_id="by-task", retry=False))
publish(lambda: app.send_task("elsewhere.tasks.unknown", ("two",), task_id="by-name", retry=False))
publish(lambda: echo.apply_async((3,), task_id="no-list", args_="x", link=object()))
publish(lambda: echo.apply_async((4,), queue=object(), task_id="no-queue"))
with trace.get_tracer("user").start_as_current_span("user span"):
    pass
answer({"seen": seen, "current": trace.get_current_span().get_span_context().is_valid})
"""


def test_a_publish_that_fails_before_any_signal_is_recorded(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        gone = f"redis://127.0.0.1:{free_port()}/0"
        environment = worker_environment(own_database(broker), sink.url, SHOP_BACKEND=gone)
        said = run_publisher(tmp_path, environment, FAILING)
        publishes = {span.task_id: span for span in sink.spans() if span.kind == "PRODUCER"}
        (users,) = [span for span in sink.spans() if span.name == "user span"]
    assert len(said["seen"]) == 4
    assert said["current"] is False
    assert users.parent_span_id == ""
    assert set(publishes) == {"by-task", "by-name", "no-list", "no-queue"}
    by_task, by_name = publishes["by-task"], publishes["by-name"]
    assert {span.status for span in publishes.values()} == {"ERROR"}
    assert by_task.name == "apply_async/shop.tasks.echo"
    assert by_task.attributes[semconv.ARGS] == "[1]"
    assert "hunter2" not in str(by_task.attributes)
    assert by_task.attributes[semconv.ERROR_TYPE].rpartition(".")[2] == said["seen"][0]
    assert by_name.name == "apply_async/elsewhere.tasks.unknown"
    assert by_name.exception[semconv.EXCEPTION_TYPE] == by_name.attributes[semconv.ERROR_TYPE]
