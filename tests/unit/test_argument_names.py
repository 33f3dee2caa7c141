"""What the positional arguments of a task are called, whatever its code looks like."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from otel_taskmon.facts import argument_names

app: Any = Celery("shop", broker="memory://", set_as_current=False)


def test_of_tasks_as_people_write_them() -> None:
    def plain(order: int, password: str = "", *more: int, force: bool = False) -> None: ...

    def bound(self: object, order: int) -> None: ...

    assert argument_names(app.task(shared=False, name="a")(plain)) == ("order", "password")
    assert argument_names(app.task(shared=False, name="b", bind=True)(bound)) == ("order",)
    again = app.task(shared=False, name="c", bind=True, autoretry_for=(OSError,))(bound)
    assert argument_names(again) == ("order",)


class NoSignature:
    @property
    def __signature__(self) -> object:
        raise NameError("looked up too late")

    def __call__(self, order: int) -> None: ...


@pytest.mark.parametrize("run", [NoSignature(), None, 1, print])
def test_of_what_does_not_tell(run: object) -> None:
    assert argument_names(SimpleNamespace(run=run)) == ()


# from Python 3.14 on an annotation is looked up only when somebody asks for it; before, only where the module says so
LATE = "" if sys.version_info >= (3, 14) else "from __future__ import annotations\n"


def test_an_annotation_that_names_what_is_only_imported_for_type_checking() -> None:
    space: dict[str, Any] = {}
    written = f"{LATE}def run(order: NotImported, password: str): ..."
    exec(compile(written, "tasks.py", "exec", dont_inherit=True), space)
    assert argument_names(SimpleNamespace(run=space["run"])) == ("order", "password")
