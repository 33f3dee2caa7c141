"""Celery's ways to say that an execution ended, in our words."""

from __future__ import annotations

from asyncio import CancelledError
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded, Terminated, TimeLimitExceeded, WorkerLostError
from celery.exceptions import InvalidTaskError
from celery.worker import state
from kombu.exceptions import ContentDisallowed, DecodeError

from otel_taskmon import endings, messages


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (
            WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL) Job: 12."),
            "LOST",
            "pool process ended: signal 9 (SIGKILL)",
        ),
        (
            WorkerLostError("Worker exited prematurely: exitcode 3 Job: 0."),
            "LOST",
            "pool process ended: exit code 3",
        ),
        (
            WorkerLostError("Worker exited prematurely: exitcode 1."),
            "LOST",
            "pool process ended: exit code 1",
        ),
        (WorkerLostError("SystemExit('password=hunter2')"), "LOST", "the task raised SystemExit"),
        (WorkerLostError("CancelledError('hunter2')"), "LOST", "the task raised CancelledError"),
        (WorkerLostError("something new"), "LOST", "pool process ended: cause not known"),
        (WorkerLostError("<a repr (hunter2)>"), "LOST", "pool process ended: cause not known"),
        (SystemExit("password=hunter2"), "LOST", "pool process ended: exit code 1"),
        (SystemExit(), "LOST", "pool process ended: exit code 0"),
        (KeyboardInterrupt(), "LOST", "the task raised KeyboardInterrupt"),
        (TimeLimitExceeded(1.5), "FAILURE", "hard time limit (1.5 s) exceeded"),
        (TimeLimitExceeded(), "FAILURE", "hard time limit exceeded"),
    ],
)
def test_what_the_pool_says(error: BaseException, state: str, reason: str) -> None:
    found = endings.of_failure(error)
    assert found is not None
    assert (found.state, found.reason, found.is_error) == (state, reason, True)
    assert found.error is not error, "what was raised in the main process has only its frames"
    assert "hunter2" not in str(found.error)


@pytest.mark.parametrize("error", [CancelledError(), GeneratorExit(), BaseException("theirs")])
def test_what_is_no_exception_of_the_usual_kind_is_the_tasks_failure(error: BaseException) -> None:
    found = endings.of_failure(error)
    assert found == endings.Ending("FAILURE", f"the task raised {type(error).__name__}", error)


def test_what_the_pool_takes_and_does_not_run() -> None:
    again, invalid = endings.of_not_run({}, skips=True), endings.of_not_run(None, skips=False)
    assert again is not None
    assert invalid is not None
    assert (again.state, again.is_error, invalid.state) == ("SUCCESS", False, "REJECTED")
    assert endings.of_not_run({}, skips=False) is None, "a greenlet that was killed"


@pytest.mark.parametrize(
    "error", [Terminated(15), ValueError("theirs"), SoftTimeLimitExceeded(), None, "text"]
)
def test_what_somebody_else_reports(error: object) -> None:
    assert endings.of_failure(error) is None


@pytest.mark.parametrize(
    ("number", "name"),
    [(15, "SIGTERM"), (-9, "SIGKILL"), ("2", "SIGINT"), (999, "signal 999"), (None, "signal")],
)
def test_signal_names(number: object, name: str) -> None:
    assert endings.signal_name(number) == name


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "not a task message"),
        (ContentDisallowed("with body"), "content type application/x-evil is not accepted"),
        (InvalidTaskError("no eta"), "invalid message: no eta"),
        (ValueError("body text"), "invalid message (ValueError)"),
    ],
)
def test_messages_turned_down(error: object, reason: str) -> None:
    found = endings.of_rejected(SimpleNamespace(content_type="application/x-evil"), error)
    assert (found.state, found.reason, found.is_error) == ("REJECTED", reason, False)


def test_a_decoders_words_are_not_repeated() -> None:
    error = DecodeError("the body")
    error.__cause__ = ValueError("the body too")
    assert endings.of_undecodable(error).reason == "cannot be decoded (DecodeError from ValueError)"


class Raw:
    """A message as kombu hands it over; ``payload`` raises what it is given."""

    def __init__(self, headers: Any = None, properties: Any = None, payload: Any = None) -> None:
        self.headers, self.properties, self.delivery_info = headers, properties, None
        self._payload = payload

    @property
    def payload(self) -> Any:
        if isinstance(self._payload, Exception):
            raise self._payload
        return self._payload


@pytest.mark.parametrize(
    ("raw", "task_id", "args", "kwargs"),
    [
        (Raw({"id": "a", "task": "t"}, {}, [[1], {"x": 2}, {"chord": None}]), "a", [1], {"x": 2}),
        (Raw({"id": "a", "task": "t"}, None, DecodeError("cut")), "a", None, None),
        (Raw(None, {"correlation_id": "c"}, "text"), "c", None, None),
        (Raw([], [], {"id": "p1", "task": "t", "args": [1], "kwargs": {}}), "p1", [1], {}),
        (Raw({"task": "t"}, {}, [5, "x", 6]), None, None, None),
        (Raw(), None, None, None),
    ],
)
def test_raw_messages(raw: Raw, task_id: str | None, args: object, kwargs: object) -> None:
    found = messages.of_raw(raw, "w@host", {"taskmon_received_at": 5}, decode=True)
    assert (found.id, found.args, found.kwargs) == (task_id, args, kwargs)
    assert (found.hostname, found.taskmon_received_at, found.anything) == ("w@host", 5, None)


def test_a_body_that_is_not_to_be_looked_into_is_not() -> None:
    found = messages.of_raw(Raw({"id": "a"}, {}, [[1], {}, {}]), "", {}, decode=False)
    assert found.args is None


def test_a_forged_header_does_not_go_before_what_is_known() -> None:
    forged = {"id": "a", "task": "t", "taskmon_execution_id": "x" * 32, "hostname": "evil", "is_eager": True}
    found = messages.of_raw(Raw(forged, {}, None), "w@host", {"taskmon_execution_id": "ours"}, decode=True)
    assert (found.taskmon_execution_id, found.hostname, found.is_eager) == ("ours", "w@host", False)


@pytest.mark.parametrize(
    ("code", "number", "reason"),
    [
        (None, 15, "pool process ended: signal 15 (SIGTERM)"),
        (False, 15, "pool process ended: signal 15 (SIGTERM)"),
        (0, 15, "worker shut down"),
        (1, 15, "worker shut down"),
        (1, 9, "pool process ended: signal 9 (SIGKILL)"),
    ],
)
def test_what_a_cold_shutdown_ends_is_not_the_fault_of_its_process(
    monkeypatch: pytest.MonkeyPatch, code: object, number: int, reason: str
) -> None:
    """Celery 5.3 and 5.4 cancel nothing: they only end the pool."""
    monkeypatch.setattr(state, "should_terminate", code)
    name = {9: "SIGKILL", 15: "SIGTERM"}[number]
    ending = endings.of_failure(
        WorkerLostError(f"Worker exited prematurely: signal {number} ({name}) Job: 4.")
    )
    assert ending is not None
    assert (ending.state, ending.reason) == ("LOST", reason)
