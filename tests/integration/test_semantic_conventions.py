"""What a worker and a publisher send is what ``docs/semantic-conventions.md`` says, key by key and type by type."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.conventions import documented, type_of
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

PUBLISH = """
ids = [echo.apply_async((1,), priority=3, expires=600).id, fail.delay(5).id, flaky.delay(1).id, parent.delay().id]
answer(ids)
"""
ALWAYS_ON_A_RUN = {
    *(
        semconv.CELERY_ACTION,
        semconv.CELERY_TASK_NAME,
        semconv.MESSAGING_MESSAGE_ID,
        semconv.MESSAGING_SYSTEM,
    ),
    *(semconv.MESSAGING_DESTINATION_NAME, semconv.MESSAGING_OPERATION_TYPE, semconv.MESSAGING_OPERATION_NAME),
    *(
        semconv.ARGS,
        semconv.KWARGS,
        semconv.APP,
        semconv.REPORTER,
        semconv.WORKER,
        semconv.BOOT_ID,
        semconv.HOST,
    ),
    *(
        semconv.PID,
        semconv.EXECUTION_ID,
        semconv.QUEUE,
        semconv.REDELIVERED,
        semconv.RETRIES,
        semconv.IS_EAGER,
    ),
    *(
        semconv.ROOT_ID,
        semconv.FIRST_PUBLISHED_AT,
        semconv.PUBLISHED_AT,
        semconv.RECEIVED_AT,
        semconv.STARTED_AT,
    ),
}


def test_every_key_that_is_sent_is_documented_with_its_type(broker: Broker, tmp_path: Path) -> None:
    page = documented()
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, environment) as worker:
            ids = run_publisher(tmp_path, environment, PUBLISH)
            for task_id in ids:
                sink.wait_for_runs(task_id, context=worker.output)
            wait_until(
                lambda: any(run.state == "SUCCESS" for run in sink.runs(ids[2])),
                "the retry",
                context=worker.output,
            )
            worker.stop()
        sent = [span.attributes for span in (*sink.runs(), *sink.publishes())]
        sent += [event.attributes for span in sink.runs() for event in span.events]
        sent += [event.attributes for event in sink.events()]
        assert {event.name for event in sink.events()} >= {semconv.EVENT_ONLINE, semconv.EVENT_OFFLINE}
        seen = {(key, type_of(value)) for attributes in sent for key, value in attributes.items()}
        assert {(key, kind) for key, kind in seen if key not in page or page[key].type != kind} == set()
        for run in sink.runs():
            assert set(run.attributes) >= ALWAYS_ON_A_RUN, run.name
        for event in sink.events(semconv.EVENT_HEARTBEAT):
            assert semconv.WORKER_RUNNING_COUNT in event.attributes
        (failed,) = sink.runs(ids[1])
        assert set(failed.exception) == {key for key in page if key.startswith("exception.")} | {
            semconv.EXCEPTION_FINGERPRINT
        }
