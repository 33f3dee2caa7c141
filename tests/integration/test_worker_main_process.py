"""Ends that no pool process can report: one record each from the worker's main process."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGQUIT
from typing import Any

import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink, Span
from tests.support.processes import Child
from tests.support.waiting import wait_until
from tests.support.workers import SHOP, run_publisher, start_worker, worker_environment

pytestmark = pytest.mark.integration

APP = "tests.apps.endings"
SECRET = "cnry" + secrets.token_hex(12)

# One after the other and before the rest: a pool process that is killed takes with it what it has not exported yet.
SPARED = (
    ("own_fine", "own_fine.delay()", 1),
    ("fails", "fails.delay()", 1),
    ("rejects", "rejects.delay()", 1),
    ("killed_once", "killed_once.delay(MARK)", 2),
)
PUBLISH = """
from opentelemetry import trace
ids = {}
ids["killed"] = killed.delay(7, password=SECRET).id
ids["positional"] = killed.apply_async((8, SECRET, 11)).id
ids["own_killed"] = own_killed.delay().id
ids["os_exit"] = os_exit.delay(7).id
ids["sys_exit"] = sys_exit.delay(3).id
ids["sys_exit_text"] = sys_exit.delay(f"password={SECRET}").id
ids["interrupted"] = interrupted.delay().id
ids["hard_limit"] = pause.apply_async((30,), time_limit=1).id
ids["expired"] = pause.apply_async((0,), expires=-5).id
ids["expired_while_waiting"] = pause.apply_async((0,), countdown=1, expires=0.5).id
ids["by_id"] = pause.apply_async((0,), countdown=2).id
ids["by_stamp"] = pause.s(0).set(countdown=2, customer="c-17", stamped_headers=["customer"]).apply_async().id
ids["unknown"] = app.send_task("elsewhere.tasks.nobody", (1,), {"password": SECRET}, queue="shop").id
ids["bad_eta"] = app.send_task("endings.tasks.pause", (0,), headers={"eta": "soon"}).id
send_raw(f'[["{SECRET}", '.encode(), headers={"id": "cut", "task": "endings.tasks.pause"},
         content_type="application/json", content_encoding="utf-8", serializer=None)
send_raw(SECRET.encode(), headers={"id": "pickled", "task": "endings.tasks.pause"},
         content_type="application/x-python-serialize", content_encoding="binary", serializer=None)
send_raw(json.dumps({"secret": SECRET}), correlation_id="not-a-task",
         content_type="application/json", content_encoding="utf-8", serializer=None)
app.control.revoke_by_stamped_headers({"customer": ["c-17"]}, destination=["endings@tests"], reply=True, timeout=10)
app.control.revoke(ids["by_id"], destination=["endings@tests"], reply=True, timeout=10)
answer(ids)
"""

TERMINATE = """
import time
ids = {"running": pause.delay(60).id}
control = app.control.inspect(destination=["endings@tests"], timeout=5)
while not any(task["id"] == ids["running"] for task in control.active().get("endings@tests", ())):
    pass
