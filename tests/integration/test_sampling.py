"""Every task is recorded, whatever its program samples its traces by; all else is left to the sampler."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Child
from tests.support.workers import run_publisher, start_worker, with_outbox, worker_environment
from tests.support.zero_code import COMMAND, install

pytestmark = pytest.mark.integration

NOTHING = {"OTEL_TRACES_SAMPLER": "always_off"}
NO_TRACE = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
PUBLISH = """
answer({
    "late": take.apply_async((1,), expires=-1).id,
    "fails": raises.delay("raises").id,
    "spans": spans.delay().id,
})
"""


@pytest.mark.parametrize("of_worker", [{}, NO_TRACE], ids=["default", "no trace"])
def test_a_publisher_that_samples_nothing(broker: Broker, tmp_path: Path, of_worker: dict[str, str]) -> None:
    """As a web application does for nine requests in ten: its workers take its mark over."""
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(
            tmp_path,
            {**environment, **of_worker},
            concurrency=1,
            app="tests.apps.odd",
            name="odd",
            queues="odd",
        ) as worker:
            ids = run_publisher(tmp_path, {**environment, **NO_TRACE}, PUBLISH, app="tests.apps.odd")
            sink.wait_for_runs(ids["spans"], context=worker.output)
        for name, state in (("late", "EXPIRED"), ("fails", "FAILURE"), ("spans", "SUCCESS")):
            (run,), (publish,) = sink.runs(ids[name]), sink.publishes(ids[name])
            assert run.state == state
            assert (run.trace_id, run.parent_span_id) == (publish.trace_id, publish.span_id)
        assert [span.name for span in sink.spans() if span.task_id not in ids.values()] == []


def test_with_a_provider_of_the_users_a_task_that_is_not_sampled_is_not_half_told(
    broker: Broker, tmp_path: Path
) -> None:
    """Its end is dropped by the user's sampler: told of its start, it would seem to be lost."""
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, SHOP_SETUP="provider before")
        with start_worker(tmp_path, environment, concurrency=1) as worker:
            code = "answer(echo.delay(1).id if echo.delay(0).get(20) == 0 else None)"
            dropped = run_publisher(tmp_path, {**environment, **NOTHING}, code)
            told = run_publisher(tmp_path, environment, code)
            (run,) = sink.wait_for_runs(told, context=worker.output)
            worker.stop()
        for event in (semconv.EVENT_RECEIVED, semconv.EVENT_STARTED):
            (found,) = sink.events(event, told)
            assert found.attributes[semconv.EXECUTION_ID] == run.attributes[semconv.EXECUTION_ID]
        assert (sink.runs(dropped), sink.publishes(dropped), sink.events(task_id=dropped)) == ([], [], [])


def test_without_code(broker: Broker, tmp_path: Path) -> None:
    """The provider and its sampler are the SDK's own there."""
    with OtlpSink() as sink:
        environment = {
            **with_outbox(tmp_path, worker_environment(own_database(broker), sink.url)),
            **install(tmp_path / "site"),
            **NOTHING,
            "OTEL_TRACES_EXPORTER": "taskmon",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
        }
        celery = (
            str(COMMAND),
            str(Path(sys.executable).with_name("celery")),
            "-A",
            "tests.apps.bare",
            "worker",
        )
        flags = (
            "-c",
            "1",
            "-n",
            "bare@tests",
            "-Q",
            "bare",
            "-l",
            "INFO",
            "--without-gossip",
            "--without-mingle",
        )
        with Child([*celery, *flags], tmp_path / "worker.log", env=environment) as worker:
            worker.wait_for_output("bare@tests ready")
            code = (
                "import json; from tests.apps.bare import echo, fail, flaky;"
                " print(json.dumps([echo.delay(1).id, fail.delay(1).id, flaky.delay().id]))"
            )
            with Child(
                [str(COMMAND), sys.executable, "-c", code], tmp_path / "publish.log", env=environment
            ) as publisher:
                assert publisher.process.wait(60) == 0, publisher.output()
            echo, fail, flaky = json.loads(
                next(line for line in publisher.output().splitlines() if line.startswith("["))
            )
            sink.wait_for_runs(flaky, 2, context=worker.output)
            assert [run.state for run in sink.wait_for_runs(echo)] == ["SUCCESS"]
            assert [run.state for run in sink.wait_for_runs(fail)] == ["FAILURE"]
            assert [run.state for run in sink.runs(flaky)] == ["RETRY", "SUCCESS"]
            assert [len(sink.publishes(task_id)) for task_id in (echo, fail, flaky)] == [1, 1, 2]
