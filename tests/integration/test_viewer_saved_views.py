"""Saved views: who may write them, what a name may be, two who save at once, a store that is away."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from otel_taskmon.errors import StoreUnavailable
from otel_taskmon.queries.audit import Actor
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.saved_views import (
    MAX_NAME,
    MAX_QUERY,
    ViewRefused,
    ViewTaken,
    delete_view,
    rename_view,
    save_view,
    saved_views,
    view_name,
)
from otel_taskmon.settings import ReaderSettings
from taskmon_viewer import cache, configuration
from taskmon_viewer.access.policy import LocalAccess
from taskmon_viewer.access.users import User
from tests.support.store import Store, running_store
from tests.support.viewer import components, elements, open_page, texts

pytestmark = pytest.mark.integration

ANN, BOB = Actor("ann", "operator"), Actor("bob", "admin")
HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example/p.png) 'a', \"b\"; :red[y]"


@pytest.fixture(scope="module")
def writer(store: Store) -> Iterator[Client]:
    with connect(store.url, "admin", store.admin_password) as client:
        yield client


@pytest.fixture(autouse=True)
def _no_views(writer: Client) -> None:
    writer.run("TRUNCATE TABLE otel.saved_views")
    writer.run("TRUNCATE TABLE otel.audit")


def named(client: Client) -> list[tuple[str, str, str]]:
    return [(view.name, view.owner, view.query) for view in saved_views(client)]


def audit(client: Client) -> list[tuple[Any, ...]]:
    asked = client.ask("SELECT actor, role, action, target, detail FROM otel.audit ORDER BY at")
    return [tuple(row) for row in asked.rows]


def test_a_view_is_saved_renamed_and_deleted_and_the_audit_says_so(writer: Client, reader: Client) -> None:
    save_view(writer, " Failures\nof today ", "state=FAILURE&range=1h", ANN)
    (view,) = saved_views(reader)
    assert (view.name, view.owner, view.query) == ("Failures of today", "ann", "state=FAILURE&range=1h")
    rename_view(writer, view, HOSTILE, BOB)
    assert named(reader) == [(HOSTILE, "ann", "state=FAILURE&range=1h")]
    delete_view(writer, saved_views(reader)[0], BOB)
    assert named(reader) == []
    assert audit(reader) == [
        ("ann", "operator", "save view", "Failures of today", "state=FAILURE&range=1h"),
        ("bob", "admin", "rename view", HOSTILE, "it was Failures of today"),
        ("bob", "admin", "delete view", HOSTILE, "state=FAILURE&range=1h"),
    ]
    save_view(writer, "Failures of today", "", ANN)  # the name is free again
    assert named(reader) == [("Failures of today", "ann", "")]


def test_a_name_is_given_once_and_replacing_it_takes_a_word(writer: Client) -> None:
    save_view(writer, "mine", "q=1", ANN)
    with pytest.raises(ViewTaken, match="saved by ann") as taken:
        save_view(writer, "mine", "q=2", BOB)
    assert named(writer) == [("mine", "ann", "q=1")]
    save_view(writer, "mine", "q=2", BOB, instead_of=taken.value.taken)
    assert named(writer) == [("mine", "bob", "q=2")]
    save_view(writer, "mine", "q=3", BOB, instead_of=saved_views(writer)[0])
    assert named(writer) == [("mine", "bob", "q=3")]
    save_view(writer, "other", "", ANN)
    with pytest.raises(ViewTaken):
        rename_view(writer, saved_views(writer)[1], "mine", ANN)


def test_of_two_who_save_a_name_at_once_one_is_told(store: Store, reader: Client) -> None:
    def save(actor: Actor) -> str:
        with connect(store.url, "admin", store.admin_password) as client:
            try:
                save_view(client, "both", f"q={actor.name}", actor)
            except ViewTaken as error:
                return f"after {error.taken.owner}"
            return actor.name

    with ThreadPoolExecutor(2) as pool:
        first, second = sorted(pool.map(save, (ANN, BOB)), key=lambda said: said.startswith("after"))
    assert second == f"after {first}"
    assert named(reader) == [("both", first, f"q={first}")]


def test_what_somebody_changed_meanwhile_is_not_changed_again(writer: Client) -> None:
    save_view(writer, "mine", "q=1", ANN)
    (old,) = saved_views(writer)
    save_view(writer, "mine", "q=2", BOB, instead_of=old)
    changes: list[Callable[[], None]] = [
        lambda: rename_view(writer, old, "yours", ANN),
        lambda: delete_view(writer, old, ANN),
        lambda: save_view(writer, "mine", "q=3", ANN, instead_of=old),
    ]
    for change in changes:
        with pytest.raises(ViewRefused, match="somebody has changed the view 'mine' meanwhile"):
            change()
    assert named(writer) == [("mine", "bob", "q=2")]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b", "\u202e\u200d", "x" * (MAX_NAME + 1)])
def test_a_name_that_cannot_be_is_refused(writer: Client, text: str) -> None:
    with pytest.raises(ViewRefused):
        save_view(writer, text, "", ANN)
    with pytest.raises(ViewRefused):
        save_view(writer, "long", "q=" + "x" * MAX_QUERY, ANN)
    assert named(writer) == []


def test_names_that_would_look_the_same_are_the_same() -> None:
    assert view_name("pay\u202ements\u200b  of\r\nto\x00day") == "payments of to day"
    assert view_name("cafe\u0301") == "caf\u00e9"
    assert view_name("ملف مهم") == "ملف مهم"
    assert view_name("👩\u200d💻") == "👩\u200d💻"


def test_a_reader_of_the_store_cannot_write(reader: Client) -> None:
    with pytest.raises(Exception, match="readonly"):
        save_view(reader, "mine", "", ANN)


def panel() -> None:
    """What the dialog shows: AppTest knows no dialogs that stay open."""
    from taskmon_viewer.views.saved_views import saved_views_panel

    saved_views_panel()


def opened(store_url: str, user: User | None = None, **query: str) -> AppTest:
    access = LocalAccess(user) if user else None
    configuration.use(ReaderSettings.from_environment({}, clickhouse_url=store_url), access=access)
    page = AppTest.from_function(panel, default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def press(page: AppTest, label: str) -> AppTest:
    button = next(e for e in elements(page._tree) if e.type == "button" and e.label == label)
    button.click().run()
    assert not page.exception
    return page


def choose(page: AppTest) -> None:
    radio = page.radio(key="views.chosen")
    radio.set_value(radio.options[0]).run()


def typed(page: AppTest, key: str, text: str) -> None:
    page.text_input(key=key).set_value(text)


def said(page: AppTest) -> str:
    return "\n".join([texts(page), *(str(element.value) for element in page.success)])


def test_the_page_saves_what_its_address_says(
    store: Store, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKMON_DATA_DIR", str(store.data_dir))
    page = opened(store.url, state="FAILURE", range="1h")
    assert "There are none yet" in said(page)
    typed(page, "views.name", HOSTILE)
    press(page, "Save this view")
    assert "Saved" in said(page)
    assert page.text_input(key="views.name").value == ""
    # without a bound of its own: "last hour" is the last hour of whoever opens it
    assert named(reader) == [(HOSTILE, "local", "state=FAILURE&range=1h")]
    (listed,) = components(page, "menu")
    (entry,) = listed["groups"][0]["entries"]
    assert entry["label"] == HOSTILE
    assert entry["href"] == "/tasks?state=FAILURE&range=1h"
    assert entry["note"] == "Last hour, state = FAILURE"
    assert listed["chosen"] == entry["id"]
    typed(page, "views.name", HOSTILE)
    press(page, "Save this view")  # the second click of two changes nothing
    assert len(audit(reader)) == 1
    page.query_params["range"] = "6h"
    typed(page, "views.name", HOSTILE)
    press(page, "Save this view")
    assert "is the name of a view already, saved by local" in "".join(
        str(e.value) for e in page.warning
    ).replace("\\", "")
    press(page, "Replace it")
    assert "Saved" in said(page)
    choose(page)
    typed(page, "views.new_name", "short")
    press(page, "Rename it")
    assert [name for name, *_ in named(reader)] == ["short"]
    choose(page)
    press(page, "Delete it")
    assert named(reader) == []
    assert [row[:3] for row in audit(reader)] == [
        ("local", "operator", action)
        for action in ("save view", "replace view", "rename view", "delete view")
    ]


def test_a_viewer_sees_and_opens_but_does_not_write(
    store: Store, writer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKMON_DATA_DIR", str(store.data_dir))
    save_view(writer, "mine", "state=FAILURE", ANN)
    page = opened(store.url, User("eve", "viewer"))
    assert [e["label"] for e in components(page, "menu")[0]["groups"][0]["entries"]] == ["mine"]
    assert not page.text_input
    assert not [e for e in elements(page._tree) if e.type in ("button", "expander")]


def test_whoever_lost_the_role_meanwhile_writes_nothing(
    store: Store, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKMON_DATA_DIR", str(store.data_dir))
    page = opened(store.url, User("eve", "operator"))
    typed(page, "views.name", "mine")
    button = next(e for e in elements(page._tree) if e.type == "button")
    configuration.use(configuration.current(), access=LocalAccess(User("eve", "viewer")))
    button.click().run()
    assert "this needs the role operator; eve is viewer" in said(page)
    assert named(reader) == []


def test_a_store_that_may_only_be_read_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TASKMON_DATA_DIR", str(tmp_path))
    page = opened(store.url)
    typed(page, "views.name", "mine")
    press(page, "Save this view")
    assert "It was not saved" in said(page)
    assert "may not write at" in said(page)


def test_a_view_with_filters_that_are_gone_opens_and_says_so(store: Store, writer: Client) -> None:
    save_view(writer, "old", "state=MELTED&colour=red&range=1h", ANN)
    (entry,) = components(opened(store.url), "menu")[0]["groups"][0]["entries"]
    assert entry["href"] == "/tasks?state=MELTED&colour=red&range=1h"
    page = open_page(store.url, query={"state": "MELTED", "colour": "red", "range": "1h"})
    (warning,) = page.warning
    assert "MELTED" in str(warning.value)
    assert "colour" in str(warning.value)


def test_a_store_that_goes_away_saves_nothing_and_the_name_stays_typed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_store(tmp_path_factory.mktemp("away")) as store:
        monkeypatch.setenv("TASKMON_DATA_DIR", str(store.data_dir))
        page = opened(store.url)
        with connect(store.url) as client:
            typed(page, "views.name", "mine")
            store.child.stop(signal.SIGKILL)
            press(page, "Save this view")
            with pytest.raises(StoreUnavailable):
                saved_views(client)
    assert "has not confirmed it" in said(page)
    assert "The list of views is not known" in said(page)
    assert page.session_state["views.name"] == "mine"
    cache.forget()
