"""The app that a task's name belongs to."""

from __future__ import annotations

import pytest

from otel_taskmon.app_names import AppNames
from otel_taskmon.errors import SettingError


@pytest.mark.parametrize(
    ("task_name", "app"),
    [
        ("alpha.tasks.x", "alpha"),
        ("omega.alpha.tasks.x", "alpha"),
        ("echo.omega.alpha.tasks.x", "alpha"),
        ("alpha.task_name", "alpha"),
        ("dummy", ""),
        ("tasks.dummy", ""),
        ("tasks", ""),
        ("", ""),
        ("a.b.c", ""),
        ("a.tasks", "a"),
        ("a.tasks.b.tasks.c", "a"),
        ("proj.tasks.sub.fn", "proj"),
        ("a..tasks.x", ""),
        (".tasks.x", ""),
        ("tasks.tasks.x", ""),
        ("Alpha.Tasks.x", ""),
        ("a.mytasks.fn", ""),
        ("x.tasks.", "x"),
        ("celery.backend_cleanup", "celery"),
        ("celery.chord_unlock", "celery"),
        ("allianceauth.eveonline.tasks.y", "eveonline"),
        ("standings_requests.update", "standingsrequests"),
        ("?", ""),
    ],
)
def test_the_rule(task_name: str, app: str) -> None:
    names = AppNames()
    assert names.of(task_name) == app
    assert names.of(task_name) == app  # also from memory


def test_the_mapping_is_added_to_the_built_in_one() -> None:
    names = AppNames({"alpha": ["alpha_3"]})
    assert names.of("alpha_3.x") == "alpha"
    assert names.of("standings_requests.x") == "standingsrequests"


def test_the_built_in_mapping_can_be_overridden_but_not_removed() -> None:
    assert AppNames({"new": ["standings_requests"]}).of("standings_requests.x") == "new"
    assert AppNames({"standingsrequests": []}).of("standings_requests.x") == "standingsrequests"


def test_of_two_entries_for_one_name_the_later_wins() -> None:
    assert AppNames({"x": ["a"], "y": ["a"]}).of("a.f") == "y"


def test_a_mapped_name_is_not_mapped_again() -> None:
    names = AppNames({"b": ["a"], "c": ["b"]})
    assert (names.of("a.f"), names.of("b.f")) == ("b", "c")


def test_tasks_without_an_app_can_be_named() -> None:
    assert AppNames({"core": [""]}).of("dummy") == "core"


@pytest.mark.parametrize("mapping", [{"a": "xyz"}, {"a": None}, {"a": 5}, {"": ["a"]}, ["a"], "", 0])
def test_a_mapping_of_the_wrong_shape_is_refused(mapping: object) -> None:
    with pytest.raises(SettingError, match="TASKMON_APP_NAME_MAPPING_CONFIG"):
        AppNames(mapping)  # type: ignore[arg-type]  # wrong on purpose


def test_memory_is_bounded() -> None:
    names = AppNames()
    for number in range(10_000):
        names.of(f"a.t{number}")
    assert len(names._known) <= 4_096
