"""What an execution came to, where something around the task's body raises; run eagerly, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from celery import Celery, Task, signals, states
from celery.exceptions import Ignore, Reject, Retry

from otel_taskmon import outcome


class Backend:
    """The names that Celery's tracer calls around a task's body, and that of the tracer."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def mark_as_done(self) -> None:
        raise self._error

    def on_success(self) -> None:
        raise self._error


def trace_task(called: Callable[[], object], state: str | None, *, eager: bool = False) -> outcome.Outcome:
    """As Celery's function of that name tells ``task_postrun``: from within ``finally``."""
    found: list[outcome.Outcome] = []
    with suppress(BaseException):  # what the test had raised
        try:
            called()
        finally:
            found.append(outcome.of_postrun(state, "result", eager=eager))
    return found[0]


def _fine() -> None: ...


@pytest.mark.parametrize("eager", [False, True])
def test_what_came_to_its_end_is_as_celery_says(eager: bool) -> None:
    for state in (states.SUCCESS, states.FAILURE, states.RETRY, None):
        assert trace_task(_fine, state, eager=eager) == outcome.Outcome(state, "result")


@pytest.mark.parametrize("eager", [False, True])
def test_a_result_that_could_not_be_stored_is_a_success(eager: bool) -> None:
    error = ConnectionError("no backend")
    found = trace_task(Backend(error).mark_as_done, states.SUCCESS, eager=eager)
    assert found == outcome.Outcome(states.SUCCESS, "result", not_stored=error)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("state", [states.SUCCESS, None])
@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (ValueError("theirs"), states.FAILURE),
        (Reject("no room"), states.REJECTED),
        (Ignore(), states.IGNORED),
        (Retry(), states.RETRY),
    ],
)
def test_what_a_handler_raises_is_the_outcome(
    error: Exception, becomes: str, state: str | None, eager: bool
) -> None:
    found = trace_task(Backend(error).on_success, state, eager=eager)
    assert found == outcome.Outcome(becomes, error)


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
def test_what_is_torn_down_has_no_outcome_here(error: BaseException) -> None:
    assert trace_task(Backend(error).on_success, None).state is None
    assert trace_task(Backend(error).on_success, None, eager=True) == outcome.Outcome(states.FAILURE, error)


app = Celery("outcomes", broker="memory://", set_as_current=False)


class Own(Task):  # type: ignore[misc]  # Celery ships no types
    """Its handler raises where the task's name says so."""

    abstract = True

    def on_success(self, *_given: Any) -> None:
        if self.name == "outcomes.bad":
            raise ValueError("on_success")


def _also_fine() -> None: ...


good: Any = app.task(_fine, name="outcomes.good", base=Own, shared=False)
bad: Any = app.task(_also_fine, name="outcomes.bad", base=Own, shared=False)


@pytest.fixture
def told() -> Iterator[list[outcome.Outcome]]:
    """What Celery's own tracer comes to."""
    found: list[outcome.Outcome] = []

    def postrun(state: str | None = None, retval: object = None, **_signal: Any) -> None:
        found.append(outcome.of_postrun(state, retval, eager=True))

    signals.task_postrun.connect(postrun, weak=False, dispatch_uid="test")
    yield found
    signals.task_postrun.disconnect(dispatch_uid="test")


def test_an_eager_task_whose_handler_raises_to_its_caller(told: list[outcome.Outcome]) -> None:
    with pytest.raises(ValueError, match="on_success") as raised:
        bad.apply()
    assert told == [outcome.Outcome(states.FAILURE, raised.value)]


def test_an_eager_task_does_not_take_over_what_its_caller_handles(told: list[outcome.Outcome]) -> None:
    try:
        raise LookupError("the caller's")
    except LookupError:
        good.apply()
    assert told == [outcome.Outcome(states.SUCCESS, None)]
