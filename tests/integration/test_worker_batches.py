"""Messages that a task takes several at a time, as with celery-batches: each of them comes to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

APP = "tests.apps.batching"
PUBLISH = """
ids = {task.name.partition(".")[2]: [task.delay(number).id for number in (1, 2)] for task in (add_up, fail)}
one = alone.delay([1, 2, 3])
one.get(20)
ids["alone"] = [one.id]
answer(ids)
"""

Ended = tuple[dict[str, list[str]], OtlpSink]


@pytest.fixture(scope="module")
def ended(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    directory = tmp_path_factory.mktemp("batching")
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(
            directory, environment, concurrency=1, app=APP, name="batching", queues="batching"
        ) as worker:
            ids: dict[str, Any] = run_publisher(directory, environment, PUBLISH, app=APP)
            for of_one in ids.values():
                for task_id in of_one:
                    sink.wait_for_runs(task_id, context=worker.output)
            yield ids, sink
        assert "the task goes on without it" not in worker.output()


@pytest.mark.parametrize(
    ("name", "state", "status"), [("add_up", "SUCCESS", "UNSET"), ("fail", "FAILURE", "ERROR")]
)
def test_each_message_has_the_end_of_its_batch(ended: Ended, name: str, state: str, status: str) -> None:
    ids, sink = ended
    for number, task_id in enumerate(ids[name], 1):
        (run,), (publish,) = sink.runs(task_id), sink.publishes(task_id)
        (received,) = sink.events(semconv.EVENT_RECEIVED, task_id)
        assert (run.state, run.status, run.task_name) == (state, status, f"batching.{name}")
        assert (run.trace_id, run.parent_span_id) == (publish.trace_id, publish.span_id)
        said = run.attributes
        assert said[semconv.ARGS] == f"[{number}]"
        assert said[semconv.REASON] == "one of 2 messages that ran together"
        assert said[semconv.EXECUTION_ID] == received.attributes[semconv.EXECUTION_ID]
        assert (said[semconv.WORKER], said[semconv.QUEUE]) == ("batching@tests", "batching")
        assert said[semconv.RECEIVED_AT] <= said[semconv.STARTED_AT] == run.start_ns <= run.end_ns
        assert semconv.RESULT not in said


def test_a_task_with_a_list_for_its_argument_is_no_batch(ended: Ended) -> None:
    ids, sink = ended
    (run,) = sink.runs(ids["alone"][0])
    assert (run.state, run.attributes[semconv.RESULT]) == ("SUCCESS", "3")
    assert semconv.REASON not in run.attributes
