"""What we reach behind the worker's interfaces for: a new release of Celery that moves it fails here, by name."""

from __future__ import annotations

import inspect
import threading
from types import SimpleNamespace
from typing import Any

import celery
import pytest
from billiard import pool as billiard_pool
from billiard.exceptions import TimeLimitExceeded
from celery.apps import worker as apps_worker
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
    for name in ("revoked", "terminate", "on_accepted", "on_success", "on_failure", "on_timeout", "cancel"):
        assert name in vars(WatchedRequest), name


def test_a_cold_shutdown_is_known_as_it_begins_to_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery 5.3 and 5.4 cancel nothing; there the worker's state says it before the pool is ended."""
    monkeypatch.setattr(_celery_worker, "_giving_up", False)
    names = [name for name in _celery_worker._AT_COLD_SHUTDOWN if hasattr(Consumer, name)]
    assert len(names) == (0 if celery.VERSION < (5, 5) else 1)
    for name in names:
        monkeypatch.setattr(Consumer, name, vars(Consumer)[name])
        assert name in inspect.getsource(apps_worker.on_cold_shutdown)
    _celery_worker.watch_cold_shutdown()
    assert not _celery_worker.is_terminating()
    for name in names:
        getattr(Consumer, name)(SimpleNamespace(pool=None))
        assert _celery_worker.is_terminating()


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

    def not_run(self, request: Any) -> None:
        self.said.append(("not run", request.name))

    def cancelled(self, request: Any) -> None:
        self.said.append(("cancelled", request.name))


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

    def on_timeout(self, soft: bool, timeout: float) -> str:
        return f"{soft} {timeout}"

    def cancel(self, pool: Any) -> None:
        if pool is not None:
            raise pool

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


def test_a_hard_limit_is_told_and_a_soft_one_is_not() -> None:
    """With gevent Celery says it nowhere else."""
    told = Told()
    request = made(told)
    assert request.on_timeout(soft=True, timeout=1.0) == "True 1.0"
    assert told.said == []
    assert request.on_timeout(soft=False, timeout=2.0) == "False 2.0"
    assert told.said == [("failed", str(TimeLimitExceeded(2.0)))]


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (None, [("cancelled", "a.b")]),
        (KeyError("gevent: no network here"), [("cancelled", "a.b")]),
        (NotImplementedError("threads: it goes on"), []),
    ],
)
def test_what_was_cancelled_is_told_also_when_celery_fails_after_it(
    raised: Exception | None, said: list[tuple[str, str]]
) -> None:
    told = Told()
    request = made(told)
    request.time_start = 1.5
    if raised is None:
        request.cancel(None)
    else:
        with pytest.raises(type(raised)):
            request.cancel(raised)
    assert told.said == said
