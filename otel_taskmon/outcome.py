"""How an execution ended: what the run span says after the task's own code has run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from celery import states
from celery.exceptions import Ignore, Reject, Retry
from celery.utils.serialization import UnpickleableExceptionWrapper
from opentelemetry.trace import Status, StatusCode

from otel_taskmon import _celery, semconv
from otel_taskmon.execution import Execution
from otel_taskmon.facts import Attributes, Recorder, encode, join_notes
from otel_taskmon.payload import ExceptionRecord, describe_exception
from otel_taskmon.span_attributes import put

STATUS_TEXT_MAX = 200
"""Characters of the span status's description; the whole text is in the exception event."""


@dataclass(frozen=True)
class Outcome:
    """What Celery's ``task_postrun`` tells."""

    state: str | None
    """None: torn down (time limit, termination, SystemExit …)."""
    value: object
    """The result on SUCCESS, else the exception."""
    not_stored: BaseException | None = None
    """Why the result backend did not take the result of a SUCCESS."""


def of_postrun(state: str | None, value: object, *, eager: bool) -> Outcome:
    """The outcome, also where something around the task's body raises: Celery gives no state for that, or SUCCESS.

    A handler (``on_failure``, ``on_retry``, with older versions ``on_success``), the backend that is told of the start,
    a callback that cannot be sent; and an eager task that raises to its caller.
    """
    error = sys.exc_info()[1]
    if error is None or state not in (None, states.SUCCESS):
        return Outcome(state, value)
    if state == states.SUCCESS:
        called = _celery.called_by_tracer(error)
        if called == "mark_as_done" or (not called and not eager):
            return Outcome(state, value, not_stored=error)
        if not called:  # of an eager task's caller, who handles an exception of his own
            return Outcome(state, value)
    elif not eager and not isinstance(error, Exception):
        return Outcome(state, value)  # torn down
    for kind, its_state in ((Retry, states.RETRY), (Reject, states.REJECTED), (Ignore, states.IGNORED)):
        if isinstance(error, kind):
            return Outcome(its_state, error)
    return Outcome(states.FAILURE, error)


def record(recorder: Recorder, execution: Execution, task: Any, outcome: Outcome) -> None:
    """Write the outcome on the run span, which the stock instrumentor ends right after."""
    if not execution.span.is_recording():
        return
    if outcome.state is None:
        put(execution.span, {semconv.TORN: True})
        return
    attributes: Attributes = {semconv.CELERY_STATE: outcome.state}
    write = _BY_STATE.get(outcome.state)
    try:
        notes = write(recorder, execution, task, outcome, attributes) if write else ()
        if notes:
            attributes[semconv.PAYLOAD_NOTES] = join_notes((*execution.notes, *notes))
    finally:  # the state is there whatever happens to the rest
        put(execution.span, attributes)


def real_exception(error: object) -> BaseException | None:
    """The exception inside billiard's wrapper."""
    if isinstance(error, ExceptionWithTraceback):
        error = error.exc
    return error if isinstance(error, BaseException) else None


def retry_cause(retry: BaseException) -> BaseException | None:
    """Why a task asked to be retried: what it named, else what it was handling; None for a plain retry.

    ``Retry.exc`` has lost its traceback where Celery could not pickle the exception: then the one being
    handled is the original.
    """
    handled = retry.__cause__ or retry.__context__
    named = real_exception(getattr(retry, "exc", None))
    if named is None or isinstance(named, UnpickleableExceptionWrapper):
        return handled or named
    return named


def add_exception(span: Any, found: ExceptionRecord) -> None:
    """The exception event, masked and bounded by ``describe_exception``."""
    span.add_event(
        semconv.EXCEPTION_EVENT,
        {
            semconv.EXCEPTION_TYPE: found.type,
            semconv.EXCEPTION_MESSAGE: found.message,
            semconv.EXCEPTION_STACKTRACE: found.stacktrace,
            semconv.EXCEPTION_FINGERPRINT: found.fingerprint,
        },
    )


def error_status(found: ExceptionRecord | None, otherwise: str = "") -> Status:
    """ERROR with a short form of the masked text; ``otherwise`` where there is no exception."""
    if found is None:
        return Status(StatusCode.ERROR, otherwise[:STATUS_TEXT_MAX])
    return Status(StatusCode.ERROR, f"{found.type}: {found.message}"[:STATUS_TEXT_MAX])


Writer = Callable[[Recorder, Execution, Any, Outcome, Attributes], tuple[str, ...]]


def _success(
    recorder: Recorder, _execution: Execution, _task: Any, outcome: Outcome, into: Attributes
) -> tuple[str, ...]:
    if outcome.not_stored is not None:
        into[semconv.REASON] = f"the result was not stored ({type(outcome.not_stored).__name__})"
    encoded = encode(recorder, "result", outcome.value)
    if encoded is None:
        return ("result:dropped",)
    into[semconv.RESULT] = encoded.text
    return encoded.notes


def _failure(
    recorder: Recorder, execution: Execution, task: Any, outcome: Outcome, into: Attributes
) -> tuple[str, ...]:
    error = real_exception(outcome.value)
    failed = error is None or not _is_expected(task, error)
    if failed:
        execution.span.set_status(Status(StatusCode.ERROR))
    if error is None:
        return ()
    found = describe_exception(error, recorder.encoder)
    add_exception(execution.span, found)
    if failed:
        into[semconv.ERROR_TYPE] = found.type
        execution.span.set_status(error_status(found))
    return found.notes


def _is_expected(task: Any, error: BaseException) -> bool:
    """Declared in ``throws``: a class, or a tuple of them; Celery checks it no better than that."""
    try:
        return bool(task.throws) and isinstance(error, task.throws)
    except TypeError:
        return False


def _retry(
    recorder: Recorder, execution: Execution, _task: Any, outcome: Outcome, into: Attributes
) -> tuple[str, ...]:
    if not isinstance(outcome.value, BaseException):
        return ()
    notes: tuple[str, ...] = ()
    cause = retry_cause(outcome.value)
    if cause is not None:
        found = describe_exception(cause, recorder.encoder)
        add_exception(execution.span, found)
        notes = found.notes
    return (*notes, *_reason(recorder, outcome.value, into))


def _given_up(
    recorder: Recorder, _execution: Execution, _task: Any, outcome: Outcome, into: Attributes
) -> tuple[str, ...]:
    """IGNORED and REJECTED."""
    return _reason(recorder, outcome.value, into)


def _reason(recorder: Recorder, error: object, into: Attributes) -> tuple[str, ...]:
    """Reject carries its reason and a flag; the others are read as Celery itself logs them."""
    text = str(error.reason or "") if isinstance(error, Reject) else str(error)
    if isinstance(error, Reject) and error.requeue:
        text = f"{text} (requeued)".strip()
    if not text:
        return ()
    encoded = recorder.encoder.text(text, part="exception")
    into[semconv.REASON] = encoded.text
    return encoded.notes


_BY_STATE: dict[str, Writer] = {
    states.SUCCESS: _success,
    states.FAILURE: _failure,
    states.RETRY: _retry,
    states.IGNORED: _given_up,
    states.REJECTED: _given_up,
}
