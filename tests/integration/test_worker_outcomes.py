"""Real prefork workers: every outcome, as the spans that left the worker say it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink, Span
from tests.support.processes import Child
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

PUBLISH = """
import uuid
ids = {}
for name, value in [("text", "x"), ("none", None), ("zero", 0), ("false", False), ("empty", ""), ("list", [])]:
    ids[name] = echo.delay(value).id
ids["eta"] = add.apply_async((1, 2), countdown=4, expires=600, priority=3).id
ids["kwargs"] = echo.delay(value=5, city="Oslo").id
ids["fail"] = fail.delay(7).id
ids["expected"] = expected.delay().id
ids["flaky"] = flaky.delay(2).id
ids["hopeless"] = hopeless.delay().id
ids["again"] = again.delay().id
ids["ignore"] = ignore.delay().id
ids["reject"] = reject.delay().id
ids["unserialisable"] = unserialisable.delay().id
ids["parent"] = parent.delay().id
ids["pass_on"] = pass_on.delay().id
ids["soft_limit"] = pause.apply_async((30,), soft_time_limit=1).id
ids["eager_inside"] = eager_inside.delay().id
ids["mail"] = mail.delay("bob").id
ids["by_name"] = app.send_task("shop.tasks.add", (4, 5)).id
# without a result: older versions of Celery cannot make a result of such an id
ids["uuid"] = str(echo.apply_async(("u",), task_id=uuid.UUID(int=7), ignore_result=True).id)
ids["named"] = echo.apply_async(("n",), task_id="order-17").id
made = canvases()
step2 = made["chain"].apply_async()
ids["chain"] = [step2.parent.id, step2.id]
sent = made["group"].apply_async()
ids["group"], ids["group_id"] = [r.id for r in sent.results], sent.id
body = made["chord"].apply_async()
ids["chord"], ids["chord_group"] = [r.id for r in body.parent.results], body.parent.id
ids["chord_body"] = body.id
ids["not_stored"] = not_stored.delay().id  # last, since it takes its time
answer(ids)
"""


@dataclass
class Shop:
    sink: OtlpSink
    worker: Child
    ids: dict[str, Any]

    def runs(self, label: str, count: int = 1) -> list[Span]:
        return self.sink.wait_for_runs(self.ids[label], count, context=self.worker.output)

    def run(self, label: str) -> Span:
        found = self.runs(label)
        assert len(found) == 1, found
        return found[0]

    def run_of(self, task_id: str) -> Span:
        return self.sink.wait_for_runs(task_id, context=self.worker.output)[0]

    def publishes(self, label: str, count: int = 1) -> list[Span]:
        def enough() -> list[Span]:
            found = self.sink.publishes(self.ids[label])
            return found if len(found) >= count else []

        return wait_until(enough, f"{count} publishes of {label}", context=self.worker.output)


@pytest.fixture(scope="module")
def shop(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    directory: Path = tmp_path_factory.mktemp("outcomes")
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(directory, environment) as worker:
            yield Shop(sink, worker, run_publisher(directory, environment, PUBLISH))


@pytest.mark.parametrize(
    ("label", "result"),
    [
        ("text", '"x"'),
        ("none", "null"),
        ("zero", "0"),
        ("false", "false"),
        ("empty", '""'),
        ("list", "[]"),
        ("mail", '"sent"'),
    ],
)
def test_success_keeps_the_result_as_it_is(shop: Shop, label: str, result: str) -> None:
    run = shop.run(label)
    assert (run.state, run.status, run.attributes[semconv.RESULT]) == ("SUCCESS", "UNSET", result)
    assert run.exception == {}
    assert semconv.TORN not in run.attributes
    assert semconv.ERROR_TYPE not in run.attributes


def test_arguments_and_identity(shop: Shop) -> None:
    run = shop.run("kwargs")
    said = run.attributes
    assert run.name == "run/shop.tasks.echo"
    assert run.kind == "CONSUMER"
    assert run.scope == semconv.INSTRUMENTATION_SCOPE
    assert json.loads(said[semconv.ARGS]) == []
    assert json.loads(said[semconv.KWARGS]) == {"value": 5, "city": "Oslo"}
    assert said[semconv.APP] == "shop"
    assert said[semconv.WORKER] == "shop@tests"
    assert said[semconv.REPORTER] == "pool"
    assert said[semconv.QUEUE] == "shop"
    assert said[semconv.ROUTING_KEY] == "shop"
    assert said[semconv.REDELIVERED] is False
    assert said[semconv.IS_EAGER] is False
    assert said[semconv.RETRIES] == 0
    assert said[semconv.PID] not in (0, shop.worker.pid), "a pool process ran it, not the main one"
    assert said[semconv.MESSAGING_SYSTEM] == "redis"
    assert said[semconv.MESSAGING_DESTINATION_NAME] == "shop"
    assert said[semconv.MESSAGING_OPERATION_TYPE] == "process"
    assert run.resource["service.name"] == "shop"
    assert "process.pid" not in run.resource


def test_a_routed_task_names_its_queue(shop: Shop) -> None:
    run, (publish,) = shop.run("mail"), shop.publishes("mail")
    assert run.attributes[semconv.QUEUE] == publish.attributes[semconv.QUEUE] == "mails"


def test_failure_has_the_whole_chain_of_causes(shop: Shop) -> None:
    run = shop.run("fail")
    assert (run.state, run.status) == ("FAILURE", "ERROR")
    assert run.attributes[semconv.ERROR_TYPE] == run.exception[semconv.EXCEPTION_TYPE]
    assert run.exception[semconv.EXCEPTION_TYPE] == "tests.apps.shop.Declined"
    assert run.exception[semconv.EXCEPTION_MESSAGE] == "order 7 declined"
    stack = run.exception[semconv.EXCEPTION_STACKTRACE]
    assert "KeyError" in stack
    assert "order 7 declined" in stack
    assert "in fail" in stack
    assert len(run.exception[semconv.EXCEPTION_FINGERPRINT]) == 16
    assert semconv.RESULT not in run.attributes


def test_an_expected_failure_is_no_error(shop: Shop) -> None:
    run = shop.run("expected")
    assert (run.state, run.status) == ("FAILURE", "UNSET")
    assert semconv.ERROR_TYPE not in run.attributes
    assert run.exception[semconv.EXCEPTION_TYPE] == "tests.apps.shop.Expected"


def test_each_retry_has_its_real_cause(shop: Shop) -> None:
    runs = shop.runs("flaky", 3)
    assert [run.state for run in runs] == ["RETRY", "RETRY", "SUCCESS"]
    assert [run.status for run in runs] == ["UNSET"] * 3
    assert [run.attributes[semconv.RETRIES] for run in runs] == [0, 1, 2]
    for number, run in enumerate(runs[:2]):
        assert run.exception[semconv.EXCEPTION_TYPE] == "ConnectionError"
        assert run.exception[semconv.EXCEPTION_MESSAGE] == f"gateway down, try {number}"
        assert "in flaky" in run.exception[semconv.EXCEPTION_STACKTRACE]
        assert "gateway down" in run.attributes[semconv.REASON]
    assert runs[2].exception == {}
    assert all(semconv.PARENT_ID not in run.attributes for run in runs), "the task's own id is no parent"


def test_all_executions_share_one_key_and_have_ids_of_their_own(shop: Shop) -> None:
    runs, publishes = shop.runs("flaky", 3), shop.publishes("flaky", 3)
    firsts = {span.attributes[semconv.FIRST_PUBLISHED_AT] for span in (*runs, *publishes)}
    assert firsts == {publishes[0].attributes[semconv.PUBLISHED_AT]}
    assert [run.attributes[semconv.PUBLISHED_AT] for run in runs] == [
        publish.attributes[semconv.PUBLISHED_AT] for publish in publishes
    ]
    assert len({run.attributes[semconv.EXECUTION_ID] for run in runs}) == 3
    assert [publish.attributes[semconv.RETRIES] for publish in publishes] == [0, 1, 2]


def test_retries_exhausted_end_in_failure(shop: Shop) -> None:
    first, last = shop.runs("hopeless", 2)
    assert (first.state, first.status) == ("RETRY", "UNSET")
    assert (last.state, last.status) == ("FAILURE", "ERROR")
    for run in (first, last):
        assert run.exception[semconv.EXCEPTION_TYPE] == "tests.apps.shop.Declined"


def test_a_retry_without_a_cause_has_a_reason_only(shop: Shop) -> None:
    first, last = shop.runs("again", 2)
    assert first.state == "RETRY"
    assert first.exception == {}
    assert first.attributes[semconv.REASON].startswith("Retry in")
    assert last.state == "SUCCESS"


def test_ignore_and_reject_are_no_errors(shop: Shop) -> None:
    ignored, rejected = shop.run("ignore"), shop.run("reject")
    assert (ignored.state, ignored.status, ignored.exception) == ("IGNORED", "UNSET", {})
    assert (rejected.state, rejected.status, rejected.exception) == ("REJECTED", "UNSET", {})
    assert rejected.attributes[semconv.REASON] == "broken order"


def test_a_result_that_celery_cannot_store_is_a_failure(shop: Shop) -> None:
    run = shop.run("unserialisable")
    assert (run.state, run.status) == ("FAILURE", "ERROR")
    assert "EncodeError" in run.exception[semconv.EXCEPTION_TYPE]


def test_a_result_that_is_not_stored_is_noted(shop: Shop) -> None:
    """Celery says SUCCESS to the callbacks that it has sent, and no more."""
    run = shop.run("not_stored")
    assert (run.state, run.status, run.attributes[semconv.RESULT]) == ("SUCCESS", "UNSET", '"done"')
    assert run.attributes[semconv.REASON] == "the result was not stored (ConnectionError)"
    assert semconv.REASON not in shop.run("text").attributes


def test_eta_expires_and_priority(shop: Shop) -> None:
    run, (publish,) = shop.run("eta"), shop.publishes("eta")
    eta, expires = run.attributes[semconv.ETA], run.attributes[semconv.EXPIRES]
    assert publish.attributes[semconv.ETA] == eta
    assert publish.attributes[semconv.EXPIRES] == expires
    assert run.start_ns >= eta > publish.start_ns
    assert run.attributes[semconv.RECEIVED_AT] < eta, "the worker holds it until then"
    assert 590e9 < expires - publish.start_ns < 610e9
    assert run.attributes[semconv.PRIORITY] == publish.attributes[semconv.PRIORITY] == 3


def test_the_four_times_are_in_order(shop: Shop) -> None:
    for label in ("text", "fail", "eta", "mail", "by_name"):
        run = shop.run(label)
        said = run.attributes
        times = [
            said[semconv.FIRST_PUBLISHED_AT],
            said[semconv.PUBLISHED_AT],
            said[semconv.RECEIVED_AT],
            said[semconv.STARTED_AT],
            run.end_ns,
        ]
        assert times == sorted(times), label
        assert said[semconv.STARTED_AT] == run.start_ns


def test_a_task_from_a_task_knows_its_parent(shop: Shop) -> None:
    parent = shop.run("parent")
    child = shop.run_of(json.loads(parent.attributes[semconv.RESULT]))
    assert child.attributes[semconv.PARENT_ID] == shop.ids["parent"]
    assert child.attributes[semconv.ROOT_ID] == shop.ids["parent"]
    assert child.trace_id == parent.trace_id
    (publish,) = shop.sink.publishes(child.task_id)
    assert (publish.parent_span_id, child.parent_span_id) == (parent.span_id, publish.span_id)
    assert publish.attributes[semconv.PARENT_ID] == shop.ids["parent"]


def test_headers_that_a_task_passes_on_are_not_the_others(shop: Shop) -> None:
    run = shop.run("pass_on")
    other = shop.run_of(json.loads(run.attributes[semconv.RESULT]))
    assert other.attributes[semconv.FIRST_PUBLISHED_AT] == other.attributes[semconv.PUBLISHED_AT]
    assert other.attributes[semconv.FIRST_PUBLISHED_AT] > run.start_ns
    assert other.attributes[semconv.EXECUTION_ID] != run.attributes[semconv.EXECUTION_ID]
    assert other.attributes[semconv.PARENT_ID] == shop.ids["pass_on"]


def test_a_soft_time_limit_is_a_failure(shop: Shop) -> None:
    run = shop.run("soft_limit")
    assert (run.state, run.status) == ("FAILURE", "ERROR")
    assert run.exception[semconv.EXCEPTION_TYPE].endswith("SoftTimeLimitExceeded")
    assert 0.9e9 < run.end_ns - run.start_ns < 10e9


def test_an_eager_task_inside_a_task(shop: Shop) -> None:
    outer = shop.run("eager_inside")
    (inner,) = [run for run in shop.sink.runs() if run.parent_span_id == outer.span_id]
    assert (inner.state, inner.attributes[semconv.RESULT]) == ("SUCCESS", '"eager"')
    assert inner.attributes[semconv.IS_EAGER] is True
    assert inner.attributes[semconv.WORKER] == "shop@tests"
    assert inner.attributes[semconv.PARENT_ID] == shop.ids["eager_inside"]
    assert (outer.state, outer.attributes[semconv.RESULT]) == ("SUCCESS", '"eager"')


def test_chain_has_root_and_parent(shop: Shop) -> None:
    first_id, second_id = shop.ids["chain"]
    first, second = shop.run_of(first_id), shop.run_of(second_id)
    assert second.attributes[semconv.RESULT] == "13"
    assert second.attributes[semconv.ROOT_ID] == first.attributes[semconv.ROOT_ID] == first_id
    assert second.attributes[semconv.PARENT_ID] == first_id
    assert semconv.PARENT_ID not in first.attributes
    assert first.trace_id == second.trace_id


def test_group_has_id_and_places(shop: Shop) -> None:
    runs = [shop.run_of(task_id) for task_id in shop.ids["group"]]
    assert {run.attributes[semconv.GROUP_ID] for run in runs} == {shop.ids["group_id"]}
    assert [run.attributes[semconv.GROUP_INDEX] for run in runs] == [0, 1]
    assert all(semconv.CHORD_ID not in run.attributes for run in runs)


def test_chord_names_its_body(shop: Shop) -> None:
    header = [shop.run_of(task_id) for task_id in shop.ids["chord"]]
    body = shop.run_of(shop.ids["chord_body"])
    assert {run.attributes[semconv.CHORD_ID] for run in header} == {shop.ids["chord_body"]}
    assert {run.attributes[semconv.GROUP_ID] for run in header} == {shop.ids["chord_group"]}
    assert body.attributes[semconv.RESULT] == "12"
    for run in header:
        (publish,) = shop.sink.publishes(run.task_id)
        assert publish.attributes[semconv.CHORD_ID] == shop.ids["chord_body"]
        assert publish.attributes[semconv.GROUP_ID] == shop.ids["chord_group"]


def test_publish_span_says_what_was_sent(shop: Shop) -> None:
    (publish,) = shop.publishes("kwargs")
    said = publish.attributes
    assert publish.name == "apply_async/shop.tasks.echo"
    assert publish.kind == "PRODUCER"
    assert json.loads(said[semconv.KWARGS]) == {"value": 5, "city": "Oslo"}
    assert said[semconv.QUEUE] == said[semconv.ROUTING_KEY] == "shop"
    assert said[semconv.APP] == "shop"
    assert said[semconv.ROOT_ID] == shop.ids["kwargs"]
    assert said[semconv.MESSAGING_SYSTEM] == "redis"
    assert said[semconv.MESSAGING_OPERATION_TYPE] == "send"
    assert publish.status == "UNSET"
    run = shop.run("kwargs")
    assert (run.parent_span_id, run.trace_id) == (publish.span_id, publish.trace_id)


def test_custom_ids_and_send_task_by_name(shop: Shop) -> None:
    assert shop.run("named").task_id == "order-17"
    run, (publish,) = shop.run("uuid"), shop.publishes("uuid")
    assert run.attributes[semconv.FIRST_PUBLISHED_AT] == publish.attributes[semconv.PUBLISHED_AT]
    assert shop.run("by_name").attributes[semconv.RESULT] == "9"


def test_one_boot_and_unique_executions(shop: Shop) -> None:
    for label in ("text", "fail", "again", "chord_body"):
        shop.run_of(shop.ids[label])
    runs = [run for run in shop.sink.runs() if not run.attributes[semconv.IS_EAGER]]
    assert len({run.attributes[semconv.BOOT_ID] for run in runs}) == 1
    assert len({run.attributes[semconv.PID] for run in runs}) == 2, "two pool processes"
    ids = [run.attributes[semconv.EXECUTION_ID] for run in runs]
    assert len(set(ids)) == len(ids)


def test_nothing_of_ours_failed(shop: Shop) -> None:
    shop.run_of(shop.ids["chord_body"])
    assert "the task goes on without it" not in shop.worker.output()
    assert "tasks are not recorded" not in shop.worker.output()
