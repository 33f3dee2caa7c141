"""What users' code does beside us in one process: forks, leaked contexts, classes and tracers of its own, greenlets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Child
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]

APP = "tests.apps.odd"
PUBLISH = """
ids = {}
def run(name, sent):
    ids[name] = [sent.id, sent.get(30)]
run("forks", forks.delay())
run("leaks", leaks.delay())
run("after the leak", take.delay(1))
run("spans", spans.delay())
run("own", own.delay(1))
run("traced", traced.delay(2))
run("fine", take.delay(1, 2, 3))
answer(ids)
"""

Ended = tuple[dict[str, tuple[str, Any]], OtlpSink, Child]


@pytest.fixture(scope="module")
def ended(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    directory = tmp_path_factory.mktemp("odd")
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(directory, environment, concurrency=1, app=APP, name="odd", queues="odd") as worker:
            said = run_publisher(directory, environment, PUBLISH, app=APP)
            sink.wait_for_runs(said["fine"][0], context=worker.output)
            yield said, sink, worker


def test_every_task_ends_with_its_result_and_has_one_record(ended: Ended) -> None:
    said, sink, worker = ended
    results = {name: result for name, (_, result) in said.items()}
    assert results == {
        "forks": [36, 3],
        "leaks": "leaked",
        "after the leak": 1,
        "spans": "ok",
        "own": ["called", 1],
        "traced": 2,
        "fine": 3,
    }
    for name, (task_id, _) in said.items():
        assert [run.state for run in sink.runs(task_id)] == ["SUCCESS"], name
    assert "the task goes on without it" not in worker.output()


def test_a_leaked_context_is_not_the_next_tasks(ended: Ended) -> None:
    said, sink, _ = ended
    (run,), (publish,) = sink.runs(said["after the leak"][0]), sink.publishes(said["after the leak"][0])
    assert run.parent_span_id == publish.span_id


def test_spans_of_other_instrumentations_are_children_of_the_run(ended: Ended) -> None:
    said, sink, _ = ended
    (run,) = sink.runs(said["spans"][0])
    (other,) = [span for span in sink.spans() if span.name == "GET /"]
    assert (other.parent_span_id, other.trace_id) == (run.span_id, run.trace_id)


def test_a_process_forked_in_a_task_records_under_it(ended: Ended) -> None:
    said, sink, worker = ended
    (run,) = sink.runs(said["forks"][0])

    def inside() -> list[str]:
        return [span.parent_span_id for span in sink.spans() if span.name == "in the forked process"]

    wait_until(inside, "the span of the forked process", context=worker.output)
    assert inside() == [run.span_id]


def test_request_classes_and_tracers_of_the_users_own_are_called(ended: Ended) -> None:
    said, _, worker = ended
    assert worker.output().count(f"CountingRequest accepted {said['own'][0]}") == 1
    assert worker.output().count("the task's own tracer") == 1


def test_a_thousand_greenlets(broker: Broker, tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    code = "rs = [tiny.delay(n) for n in range(1000)]\nanswer([[r.id, r.get(60)] for r in rs])"
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        silent = {**environment, "TASKMON_ENABLED": "false"}
        with start_worker(
            tmp_path, environment, pool="gevent", concurrency=1000, app=APP, name="odd", queues="odd"
        ) as worker:
            ended = run_publisher(tmp_path, silent, code, timeout=90, app=APP)
            assert worker.stop(timeout=30) == 0
        assert [number for _, number in ended] == list(range(1000))
        runs = Counter(run.task_id for run in sink.runs())
        assert runs == Counter(task_id for task_id, _ in ended)
        assert {run.state for run in sink.runs()} == {"SUCCESS"}
