"""What goes wrong around a task's body: handlers that raise, a backend that is down, messages of other programs."""

from __future__ import annotations

from collections.abc import Iterator

import celery
import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink, Span
from tests.support.processes import Child
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

APP = "tests.apps.handlers"
HANDLER_FAILS_TASK = tuple(map(int, celery.__version__.split(".")[:2])) < (5, 7)
"""Older versions store a failure where ``on_success`` or ``after_return`` raises; from 5.7 on it is only logged."""
PUBLISH = """
import uuid

ids = {task.name.partition(".")[2]: task.delay().id for task in (
    before_start, on_success, rejects_success, on_failure, on_retry, after_return, tracked, cancelled
)}
ids["bad_link"] = echo.apply_async((1,), link={"task": "handlers.echo", "args": 5, "options": {"countdown": "x"}}).id
bodies = {"kwargs_null": b"[[1], null, {}]", "embed_list": b"[[1], {}, []]", "args_number": b"[5, {}, {}]"}
for name, body in bodies.items():
    ids[name] = str(uuid.uuid4())
    with app.connection_for_write() as connection:
        connection.Producer().publish(
            body, exchange="", routing_key="handlers", content_type="application/json", content_encoding="utf-8",
            serializer=None, correlation_id=ids[name], headers={"id": ids[name], "task": "handlers.echo", "lang": "go"},
        )
done = echo.delay("once")
done.get(20)
ids["done"] = done.id
with app.connection_for_write() as connection:  # the message again, as the broker gives it out anew
    headers = {"id": done.id, "task": "handlers.echo", "lang": "py", "root_id": done.id}
    channel = connection.default_channel
    again = channel.prepare_message('[["once"], {}, {}]', None, "application/json", "utf-8", headers, {
        "correlation_id": done.id, "delivery_mode": 2,
    })
    again["properties"]["delivery_info"] = {"exchange": "", "routing_key": "handlers", "redelivered": True}
    again["properties"]["delivery_tag"] = str(uuid.uuid4())
    channel._put("handlers", again)
answer(ids)
"""


class Ended:
    """What became of each, by its name."""

    def __init__(self, ids: dict[str, str], sink: OtlpSink, worker: Child) -> None:
        self.ids, self.sink, self.worker = ids, sink, worker

    def runs(self, name: str, count: int = 1) -> list[Span]:
        """Its executions that have an end; one that was torn down is told of by the main process."""

        def ends() -> list[Span]:
            runs = [span for span in self.sink.runs(self.ids[name]) if not span.attributes.get(semconv.TORN)]
            return runs if len(runs) >= count else []

        found = wait_until(ends, f"{count} ends of {name}", context=self.worker.output)
        assert len(found) == count, [(span.state, span.attributes) for span in found]
        return found

    def run(self, name: str) -> Span:
        return self.runs(name)[0]


