"""The worker's requests, watched: what becomes of an execution in the main process.

The methods that are overridden are those that Celery documents for request classes
of one's own; a user's own class keeps all it does, since ours stands in front of it and calls it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from billiard.einfo import ExceptionInfo
from billiard.exceptions import TimeLimitExceeded

from otel_taskmon._safely import safely

if TYPE_CHECKING:
    from celery.worker.request import Request
else:
    Request = object  # ours goes before whatever class the worker made, see subclass()

_handled: ContextVar[Any] = ContextVar("taskmon_handled_request", default=None)


class Watcher(Protocol):
    """Who is told; none of these raises."""

    def accepted(self, request: Any) -> object:
        """The pool has begun with it."""

    def failed(self, request: Any, error: object) -> object:
        """The pool says that it ended with ``error``, and the pool process did not say so itself."""

    def not_run(self, request: Any) -> object:
        """The pool process took it and did not come to the task, of which it says no more."""

    def cancelled(self, request: Any) -> object:
        """The worker gave up a running execution."""


def handled() -> Any:
    """The request whose method runs now in this thread: Celery's ``task_revoked`` does not name it."""
    return _handled.get()


class WatchedRequest(Request):  # type: ignore[misc]  # Celery ships no types
    """Stands before a class that the worker made; ``taskmon`` is put on the subclass by :func:`subclass`."""

    taskmon: Watcher
    taskmon_stored = False
    taskmon_ending = False
    """Somebody has it ended: what the pool then says of it is not its own end."""

    def on_accepted(self, *args: Any, **kwargs: Any) -> Any:
        token = _handled.set(self)  # a task that was terminated before it began is revoked in here
        try:
            answer = super().on_accepted(*args, **kwargs)
        finally:
            _handled.reset(token)
        self.taskmon.accepted(self)
        return answer

    def on_success(self, *args: Any, **kwargs: Any) -> Any:
        """Outside prefork an execution that raised SystemExit or KeyboardInterrupt comes in here as a failure."""
        said = args[0] if args else None
        if isinstance(said, ExceptionInfo):
            self.taskmon.failed(self, said.exception)
        elif isinstance(said, tuple) and len(said) == 3:
            failed, _, seconds = said
            if not failed and seconds is None and not self.taskmon_ending:
                self.taskmon.not_run(self)
        return super().on_success(*args, **kwargs)

    def on_failure(self, *args: Any, **kwargs: Any) -> Any:
        token = _handled.set(self)
        try:
            return super().on_failure(*args, **kwargs)
        finally:
            _handled.reset(token)
            # with return_ok the pool process ended the execution by itself, and has reported it
            if not kwargs.get("return_ok") and not self.taskmon_stored:
                self.taskmon.failed(self, getattr(args[0] if args else None, "exception", None))

    def on_timeout(self, soft: Any, timeout: Any) -> Any:
        """In prefork a hard limit comes as a failure too; with gevent this is all that is said of it."""
        try:
            return super().on_timeout(soft, timeout)
        finally:
            if not soft:
                self.taskmon.failed(self, TimeLimitExceeded(timeout))

    def revoked(self, *args: Any, **kwargs: Any) -> Any:
        token = _handled.set(self)
        try:
            return super().revoked(*args, **kwargs)
        finally:
            _handled.reset(token)

    def terminate(self, *args: Any, **kwargs: Any) -> Any:
        self.taskmon_ending = True
        token = _handled.set(self)
        try:
            return super().terminate(*args, **kwargs)
        finally:
            _handled.reset(token)

    def cancel(self, *args: Any, **kwargs: Any) -> Any:
        """Celery cancels at a cold shutdown and when the broker is gone."""
        self.taskmon_ending = True
        try:
            answer = super().cancel(*args, **kwargs)
        except NotImplementedError:  # threads and solo: it goes on, and ends in its own way
            raise
        except (
            BaseException
        ):  # with gevent it is ended first, then Celery fails to say so from a signal handler
            self._tell_cancelled()
            raise
        self._tell_cancelled()
        return answer

    def _tell_cancelled(self) -> None:
        if self.time_start:
            self.taskmon.cancelled(self)

    def _success_was_stored(self) -> Any:
        """Newer versions of Celery ask this when a pool process is gone: the task may have ended just before."""
        found = super()._success_was_stored()
        if found:
            self.taskmon_stored = True
        return found


@safely("watched requests")
def subclass(made: type[Any], watcher: Watcher) -> type[Any]:
    """The class of requests that the worker made for one task, with ours in front."""
    return type(made.__name__, (WatchedRequest, made), {"taskmon": watcher, "__module__": made.__module__})
