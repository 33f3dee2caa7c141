"""Executions: the run span from ``task_prerun`` to ``task_postrun``.

The stock instrumentor keeps an open run span on the task under the task's id. Two executions of one id can
overlap (in threads a retry starts while the execution that asked for it is still ending) and then take each
other's span. So its two handlers are called from here with a task and an id of our own, one per execution.
"""

from __future__ import annotations

from typing import Any

from otel_taskmon import _celery, execution, outcome
from otel_taskmon._safely import safely
from otel_taskmon.boot import Boot, new_id
from otel_taskmon.facts import Recorder

_ON_REQUEST = "_taskmon_run"


class Run:
    """One execution as the stock handlers see it: they read ``name`` and ``request`` of the task."""

    def __init__(self, name: str, request: Any) -> None:
        self.name = name
        self.request = request
        self.key = new_id()


class Running:
    """The handlers of ``task_prerun`` and ``task_postrun``."""

    def __init__(self, recorder: Recorder, boot: Boot) -> None:
        self._recorder = recorder
        self._boot = boot
        self.stock_before: list[_celery.Receiver] = []
        self.stock_after: list[_celery.Receiver] = []

    def before(self, task: Any, signal: dict[str, Any]) -> None:
        """Let the stock handler open the run span; our span processor completes it as it starts."""
        if not _celery.stock_active():
            return
        request = task.request
        run = Run(task.name, request)
        setattr(request, _ON_REQUEST, run)
        self._forward(self.stock_before, run, signal)
        self._begin_without_processor(task, run)

    def after(self, task: Any, state: str | None, signal: dict[str, Any]) -> None:
        """Write the outcome on the run span, then let the stock handler end it."""
        request = task.request
        run = getattr(request, _ON_REQUEST, None)
        if not isinstance(run, Run):
            return
        self._record(task, request, state, signal.get("retval"))
        self._forward(self.stock_after, run, {**signal, "state": state})
        delattr(request, _ON_REQUEST)  # it holds the request in turn

    @safely("run span")
    def _begin_without_processor(self, task: Any, run: Run) -> None:
        """A provider may run its processors in threads of their own, where the task cannot be seen."""
        span = _celery.stock_span(run, run.key, publish=False)
        if span is not None and span.is_recording() and execution.of(run.request) is None:
            execution.begin(self._recorder, self._boot, task, run.request, span)

    @safely("outcome")
    def _record(self, task: Any, request: Any, state: str | None, value: object) -> None:
        begun = execution.of(request)
        if begun is not None:
            found = outcome.of_postrun(state, value, eager=bool(request.is_eager))
            outcome.record(self._recorder, begun, task, found)

    @staticmethod
    def _forward(receivers: list[_celery.Receiver], run: Run, signal: dict[str, Any]) -> None:
        for receiver in receivers:
            receiver(**{**signal, "task": run, "task_id": run.key})