@pytest.fixture(scope="module")
def ended(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    directory = tmp_path_factory.mktemp("handlers")
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(directory, environment, app=APP, name="handlers", queues="handlers") as worker:
            ids = run_publisher(directory, environment, PUBLISH, app=APP)
            sink.wait_for_runs(ids["on_retry"], 2, context=worker.output)
            yield Ended(ids, sink, worker)


@pytest.mark.parametrize("name", ["before_start", "on_failure"])
def test_a_handler_that_raises_is_the_failure(ended: Ended, name: str) -> None:
    run = ended.run(name)
    assert (run.state, run.status) == ("FAILURE", "ERROR")
    assert run.exception[semconv.EXCEPTION_TYPE] == "ValueError"
    assert run.exception[semconv.EXCEPTION_MESSAGE] == name
    assert ("KeyError: 'card'" in run.exception[semconv.EXCEPTION_STACKTRACE]) == (name == "on_failure")


def test_a_retry_whose_handler_raises_has_failed_and_is_retried(ended: Ended) -> None:
    first, second = ended.runs("on_retry", 2)
    assert (first.state, first.attributes[semconv.RETRIES]) == ("FAILURE", 0)
    assert first.exception[semconv.EXCEPTION_TYPE] == "ValueError"
    assert (second.state, second.attributes[semconv.RETRIES]) == ("SUCCESS", 1)


@pytest.mark.parametrize("name", ["on_success", "after_return"])
def test_a_handler_that_raises_after_the_result_was_stored(ended: Ended, name: str) -> None:
    run = ended.run(name)
    if HANDLER_FAILS_TASK:
        assert (run.state, run.exception[semconv.EXCEPTION_MESSAGE]) == ("FAILURE", name)
    else:
        assert (run.state, run.status, run.attributes[semconv.RESULT]) == ("SUCCESS", "UNSET", '"done"')
        assert semconv.REASON not in run.attributes


def test_a_handler_that_rejects(ended: Ended) -> None:
    run = ended.run("rejects_success")
    assert (run.state, run.attributes[semconv.REASON]) == ("REJECTED", "no room for it")


def test_a_backend_that_is_down_before_the_body_runs_fails_the_task(ended: Ended) -> None:
    run = ended.run("tracked")
    assert (run.state, run.status) == ("FAILURE", "ERROR")
    assert run.exception[semconv.EXCEPTION_TYPE].endswith(("ConnectionError", "OperationalError"))


def test_what_is_no_exception_of_the_usual_kind_fails_the_task(ended: Ended) -> None:
    """Celery's tracer does not catch ``asyncio.CancelledError``, its pool does."""
    run = ended.run("cancelled")
    assert (run.state, run.status) == ("FAILURE", "ERROR")
    assert run.exception[semconv.EXCEPTION_TYPE] == "asyncio.exceptions.CancelledError"
    assert "in cancelled" in run.exception[semconv.EXCEPTION_STACKTRACE]


def test_a_callback_that_cannot_be_published_fails_the_task(ended: Ended) -> None:
    run = ended.run("bad_link")
    assert (run.state, run.status) == ("FAILURE", "ERROR")
    assert run.exception[semconv.EXCEPTION_TYPE] == "TypeError"


def test_a_message_without_keyword_arguments_is_invalid(ended: Ended) -> None:
    """As a publisher in another language may send it; Celery runs nothing and stores nothing."""
    run = ended.run("kwargs_null")
    assert run.state == "REJECTED"
    assert run.attributes[semconv.REASON] == "invalid message: Task keyword arguments is not a mapping"
    assert run.attributes[semconv.REPORTER] == "main"


def test_odd_bodies_that_celery_takes(ended: Ended) -> None:
    embed, number = ended.run("embed_list"), ended.run("args_number")
    assert (embed.state, embed.attributes[semconv.ARGS]) == ("SUCCESS", "[1]")
    assert (number.state, number.attributes[semconv.ARGS]) == ("FAILURE", "5")
    for name in ("embed_list", "args_number"):
        for event in (semconv.EVENT_RECEIVED, semconv.EVENT_STARTED):
            assert ended.sink.events(event, ended.ids[name]), (event, name)


def test_one_that_celery_does_not_run_again_still_succeeded(ended: Ended) -> None:
    """``worker_deduplicate_successful_tasks``: the second delivery is taken and nothing is run."""
    first, again = ended.runs("done", 2)
    assert (first.state, first.attributes[semconv.REPORTER]) == ("SUCCESS", "pool")
    assert (again.state, again.attributes[semconv.REPORTER]) == ("SUCCESS", "main")
    assert again.attributes[semconv.REASON] == "had succeeded before, was not run again"
    assert again.attributes[semconv.REDELIVERED] is True
    assert semconv.STARTED_AT not in again.attributes


def test_nothing_failed_in_our_hooks(ended: Ended) -> None:
    assert "the task goes on without it" not in ended.worker.output()
