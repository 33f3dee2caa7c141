"""The ways users set up tracing around ``instrument()``, and publishers that are not instrumented."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

PUBLISH = """
answer({"fine": echo.delay(value=5).id, "expected": expected.delay().id, "flaky": flaky.delay(1).id})
"""
MADE_BY_USER = "theirs"


@pytest.mark.parametrize(
    ("setup", "service"),
    [
        ("twice", "shop"),
        ("provider before", MADE_BY_USER),
        ("provider after", MADE_BY_USER),
        ("simple provider", MADE_BY_USER),
        ("instrumentor before", MADE_BY_USER),
        ("instrumentor with provider", MADE_BY_USER),
    ],
)
def test_every_setup_says_the_same_once(broker: Broker, tmp_path: Path, setup: str, service: str) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, SHOP_SETUP=setup)
        with start_worker(tmp_path, environment, concurrency=1) as worker:
            ids = run_publisher(tmp_path, environment, PUBLISH)
            sink.wait_for_runs(ids["flaky"], 2, context=worker.output)
            worker.stop()
        (fine,), (expected,) = sink.runs(ids["fine"]), sink.runs(ids["expected"])
        first, second = sink.runs(ids["flaky"])
        assert (fine.state, fine.attributes[semconv.RESULT]) == ("SUCCESS", "5")
        assert fine.attributes[semconv.WORKER] == "shop@tests"
        assert fine.resource["service.name"] == service
        assert (expected.state, expected.status) == ("FAILURE", "UNSET")
        assert (first.state, second.state) == ("RETRY", "SUCCESS")
        assert first.exception[semconv.EXCEPTION_TYPE] == "ConnectionError"
        assert "celery.retry.reason" not in first.attributes
        (publish,) = sink.publishes(ids["fine"])
        assert (publish.resource["service.name"], fine.parent_span_id) == (service, publish.span_id)
        assert publish.attributes[semconv.KWARGS] == fine.attributes[semconv.KWARGS]
        assert len(sink.publishes(ids["flaky"])) == 2


def test_only_pool_processes_instrumented(broker: Broker, tmp_path: Path) -> None:
    """As the stock documentation says to; nobody stamps, so the start stands in for publish and receive."""
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, SHOP_SETUP="in worker_process_init")
        with start_worker(tmp_path, environment) as worker:
            ids = run_publisher(tmp_path, environment, PUBLISH)
            (fine,) = sink.wait_for_runs(ids["fine"], context=worker.output)
            first, second = sink.wait_for_runs(ids["flaky"], 2, context=worker.output)
    assert fine.attributes[semconv.FIRST_PUBLISHED_AT] == fine.attributes[semconv.STARTED_AT]
    assert semconv.RECEIVED_AT not in fine.attributes
    assert semconv.PUBLISHED_AT not in fine.attributes
    assert fine.attributes[semconv.QUEUE] == "shop"
    assert first.attributes[semconv.EXECUTION_ID] != second.attributes[semconv.EXECUTION_ID]
    assert first.attributes[semconv.FIRST_PUBLISHED_AT] == second.attributes[semconv.FIRST_PUBLISHED_AT]


FORGED = """
now = time.time_ns()
ids = {}
firsts = {"text": "evil", "negative": -5, "far": now * 2, "huge": 10**30, "yes": True, "list": [1]}
for name, first in firsts.items():
    ids[name] = echo.apply_async((name,), headers={
        "taskmon_first_published_at": first, "taskmon_published_at": {"a": 1},
        "taskmon_received_at": 1, "taskmon_execution_id": "forged", "taskmon_queue": ["x"],
        "traceparent": "00-zz-zz-01",
    }).id
ids["flaky"] = flaky.apply_async((1,), headers={"taskmon_first_published_at": -1}).id
ids["plausible"] = echo.apply_async((1,), headers={"taskmon_first_published_at": now - 5 * 10**9}).id
ids["now"] = now
answer(ids)
"""


def test_forged_and_broken_headers_are_not_believed(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, environment) as worker:
            ids = run_publisher(tmp_path, {**environment, "SHOP_SETUP": "none"}, FORGED)
            for name in ("text", "negative", "far", "huge", "yes", "list"):
                (run,) = sink.wait_for_runs(ids[name], context=worker.output)
                said = run.attributes
                assert said[semconv.FIRST_PUBLISHED_AT] == said[semconv.RECEIVED_AT], name
                assert ids["now"] <= said[semconv.RECEIVED_AT] <= said[semconv.STARTED_AT], name
                assert semconv.PUBLISHED_AT not in said, name
                assert said[semconv.QUEUE] == "shop", name
                assert len(said[semconv.EXECUTION_ID]) == 32, name
                assert run.state == "SUCCESS", name
            first, second = sink.wait_for_runs(ids["flaky"], 2, context=worker.output)
            (plausible,) = sink.wait_for_runs(ids["plausible"], context=worker.output)
    assert first.attributes[semconv.FIRST_PUBLISHED_AT] == first.attributes[semconv.RECEIVED_AT]
    assert second.attributes[semconv.FIRST_PUBLISHED_AT] == first.attributes[semconv.FIRST_PUBLISHED_AT]
    assert second.attributes[semconv.PUBLISHED_AT] > first.attributes[semconv.STARTED_AT]
    assert plausible.attributes[semconv.FIRST_PUBLISHED_AT] == ids["now"] - 5 * 10**9


@pytest.mark.parametrize("switch", [{"TASKMON_ENABLED": "false"}, {"OTEL_SDK_DISABLED": "true"}])
def test_switched_off_tasks_run_and_nothing_is_sent(
    broker: Broker, tmp_path: Path, switch: dict[str, str]
) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, **switch)
        with start_worker(tmp_path, environment, concurrency=1) as worker:
            code = "r = flaky.delay(1)\nanswer([r.get(10), sorted(vars(signals.task_prerun)['receivers'])])"
            assert run_publisher(tmp_path, environment, code) == ["paid", []]
            worker.stop()
        assert sink.received == []
