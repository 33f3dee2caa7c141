"""Our code fails, wherever it may: the tasks of a real worker end as they would without us."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import celery
import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.exceptions import TaskRevokedError

from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.faults import Faults, faulty_worker
from tests.support.otlp_sink import OtlpSink
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KINDS = (
    "ValueError",
    "MemoryError",
    "RecursionError",
    "OSError",
    "StopIteration",
    "AssertionError",
    "Custom",
)

RECEIVERS = {
    f"signal {name}"
    for name in (
        *("before_task_publish", "after_task_publish"),
        *("task_prerun", "task_postrun", "task_received", "task_rejected", "task_revoked", "task_unknown"),
        *("worker_init", "worker_ready", "worker_shutdown", "worker_process_init", "worker_process_shutdown"),
    )
}
PROCESSORS = {
    *(f"OutboxLogRecordProcessor.{name}" for name in ("on_emit", "force_flush", "shutdown")),
    *(f"OutboxSpanProcessor.{name}" for name in ("on_end", "force_flush")),
    "TaskSpanProcessor.on_start",
}
OVERRIDDEN = {
    f"WatchedRequest.{name}"
    for name in (
        *("on_accepted", "on_success", "on_failure", "on_timeout", "revoked", "terminate", "cancel"),
        *("_success_was_stored", "_tell_cancelled"),
    )
}
WRAPPED = {
    "wrapped Celery.send_task",
    "wrapped Consumer.on_decode_error",
    "wrapped celery.worker.strategy.create_request_cls",
    # what a cold shutdown calls: nothing before Celery 5.5, and under another name from 5.6 on
    *({"wrapped Consumer.cancel_all_unacked_requests"} if (5, 5) <= celery.VERSION < (5, 6) else ()),
    *({"wrapped Consumer.cancel_active_requests"} if celery.VERSION >= (5, 6) else ()),
}


@pytest.fixture(scope="module")
def faults(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    directory = tmp_path_factory.mktemp("faults")
    with OtlpSink() as sink, faulty_worker(directory, own_database(broker), sink.url) as worker:
        yield worker


def plans(where: str, count: int) -> list[dict[str, object]]:
    kinds = cycle(KINDS)
    return [{"where": where, "kind": next(kinds), "at": at} for at in range(1, count + 1)]


def test_no_hook_is_new_to_these_tests(faults: Faults) -> None:
    """A new one has to be looked at: what happens to a task when it fails?"""
    assert set(faults.run("hooks")) == (RECEIVERS | PROCESSORS | OVERRIDDEN | WRAPPED)


@pytest.mark.parametrize("name", ["work", "fail"])
def test_a_failure_in_any_call_of_a_pool_process(faults: Faults, name: str) -> None:
    for _ in range(3):  # the first executions fill caches
        faults.run(name, 0, plan={"where": "pool", "kind": "", "at": 0})
    count, _ = faults.counted()
    assert count > 50
    struck = set()
    sent = [
        (plan, faults.send(name, plan["at"], plan=plan), faults.send("tell")) for plan in plans("pool", count)
    ]
    for plan, task, told in sent:
        ended = faults.result(task)
        if name == "work":
            assert ended == [plan["at"]], plan
        else:
            assert isinstance(ended, LookupError), plan
            assert ended.args == (plan["at"],), plan
        struck.add(faults.result(told)[1].rpartition(" ")[2])
    hooks = {"Hooks.prerun", "Hooks.postrun", "TaskSpanProcessor.on_start", "OutboxSpanProcessor.on_end"}
    assert struck >= hooks | ({"Hooks.before_publish", "Publishing.after"} if name == "work" else set())


@pytest.mark.parametrize("stamped", [False, True])
def test_a_failure_in_any_call_of_the_main_process(
    faults: Faults, stamped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events go one way where a publisher of ours stamped the message, and another where none did."""
    monkeypatch.setattr(faults, "stamped", stamped)
    for _ in range(3):  # the first executions fill caches
        faults.run("work", 0, plan={"where": "main", "kind": "", "at": 0})
    count, _ = faults.counted_in_main()
    assert count > 20
    struck = set()
    for plan in plans("main", count):
        assert faults.run("work", plan["at"], plan=plan) == [plan["at"]], plan
        struck.add(faults.counted_in_main()[1].rpartition(" ")[2])
    usual = {"UsualEvents.received", "UsualEvents.started"} if stamped else set()
    assert struck >= {"MainProcess.received", "MainProcess.accepted"} | usual


def test_every_hook_failing_every_time(broker: Broker, tmp_path: Path) -> None:
    """All ends that tasks come to, with nothing of ours working."""
    url = own_database(broker)
    with OtlpSink() as sink, faulty_worker(tmp_path, url, sink.url, FAULTS_ALL="1") as faults:
        assert faults.run("work", 1) == [1]
        assert isinstance(faults.run("fail", 2), LookupError)
        assert faults.run("again", 3) == 3
        expired = faults._app.send_task("faults.work", (4,), expires=-1)
        assert isinstance(faults.result(expired), TaskRevokedError)
        faults.send("unknown", 5)
        faults.send("work").forget()  # no value: a TypeError
        assert isinstance(faults.run("endless"), TimeLimitExceeded)
        assert isinstance(faults.run("killed"), WorkerLostError)
        assert faults.run("work", 6) == [6]
        wait_until(lambda: "unregistered task" in faults.worker.output(), "the unknown task")
        assert faults.worker.stop() == 0
        output = faults.worker.output()
    for hook in ("before the run", "after the run", "before publish", "task received", "unknown task"):
        assert f"{hook} failed, the task goes on without it" in output
    assert sink.runs() == []