app.control.revoke(ids["running"], terminate=True, signal="SIGKILL", destination=["endings@tests"])
answer(ids)
"""


@dataclass
class Endings:
    sink: OtlpSink
    worker: Child
    ids: dict[str, Any]

    def reports(self, label: str, count: int = 1) -> list[Span]:
        """What the tables would show: not what a torn pool process left."""
        task_id = self.ids.get(label, label)

        def told() -> list[Span]:
            found = [r for r in self.sink.runs(task_id) if semconv.TORN not in r.attributes]
            return found if len(found) >= count else []

        return wait_until(told, f"{count} reports of {label}", timeout=40, context=self.worker.output)

    def main(self, label: str) -> Span:
        """The only report, which the main process made."""
        (found,) = self.reports(label)
        assert found.attributes[semconv.REPORTER] == "main"
        return found


@pytest.fixture(scope="module")
def shop(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endings]:
    directory: Path = tmp_path_factory.mktemp("endings")
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(directory, environment, app=APP, name="endings") as worker:
            known = f"import json\nSECRET, MARK = {SECRET!r}, {str(directory / 'mark')!r}\n"
            ids: dict[str, Any] = {}
            for label, publish, reports in SPARED:
                ids[label] = run_publisher(directory, environment, f"{known}answer({publish}.id)", app=APP)
                Endings(sink, worker, ids).reports(label, reports)
            ids |= run_publisher(directory, environment, known + PUBLISH, app=APP)
            ids |= run_publisher(directory, environment, TERMINATE, app=APP)
            yield Endings(sink, worker, ids)


LOST = {
    "killed": "pool process ended: signal 9 (SIGKILL)",
    "positional": "pool process ended: signal 11 (SIGSEGV)",
    "own_killed": "pool process ended: signal 9 (SIGKILL)",
    "os_exit": "pool process ended: exit code 7",
    "sys_exit": "pool process ended: exit code 3",
    "sys_exit_text": "pool process ended: exit code 1",
    "interrupted": "the task raised KeyboardInterrupt",
}


@pytest.mark.parametrize("label", LOST)
def test_a_pool_process_that_dies_is_a_lost_execution_with_its_cause(shop: Endings, label: str) -> None:
    run = shop.main(label)
    assert (run.state, run.status) == ("LOST", "ERROR")
    assert run.attributes[semconv.REASON] == LOST[label]
    assert run.attributes[semconv.STARTED_AT] == run.start_ns
    assert run.attributes[semconv.PID] != shop.worker.pid
    assert run.attributes[semconv.ERROR_TYPE] == run.exception[semconv.EXCEPTION_TYPE]
    assert run.attributes[semconv.ERROR_TYPE] == "billiard.exceptions.WorkerLostError"
    # the pool waits half a second here before it says so; the record has the time the process was gone
    assert 0 <= run.end_ns - run.start_ns < 5e9


def test_a_main_record_says_what_a_pool_process_would(shop: Endings) -> None:
    run, pool = shop.main("killed"), shop.reports("own_fine")[0]
    said = run.attributes
    assert pool.attributes[semconv.REPORTER] == "pool"
    ours = {key for key in pool.attributes if key.startswith(("taskmon.", "messaging.operation"))}
    assert ours - set(said) == {semconv.RESULT}
    assert (run.name, run.kind, run.scope) == ("run/endings.tasks.killed", "CONSUMER", pool.scope)
    differing = {
        key for key in run.resource | pool.resource if run.resource.get(key) != pool.resource.get(key)
    }
    assert differing <= {"service.instance.id"}, "the SDK draws that in each process"
    for key in (semconv.WORKER, semconv.BOOT_ID, semconv.QUEUE, semconv.HOST, semconv.MESSAGING_SYSTEM):
        assert said[key] == pool.attributes[key]
    assert said[semconv.APP] == "endings"
    assert said[semconv.ROOT_ID] == shop.ids["killed"]
    assert json.loads(said[semconv.ARGS]) == [7]
    assert json.loads(said[semconv.KWARGS]) == {"password": "***"}
    assert said[semconv.PAYLOAD_NOTES] == "kwargs:redacted"
    times = [
        said[semconv.FIRST_PUBLISHED_AT],
        said[semconv.PUBLISHED_AT],
        said[semconv.RECEIVED_AT],
        run.start_ns,
        run.end_ns,
    ]
    assert times == sorted(times)
    (publish,) = shop.sink.publishes(shop.ids["killed"])
    assert (run.trace_id, run.parent_span_id) == (publish.trace_id, publish.span_id)


def test_positional_secrets_are_masked_by_name(shop: Endings) -> None:
    assert json.loads(shop.main("positional").attributes[semconv.ARGS]) == [8, "***", 11]


def test_users_own_request_class_goes_on_working(shop: Endings) -> None:
    shop.main("own_killed")
    (fine,) = shop.reports("own_fine")
    assert fine.state == "SUCCESS"
    assert (
        f"own request accepted {shop.ids['own_fine']} by {fine.attributes[semconv.PID]}"
        in shop.worker.output()
    )
    assert f"own request failed {shop.ids['own_killed']}" in shop.worker.output()


def test_a_lost_execution_is_followed_by_its_redelivery(shop: Endings) -> None:
    lost, again = shop.reports("killed_once", 2)
    assert (lost.state, again.state) == ("LOST", "SUCCESS")
    assert (lost.attributes[semconv.REPORTER], again.attributes[semconv.REPORTER]) == ("main", "pool")
    assert (lost.attributes[semconv.REDELIVERED], again.attributes[semconv.REDELIVERED]) == (False, True)
    assert lost.attributes[semconv.EXECUTION_ID] != again.attributes[semconv.EXECUTION_ID]
    assert lost.attributes[semconv.FIRST_PUBLISHED_AT] == again.attributes[semconv.FIRST_PUBLISHED_AT]


def test_a_hard_time_limit_is_one_failure(shop: Endings) -> None:
    run = shop.main("hard_limit")
    assert (run.state, run.status) == ("FAILURE", "ERROR")
    assert run.attributes[semconv.REASON] == "hard time limit (1 s) exceeded"
    assert run.exception[semconv.EXCEPTION_TYPE] == "billiard.exceptions.TimeLimitExceeded"
    assert 0.9e9 < run.end_ns - run.start_ns < 10e9


@pytest.mark.parametrize(
    ("label", "state", "reason"),
    [
        ("expired", "EXPIRED", "expired"),
        ("expired_while_waiting", "EXPIRED", "expired"),
        ("by_id", "REVOKED", "revoked"),
        ("by_stamp", "REVOKED", "revoked by stamped header customer"),
    ],
)
def test_what_never_ran_has_a_reason_and_no_start(shop: Endings, label: str, state: str, reason: str) -> None:
    run = shop.main(label)
    assert (run.state, run.status, run.attributes[semconv.REASON]) == (state, "UNSET", reason)
    assert semconv.STARTED_AT not in run.attributes
    assert semconv.ERROR_TYPE not in run.attributes
    assert run.start_ns == run.end_ns
    assert json.loads(run.attributes[semconv.ARGS]) == [0]
    assert run.attributes[semconv.PUBLISHED_AT] <= run.attributes[semconv.RECEIVED_AT] <= run.end_ns


def test_a_task_terminated_while_running_names_the_signal(shop: Endings) -> None:
    run = shop.main("running")
    assert (run.state, run.status) == ("REVOKED", "UNSET")
    assert run.attributes[semconv.REASON] == "terminated by SIGKILL"
    assert run.attributes[semconv.STARTED_AT] == run.start_ns < run.end_ns


def test_a_task_nobody_knows_here_is_rejected(shop: Endings) -> None:
    run = shop.main("unknown")
    assert (run.name, run.state) == ("run/elsewhere.tasks.nobody", "REJECTED")
    assert run.attributes[semconv.REASON] == "the task is not registered on this worker"
    assert run.attributes[semconv.WORKER] == "endings@tests"
    assert run.attributes[semconv.APP] == "elsewhere"
    assert run.attributes[semconv.QUEUE] == "shop"
    assert json.loads(run.attributes[semconv.ARGS]) == [1]
    assert json.loads(run.attributes[semconv.KWARGS]) == {"password": "***"}
    (publish,) = shop.sink.publishes(shop.ids["unknown"])
    assert run.parent_span_id == publish.span_id


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("cut", "cannot be decoded (DecodeError from JSONDecodeError)"),
        ("pickled", "content type application/x-python-serialize is not accepted"),
        ("not-a-task", "not a task message"),
    ],
)
def test_a_message_that_cannot_be_read_is_rejected_and_its_body_not_shown(
    shop: Endings, label: str, reason: str
) -> None:
    run = shop.main(label)
    assert (run.state, run.status, run.attributes[semconv.REASON]) == ("REJECTED", "UNSET", reason)
    assert run.attributes[semconv.PAYLOAD_NOTES] == "args:dropped,kwargs:dropped"
    assert semconv.ARGS not in run.attributes
    assert len(run.attributes[semconv.EXECUTION_ID]) == 32


def test_a_message_with_a_broken_time_is_rejected(shop: Endings) -> None:
    run = shop.main("bad_eta")
    assert run.state == "REJECTED"
    assert "ETA" in run.attributes[semconv.REASON]


@pytest.mark.parametrize(
    ("label", "state"), [("fails", "FAILURE"), ("rejects", "REJECTED"), ("own_fine", "SUCCESS")]
)
def test_what_the_pool_process_reports_is_not_reported_again(shop: Endings, label: str, state: str) -> None:
    shop.main("running")  # the last of all
    (run,) = shop.sink.runs(shop.ids[label])
    assert (run.state, run.attributes[semconv.REPORTER]) == (state, "pool")


def test_each_execution_has_one_report_and_no_byte_holds_the_secret(shop: Endings) -> None:
    for label in shop.ids:
        shop.reports(label)
    told = [r for r in shop.sink.runs() if semconv.TORN not in r.attributes]
    executions = [run.attributes[semconv.EXECUTION_ID] for run in told]
    assert len(set(executions)) == len(executions) == len(shop.ids) + 3 + 1  # raw messages, a redelivery
    assert shop.sink.raw().count(SECRET.encode()) == 0
    assert "the task goes on without it" not in shop.worker.output()


def test_threads_lose_executions_too(broker: Broker, tmp_path: Path) -> None:
    """There Celery itself never says that the task has ended."""
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, environment, pool="threads", app=APP, name="endings") as worker:
            code = (
                "ids = {'interrupted': interrupted.delay().id, 'sys_exit': sys_exit.delay(3).id,"
                " 'expired': pause.apply_async((0,), expires=-5).id,"
                " 'unknown': app.send_task('a.b.c', queue='shop').id}\nanswer(ids)"
            )
            shop = Endings(sink, worker, run_publisher(tmp_path, environment, code, app=APP))
            told = {label: shop.main(label) for label in shop.ids}
    assert {label: (run.state, run.attributes[semconv.REASON]) for label, run in told.items()} == {
        "interrupted": ("LOST", "the task raised KeyboardInterrupt"),
        "sys_exit": ("LOST", "the task raised SystemExit"),
        "expired": ("EXPIRED", "expired"),
        "unknown": ("REJECTED", "the task is not registered on this worker"),
    }


def test_a_cold_shutdown_reports_what_it_cuts_off(broker: Broker, tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url)
        with start_worker(tmp_path, environment, app=APP, name="endings") as worker:
            task_id = run_publisher(tmp_path, environment, "answer(pause.delay(60).id)", app=APP)
            wait_until(
                lambda: sink.events(semconv.EVENT_STARTED, task_id), "its start", context=worker.output
            )
            worker.stop(SIGQUIT)
            (run,) = [r for r in sink.runs(task_id) if semconv.TORN not in r.attributes]
    assert (run.state, run.attributes[semconv.REASON]) == ("LOST", "worker shut down")
    assert run.attributes[semconv.STARTED_AT] == run.start_ns


@pytest.mark.parametrize("setup", ["provider before", "in worker_process_init"])
def test_setups_of_users(broker: Broker, tmp_path: Path, setup: str) -> None:
    """With a provider of theirs the record goes there; a main process that is not instrumented reports nothing."""
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, SHOP_SETUP=setup)
        with start_worker(tmp_path, environment, app=SHOP, name="shop") as worker:
            code = "answer([interrupted.delay().id, echo.delay(1).id])"
            interrupted, echo = run_publisher(tmp_path, environment, code)
            sink.wait_for_runs(echo, context=worker.output)
            sink.wait_for_runs(interrupted, 2 if setup == "provider before" else 1, context=worker.output)
            worker.stop()
        states = sorted(run.state for run in sink.runs(interrupted))
        services = {run.resource["service.name"] for run in sink.runs(interrupted)}
        events = {event.resource["service.name"] for event in sink.events()}
    if setup == "provider before":
        assert (states, services, events) == (["", "LOST"], {"theirs"}, {"theirs"})
    else:
        assert (states, events) == ([""], set())


def test_a_provider_for_the_main_process_stays_out_of_the_way(broker: Broker, tmp_path: Path) -> None:
    """A provider that is made for a record of the main process must not be the pool processes' global one."""
    with OtlpSink() as sink:
        environment = worker_environment(
            own_database(broker), sink.url, SHOP_SETUP="ours", SHOP_PROVIDER_IN_POOL="theirs"
        )
        more = ["--max-tasks-per-child=1"]
        with start_worker(tmp_path, environment, app=APP, name="endings", concurrency=1, more=more) as worker:
            code = "answer([killed.delay(1).id, *(own_fine.delay().id for _ in range(3))])"
            lost, *fine = run_publisher(tmp_path, environment, code, app=APP)
            (main,) = sink.wait_for_runs(lost, context=worker.output)
            runs = [sink.wait_for_runs(task_id, context=worker.output)[0] for task_id in fine]
    assert (main.state, main.resource["service.name"]) == ("LOST", "endings")
    assert {run.resource["service.name"] for run in runs} == {"theirs"}
