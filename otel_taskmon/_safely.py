"""The guard around every hook of ours that runs on a task's path: nothing of ours reaches the task.

What fails is counted and logged once a minute. A soft time limit that strikes inside a hook is not ours to swallow: see
``_soft_limit``. BaseExceptions that are no Exceptions (KeyboardInterrupt, SystemExit, the worker's own) pass.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from types import CodeType
from typing import Final, ParamSpec, TypeVar

from billiard.exceptions import SoftTimeLimitExceeded

from otel_taskmon._soft_limit import LimitKeeper

__all__ = [
    "SoftTimeLimitExceeded",
    "entering_task",
    "failures",
    "goes_around",
    "leaving_task",
    "record_failure",
    "safely",
]

P = ParamSpec("P")
T = TypeVar("T")

LOG_INTERVAL_S: Final = 60.0

logger = logging.getLogger("otel_taskmon")
_failures: dict[str, int] = {}
_logged: dict[str, tuple[float, int]] = {}


def failures() -> dict[str, int]:
    """How often each hook has failed in this process, by the hook's name."""
    return dict(_failures)


def record_failure(name: str, error: BaseException) -> None:
    """Count a failure of ours and log it: the first at once, later ones once a minute with their number.

    Only the exception's type and place are logged: its text may hold what a task was given.
    """
    count = _failures[name] = _failures.get(name, 0) + 1
    now = time.monotonic()
    last, logged_count = _logged.get(name, (now - LOG_INTERVAL_S, 0))
    if now - last < LOG_INTERVAL_S:
        return
    _logged[name] = (now, count)
    logger.warning(
        "%s failed, the task goes on without it: %s at %s (%d new, %d in all)",
        name,
        type(error).__name__,
        _place(error),
        count - logged_count,
        count,
    )


def _place(error: BaseException) -> str:
    trace, place = error.__traceback__, "?"
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return place


def safely(name: str) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """Make a hook harmless: it gives None where it would have raised an Exception.

    ``name`` says in the log which hook it was. Code inside a hook that catches Exception by itself has to let
    ``SoftTimeLimitExceeded`` through first.
    """

    def guard(hook: Callable[P, T]) -> Callable[P, T | None]:
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
            try:
                try:
                    return hook(*args, **kwargs)
                except SoftTimeLimitExceeded:
                    raise
                except Exception as error:  # noqa: BLE001 - that is what this guard is for
                    _record_quietly(name, error)
            except SoftTimeLimitExceeded:
                if not _keeper.keep():
                    raise
            return None

        global _guarded_code
        _guarded_code = guarded.__code__  # the same object for each hook
        functools.update_wrapper(guarded, hook)
        return guarded

    return guard


def goes_around(call: Callable[P, T]) -> Callable[P, T]:
    """Mark a plain function of ours that Celery's own publishing runs in; see ``_soft_limit`` for what that changes."""
    _keeper.goes_around(call.__code__)
    return call


_guarded_code: CodeType | None = None
_keeper = LimitKeeper(lambda: _guarded_code)


def _record_quietly(name: str, error: Exception) -> None:
    try:
        record_failure(name, error)
    except SoftTimeLimitExceeded:
        raise
    except Exception:  # noqa: BLE001 - a logging handler of the user's raised: there is nowhere left to say it
        _failures[name + " (log)"] = _failures.get(name + " (log)", 0) + 1


def entering_task() -> None:
    """First thing of a task's prerun hook: from now on a soft time limit belongs to this execution.

    Not for a task that runs eagerly inside another one: it has no limit of its own, the outer one's goes on.
    """
    _keeper.enter()


def leaving_task() -> None:
    """First thing of its postrun hook: the body has ended, a soft time limit that comes now is dropped."""
    _keeper.leave()
