"""The other pools, and what is still sent when a worker ends."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import celery
import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

PUBLISH = """
ids = {"flaky": flaky.delay(1).id, "fail": fail.delay(7).id, "none": echo.delay(None).id}
ids["flakies"] = [flaky.delay(2).id for _ in range(10)]
ids["many"] = [add.delay(n, n).id for n in range(20)]
answer(ids)
"""


@pytest.mark.parametrize("pool", ["threads", "solo", "gevent", "eventlet"])
def test_the_other_pools_say_the_same(broker: Broker, tmp_path: Path, pool: str) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, environment, pool=pool, name=pool) as worker:
            ids = run_publisher(tmp_path, environment, PUBLISH)
            first, second = sink.wait_for_runs(ids["flaky"], 2, context=worker.output)
            (failed,) = sink.wait_for_runs(ids["fail"], context=worker.output)
            (none,) = sink.wait_for_runs(ids["none"], context=worker.output)
            flakies = [sink.wait_for_runs(task_id, 3, context=worker.output) for task_id in ids["flakies"]]
            many = [sink.wait_for_runs(task_id, context=worker.output) for task_id in ids["many"]]
    assert (first.state, second.state) == ("RETRY", "SUCCESS")
    assert first.exception[semconv.EXCEPTION_TYPE] == "ConnectionError"
    assert first.attributes[semconv.FIRST_PUBLISHED_AT] == second.attributes[semconv.FIRST_PUBLISHED_AT]
    for retried in flakies:  # in threads a retry may start before the execution that asked for it has ended
        by_retries = sorted(retried, key=lambda run: int(run.attributes[semconv.RETRIES]))
        assert [run.state for run in by_retries] == ["RETRY", "RETRY", "SUCCESS"]
    assert "Failed to detach context" not in worker.output()
    assert (failed.state, failed.status) == ("FAILURE", "ERROR")
    assert none.attributes[semconv.RESULT] == "null"
    runs = [first, second, failed, none, *(run for (run,) in many)]
    assert {run.attributes[semconv.WORKER] for run in runs} == {f"{pool}@tests"}
    assert {run.attributes[semconv.PID] for run in runs} == {worker.pid}
    assert len({run.attributes[semconv.BOOT_ID] for run in runs}) == 1
    assert len({run.attributes[semconv.EXECUTION_ID] for run in runs}) == len(runs)
    for run in runs:
        said = run.attributes
        assert (
            said[semconv.PUBLISHED_AT] <= said[semconv.RECEIVED_AT] <= said[semconv.STARTED_AT] <= run.end_ns
        )
    assert [run.attributes[semconv.RESULT] for (run,) in many] == [str(2 * n) for n in range(20)]


TERMINATE = """
from tests.support.waiting import wait_until
running = pause.delay(60)
inspect = app.control.inspect(timeout=0.5)
wait_until(lambda: any((inspect.active() or {}).values()), "the task to run", timeout=30)
app.control.revoke(running.id, terminate=True)
answer(running.id)
"""


TERMINATING = ["eventlet", *(["gevent"] if celery.VERSION[:2] >= (5, 5) else [])]
"""Pools of greenlets that can: Celery 5.4 says of its gevent that it does not."""


@pytest.mark.parametrize("pool", TERMINATING)
def test_a_task_that_is_terminated_in_its_greenlet_is_revoked(
    broker: Broker, tmp_path: Path, pool: str
) -> None:
    """The pool comes back from a killed greenlet as from a task that it skipped."""
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, environment, pool=pool, name=pool) as worker:
            task_id = run_publisher(tmp_path, environment, TERMINATE)
            runs = sink.wait_for_runs(task_id, 2, context=worker.output)
    (ended,) = (run for run in runs if not run.attributes.get(semconv.TORN))
    assert (ended.state, ended.attributes[semconv.REASON]) == ("REVOKED", "terminated by SIGTERM")


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo", "gevent", "eventlet"])
def test_a_warm_shutdown_sends_what_is_left(broker: Broker, tmp_path: Path, pool: str) -> None:
    """Sending every minute only: what arrives was flushed."""
    with OtlpSink() as sink:
        late = {"TASKMON_EXPORT_INTERVAL_MS": "60000", "TASKMON_FLUSH_TIMEOUT_S": "10"}
        environment = worker_environment(own_database(broker), sink.url, **late)
        with start_worker(tmp_path, environment, pool=pool) as worker:
            code = "rs = [add.delay(n, 1) for n in range(50)]\n[r.get(20) for r in rs]\nanswer([r.id for r in rs])"
            ids = run_publisher(tmp_path, environment, code)
            # a result is stored before the span ends; a worker before may have left retries in the queue

            def ended() -> bool:
                said = worker.output()
                return all(f"[{task_id}] succeeded in" in said for task_id in ids)

            wait_until(ended, "50 ends", context=worker.output)
            assert len(sink.publishes()) == 50, "the publisher sent its spans at its own exit"
            assert sink.runs() == []
            assert worker.stop() == 0
        assert [len(sink.runs(task_id)) for task_id in ids] == [1] * 50


def test_a_collector_that_hangs_delays_neither_tasks_nor_exit(broker: Broker, tmp_path: Path) -> None:
    released = threading.Event()

    def hang() -> int:
        released.wait(60)
        return 200

    with OtlpSink(answer=hang) as sink:
        environment = worker_environment(own_database(broker), sink.url, TASKMON_FLUSH_TIMEOUT_S="1")
        with start_worker(tmp_path, environment) as worker:
            code = "rs = [add.delay(n, 1) for n in range(20)]\nanswer([r.get(10) for r in rs])"
            assert run_publisher(tmp_path, environment, code) == list(range(1, 21))
            wait_until(lambda: sink.received, "a request that hangs")
            began = time.monotonic()
            worker.stop()
            took = time.monotonic() - began
        released.set()
    # celery itself takes about 1 s, and pool process and main process have a second each
    assert took < 6, worker.output()


def test_a_worker_started_again_has_another_boot(broker: Broker, tmp_path: Path) -> None:
    boots = set()
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        for _ in range(2):
            with start_worker(tmp_path, environment, concurrency=1) as worker:
                task_id = run_publisher(tmp_path, environment, "answer(echo.delay(1).id)")
                (run,) = sink.wait_for_runs(task_id, context=worker.output)
                boots.add(run.attributes[semconv.BOOT_ID])
    assert len(boots) == 2


def test_pool_processes_that_are_replaced_lose_nothing(broker: Broker, tmp_path: Path) -> None:
    """What they finished waits in the main process's folder, here until its end."""
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, TASKMON_EXPORT_INTERVAL_MS="60000")
        with start_worker(tmp_path, environment, more=["--max-tasks-per-child=1"]) as worker:
            code = "rs = [add.delay(n, 1) for n in range(10)]\n[r.get(20) for r in rs]\nanswer([r.id for r in rs])"
            ids = run_publisher(tmp_path, environment, code)
            wait_until(lambda: worker.output().count("succeeded in") == 10, "10 ends", context=worker.output)
            assert worker.stop() == 0
        assert [len(sink.runs(task_id)) for task_id in ids] == [1] * 10, worker.output()
        runs = [sink.runs(task_id)[0] for task_id in ids]
    assert len({run.attributes[semconv.PID] for run in runs}) == 10
    assert len({run.attributes[semconv.BOOT_ID] for run in runs}) == 1


def test_an_execution_that_is_torn_down_says_so_and_the_main_process_why(
    broker: Broker, tmp_path: Path
) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, environment, concurrency=1) as worker:
            task_id = run_publisher(tmp_path, environment, "answer(interrupted.delay().id)")
            runs = sink.wait_for_runs(task_id, 2, context=worker.output)
    pool, main = sorted(runs, key=lambda run: str(run.attributes[semconv.REPORTER]), reverse=True)
    assert pool.attributes[semconv.TORN] is True
    assert (pool.state, pool.status) == ("", "UNSET")
    assert (main.state, main.attributes[semconv.REASON]) == ("LOST", "the task raised KeyboardInterrupt")
    for key in (semconv.EXECUTION_ID, semconv.FIRST_PUBLISHED_AT):
        assert pool.attributes[key] == main.attributes[key]
