"""Who called an eager task: older versions of Celery do not say it in the request."""

from __future__ import annotations

from typing import Any

from celery import Celery, current_task

from otel_taskmon import _celery

app = Celery("eager", broker="memory://", set_as_current=False)
callers: dict[str, str | None] = {}


def note() -> None:
    request = current_task._get_current_object().request
    caller = _celery.enclosing_request(request)
    callers[request.id] = None if caller is None else caller.id


def outer(depth: int) -> None:
    note()
    inner_task.apply(task_id="inner")
    if depth:
        outer_task.apply((depth - 1,), task_id=f"outer-{depth - 1}")


outer_task: Any = app.task(outer, name="eager.outer")
inner_task: Any = app.task(note, name="eager.inner")


def test_the_caller_is_the_task_around_it() -> None:
    """Also where a task calls itself."""
    callers.clear()
    outer_task.apply((1,), task_id="outer-1")
    assert callers == {"outer-1": None, "inner": "outer-0", "outer-0": "outer-1"}


def test_outside_of_any_task_there_is_none() -> None:
    callers.clear()
    inner_task.apply(task_id="alone")
    assert callers == {"alone": None}
    assert _celery.enclosing_request(object()) is None
