"""What we reach behind the worker's interfaces for: a new release of Celery that moves it fails here, by name."""

from __future__ import annotations

import inspect
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from billiard import pool as billiard_pool
from celery.worker import state, strategy
from celery.worker.consumer.consumer import Consumer
from celery.worker.request import Request, create_request_cls

from otel_taskmon import _celery_worker
from otel_taskmon.watched_request import WatchedRequest, handled, subclass


def test_nothing_has_moved() -> None:
    assert _celery_worker.missing_parts() == []


def test_a_part_that_has_moved_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Consumer, "on_decode_error")
    monkeypatch.delattr(Request, "revoked")
    assert _celery_worker.missing_parts() == ["Consumer.on_decode_error", "Request.revoked"]


def test_the_strategy_still_makes_its_classes_by_that_name() -> None:
    """It is replaced in the strategy's module, so it has to be looked up there when the worker starts."""
    assert "create_request_cls(Request, task" in inspect.getsource(strategy.default)
    assert strategy.create_request_cls is create_request_cls


def test_methods_are_called_as_we_expect() -> None:
    source = inspect.getsource(create_request_cls)
    assert "self.on_failure(retval, return_ok=True)" in source
    assert "error_callback=self.on_failure" in source
    assert "emit_retry=emit_retry" in inspect.getsource(Consumer.cancel_active_requests)
    for name in ("revoked", "terminate", "on_accepted", "on_success", "on_failure", "cancel"):
        assert name in vars(WatchedRequest), name


def test_the_pool_still_notes_when_a_process_was_gone() -> None:
    assert "job._worker_lost = (monotonic(), exitcode)" in inspect.getsource(
        billiard_pool.Pool.on_job_process_lost
    )


def test_sets_that_change_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The heartbeat's thread reads them while the main thread works."""

    class Thing:
        """Weakly referable."""

    things = [Thing() for _ in range(500)]
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for thing in things:
                state.active_requests.add(thing)
            state.active_requests.clear()

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    failed = 0
    try:
        for _ in range(300):
            try:
                _celery_worker.running_requests()
            except RuntimeError:
                failed += 1
    finally:
        stop.set()
        thread.join(5)
        state.active_requests.clear()
    assert failed < 30, "far more changes than a worker makes, and yet nearly all are read"


class Told:
    """A watcher that keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def accepted(self, request: Any) -> None:
        self.said.append(("accepted", request.name))

    def failed(self, request: Any, error: object) -> None:
        self.said.append(("failed", str(error)))

    def cancelled(self, request: Any, *, shutting_down: bool) -> None:
        self.said.append(("cancelled", shutting_down))


class Theirs:
    """Stands for a class of requests of somebody's who starts from nothing."""

    name = "a.b"
    time_start = None
    seen: object = None

    def on_accepted(self, pid: int, time_accepted: float) -> str:
        self.seen = handled()
        return f"accepted by {pid}"

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> str:
        raise KeyError("theirs")

    def _success_was_stored(self) -> bool:
        return True


def made(told: Told) -> Any:
    kind: Any = subclass(Theirs, told)
    assert kind is not None
    return kind()


def test_ours_stands_in_front_and_gives_their_answers() -> None:
    told = Told()
    request = made(told)
    assert request.on_accepted(7, 0.0) == "accepted by 7"
    assert request.seen is request
    assert handled() is None
    with pytest.raises(KeyError):
        request.on_failure(SimpleNamespace(exception=ValueError("lost")))
    assert told.said == [("accepted", "a.b"), ("failed", "lost")]


def test_what_the_pool_process_has_reported_is_not_told() -> None:
    told = Told()
    request = made(told)
    with pytest.raises(KeyError):
        request.on_failure(SimpleNamespace(exception=ValueError()), return_ok=True)
    assert request._success_was_stored() is True
    with pytest.raises(KeyError):
        request.on_failure(SimpleNamespace(exception=ValueError()))
    assert told.said == []
