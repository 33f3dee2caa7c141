"""Arguments, exceptions and names that misbehave, in a real worker: a bounded record comes, the task is unharmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Child
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]

APP = "tests.apps.odd"
PUBLISH = """
def end(sent, seconds=30):
    found = sent.get(seconds, propagate=False)
    return [sent.id, found if isinstance(found, (str, int, list)) else type(found).__name__]
args = (Hostile(), [Hostile()], {"a": Hostile()})
hostile = take.apply_async(args, {"key": Hostile()}, argsrepr="?", kwargsrepr="?")  # Celery looks at them else
large = take.delay("x" * 50_000_000)
answer({
    "hostile": end(hostile),
    "large": end(large, 60),
    "named": end(named.delay("value")),
    "causes": end(chain_of_causes.delay()),
    "raises": end(raises.delay("raises")),
    "bytes": end(raises.delay("bytes")),
    "asked": end(how_often_asked.delay()),
    "fine": end(take.delay(1)),
})
"""


@pytest.fixture(scope="module")
def ended(
    broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, tuple[str, object]], OtlpSink, Child]]:
    directory = tmp_path_factory.mktemp("odd")
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(directory, environment, concurrency=1, app=APP, name="odd", queues="odd") as worker:
            said = run_publisher(directory, environment, PUBLISH, timeout=90, app=APP)
            sink.wait_for_runs(said["fine"][0], context=worker.output)
            yield said, sink, worker


Ended = tuple[dict[str, tuple[str, object]], OtlpSink, Child]


def test_the_tasks_end_as_they_would_without_us(ended: Ended) -> None:
    said, _, worker = ended
    results = {name: result for name, (_, result) in said.items()}
    assert results.pop("raises") in ("Raises", "UnpickleableExceptionWrapper")
    assert results.pop("bytes") in ("Bytes", "UnpickleableExceptionWrapper")
    del results["asked"]  # Celery asks too
    assert results == {"hostile": 3, "large": 1, "named": "value", "causes": "LookupError", "fine": 1}
    assert "the task goes on without it" not in worker.output()


@pytest.mark.parametrize("name", ["hostile", "large", "named", "causes", "raises", "bytes"])
def test_each_has_one_bounded_record_of_its_publish_and_of_its_run(ended: Ended, name: str) -> None:
    said, sink, _ = ended
    (run,), (publish,) = sink.runs(said[name][0]), sink.publishes(said[name][0])
    assert run.state == ("SUCCESS" if name in ("hostile", "large", "named") else "FAILURE")
    for span in (run, publish):
        size = sum(len(str(value)) for value in span.attributes.values())
        size += sum(len(str(event.attributes)) for event in span.events)
        assert size < 150_000, span.attributes.keys()
        assert len(span.name) <= 20_000


def test_a_hostile_argument_is_named_by_its_type(ended: Ended) -> None:
    said, sink, _ = ended
    (run,) = sink.runs(said["hostile"][0])
    assert "Hostile object" in run.attributes[semconv.ARGS] + run.attributes[semconv.KWARGS]


def test_a_chain_of_200_causes_keeps_its_ends(ended: Ended) -> None:
    said, sink, _ = ended
    (run,) = sink.runs(said["causes"][0])
    assert "LookupError: 199" in run.exception[semconv.EXCEPTION_STACKTRACE]
