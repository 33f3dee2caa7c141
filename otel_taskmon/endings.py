"""How an execution ended that only the main process can report, in our words."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Any

from billiard.common import human_status
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import states
from celery.exceptions import InvalidTaskError
from kombu.exceptions import ContentDisallowed

from otel_taskmon import _celery_worker, stamps
from otel_taskmon.outcome import real_exception

EXPIRED, LOST = "EXPIRED", "LOST"
_EXIT = re.compile(r"exited prematurely: (.*?)\.?(?: Job: \d+\.)?$", re.DOTALL)
_SHUT_DOWN = f"signal {int(signal.SIGTERM)}"
_OUTSIDE_PREFORK = re.compile(r"([A-Za-z_]\w{0,99})\(")
"""The repr of an exception that is no ``Exception``, with its text."""


@dataclass(frozen=True)
class Ending:
    """State and reason, and the exception where there is one."""

    state: str
    reason: str
    error: BaseException | None = None

    @property
    def is_error(self) -> bool:
        """Counts as failed."""
        return self.state in (states.FAILURE, LOST)


def of_failure(error: object) -> Ending | None:
    """What the pool says of an execution; None when somebody else reports it.

    Celery's exceptions are made anew: those at hand have been raised in the main process, and show only its frames.
    """
    found = real_exception(error)
    if isinstance(found, TimeLimitExceeded):
        limit = found.args[0] if found.args else None
        said = f" ({limit:g} s)" if isinstance(limit, (int, float)) else ""
        return Ending(states.FAILURE, f"hard time limit{said} exceeded", TimeLimitExceeded(*found.args))
    if isinstance(found, WorkerLostError):
        if _SHUT_DOWN in str(found) and _celery_worker.is_terminating():
            # before 5.5 Celery cancelled nothing, it only ended the pool
            return of_cancel(shutting_down=True)
        return _of_worker_lost(str(found))
    if isinstance(found, SystemExit):
        code = found.code if isinstance(found.code, int) else 0 if found.code is None else 1
        return _lost(human_status(code))
    if isinstance(found, KeyboardInterrupt):
        return _lost_by("KeyboardInterrupt")
    if found is not None and not isinstance(found, Exception):  # asyncio.CancelledError, GeneratorExit …
        return Ending(states.FAILURE, f"the task raised {type(found).__name__}", found)
    return None


def of_not_run(kwargs: object, *, skips: bool) -> Ending | None:
    """The pool came back from it with nothing and no runtime, and does not say why.

    ``skips``: ``worker_deduplicate_successful_tasks`` is on, and this is a second delivery. None: the greenlet that ran
    it was killed, which whoever had it killed tells.
    """
    if not hasattr(kwargs, "items"):
        return Ending(states.REJECTED, "invalid message: Task keyword arguments is not a mapping")
    return Ending(states.SUCCESS, "had succeeded before, was not run again") if skips else None


def of_cancel(*, shutting_down: bool) -> Ending:
    """The worker gave it up: at a cold shutdown, or when it lost the broker and the task acknowledges late."""
    return Ending(LOST, "worker shut down" if shutting_down else "cancelled by the worker")


def of_revoke(request: Any, *, terminated: bool, signum: object, expired: bool) -> Ending:
    """What ``task_revoked`` says; ``request``: the worker's, None where it is not known."""
    if expired:
        return Ending(EXPIRED, "expired")
    if terminated:
        return Ending(states.REVOKED, f"terminated by {signal_name(signum)}")
    headers = [] if request is None else _celery_worker.revoking_headers(request)
    if headers and not _revoked_by_id(request):
        return Ending(states.REVOKED, f"revoked by stamped header {', '.join(map(stamps.name, headers))}")
    return Ending(states.REVOKED, "revoked")


def of_unknown_task() -> Ending:
    return Ending(states.REJECTED, "the task is not registered on this worker")


def of_rejected(message: Any, error: object) -> Ending:
    """A message that the worker turned down; what exceptions of a decoder say may hold a piece of the body."""
    if isinstance(error, ContentDisallowed):
        kind = stamps.name(message.content_type) or "unknown"
        return Ending(states.REJECTED, f"content type {kind} is not accepted")
    if isinstance(error, InvalidTaskError):
        return Ending(states.REJECTED, f"invalid message: {error}")
    if error is None:
        return Ending(states.REJECTED, "not a task message")
    return Ending(states.REJECTED, f"invalid message ({type(error).__name__})")


def of_undecodable(error: object) -> Ending:
    cause = getattr(error, "__cause__", None) or getattr(error, "__context__", None)
    inner = f" from {type(cause).__name__}" if cause is not None else ""
    return Ending(states.REJECTED, f"cannot be decoded ({type(error).__name__}{inner})")


def signal_name(number: object) -> str:
    """``SIGTERM`` for 15, -15 or "15"."""
    try:
        return signal.Signals(abs(int(str(number)))).name
    except ValueError:
        return f"signal {stamps.name(number)}".strip()


def _of_worker_lost(text: str) -> Ending:
    """From Celery's sentence; outside prefork the text is the repr of what was raised, which may hold anything."""
    raised = _OUTSIDE_PREFORK.match(text)
    if raised:
        return _lost_by(raised.group(1))
    found = _EXIT.search(text)
    return _lost(found.group(1) if found else "cause not known")


def _lost(cause: str) -> Ending:
    cause = cause.replace("exitcode", "exit code")
    raised = _OUTSIDE_PREFORK.match(cause)
    if raised:
        return _lost_by(raised.group(1))
    return Ending(
        LOST, f"pool process ended: {cause}", WorkerLostError(f"Worker exited prematurely: {cause}.")
    )


def _lost_by(raised: str) -> Ending:
    return Ending(LOST, f"the task raised {raised}", WorkerLostError(f"Worker exited prematurely: {raised}."))


def _revoked_by_id(request: Any) -> bool:
    from celery.worker import state

    return request.id in state.revoked
