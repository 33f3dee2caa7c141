"""Deleting from the log on the pages: asked first, gone from the tables, noted in the audit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from otel_taskmon.settings import ReaderSettings
from taskmon_viewer import cache, configuration, links
from taskmon_viewer.access.policy import LocalAccess
from taskmon_viewer.access.users import User
from tests.support.store import Store, running_store
from tests.support.stored_tasks import insert, run
from tests.support.viewer import elements, open_page, texts

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("delete")) as running:
        with running.client("admin") as client:
            insert(client, [run(f"task-{n}", "SUCCESS", first=n, started=n, ended=n + 1) for n in range(3)])
        cache.forget()
        yield running


def button(page: AppTest, key: str) -> Any:
    """Also in a dialog, which the page's own list of buttons leaves out."""
    return next(e for e in elements(page._tree) if e.type == "button" and e.key == key)


def left(store: Store) -> list[str]:
    with store.client() as client:
        found = client.query("SELECT DISTINCT task_id FROM otel.celery_task_runs FINAL ORDER BY task_id")
    return [row[0] for row in found.result_rows]


def confirmed() -> None:
    """What the dialog does when it is answered with "Delete": AppTest knows no dialogs that stay open."""
    import streamlit as st

    from otel_taskmon.queries.purging import LogSelection
    from taskmon_viewer.views.delete_tasks import delete_now, say_deleted

    say_deleted()
    if "asked" not in st.session_state:
        st.session_state["asked"] = True
        delete_now(LogSelection(task_ids=("task-1",)), "")


def test_the_question_says_how_much_and_deletes_nothing(store: Store) -> None:
    page = open_page(store.url, links.TASK_PAGE, {"id": "task-1"})
    button(page, "task.delete").click().run()
    assert not page.exception
    assert "1 task with all executions, events and spans" in texts(page)
    assert left(store) == ["task-0", "task-1", "task-2"]


def test_a_confirmed_task_is_gone_and_the_audit_says_who_did_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKMON_DATA_DIR", str(store.data_dir))
    page = run_confirmed(store, User("ann", "operator"))
    assert [str(said.value) for said in page.success] == ["1 task deleted from the log."]
    assert left(store) == ["task-0", "task-2"]
    with store.client() as client:
        noted = client.query("SELECT actor, role, action, target FROM otel.audit").result_rows
    assert noted == [("ann", "operator", "purge logs", "task id task-1")]


def test_a_role_that_is_too_low_deletes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKMON_DATA_DIR", str(store.data_dir))
    page = run_confirmed(store, User("ann", "viewer"))
    assert "this needs the role operator; ann is viewer" in texts(page)
    assert left(store) == ["task-0", "task-1", "task-2"]


def test_a_user_of_the_store_that_may_only_read_is_told_so(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TASKMON_DATA_DIR", str(tmp_path))
    page = run_confirmed(store, User("ann", "operator"))
    assert "may not write" in texts(page)
    assert left(store) == ["task-0", "task-1", "task-2"]


def run_confirmed(store: Store, user: User) -> AppTest:
    settings = ReaderSettings.from_environment({}, clickhouse_url=store.url)
    configuration.use(settings, access=LocalAccess(user))
    page = AppTest.from_function(confirmed, default_timeout=60).run()
    assert not page.exception
    configuration.use(settings)
    return page
