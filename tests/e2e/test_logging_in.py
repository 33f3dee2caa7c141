"""Who is logged in, on a wide window and on a phone; a log-out counts in every viewer that shares the users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3
from playwright.sync_api import Page, expect

from taskmon_viewer.access.password_file import write_user
from taskmon_viewer.access.sessions import COOKIE
from tests.e2e.conftest import Demo
from tests.e2e.pages import rows, settled
from tests.support.viewer import running_viewer

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

USER, PASSWORD = "ann.with.a.long.name@example.com", "correct horse battery"


@pytest.fixture
def viewers(demo: Demo, tmp_path: Path) -> Iterator[list[str]]:
    """Two viewers that share users and secret."""
    users = tmp_path / "users"
    write_user(users, USER, "operator", PASSWORD)
    env = {"TASKMON_VIEWER_USERS": str(users), "TASKMON_VIEWER_SESSION_SECRET": "s" * 40}
    with ExitStack() as stack:
        found = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            store = f"http://127.0.0.1:{demo.http_port}"
            found.append(stack.enter_context(running_viewer(store, tmp_path / name, env=env))[0])
        yield found


def status(viewer: str, cookie: str) -> int:
    """What a page of the viewer answers to who brings this cookie."""
    return urllib3.request("GET", f"{viewer}/tasks", headers={"Cookie": f"{COOKIE}={cookie}"}).status


def log_in(page: Page, password: str) -> None:
    page.get_by_label("User").fill(USER)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(rows(page).first).to_be_visible()
    settled(page)


def test_a_phone_reaches_filters_and_log_out_and_the_log_out_counts_everywhere(
    viewers: list[str], page: Page
) -> None:
    here, there = viewers
    page.goto(f"{here}/tasks?range=all")
    log_in(page, PASSWORD)
    expect(page.get_by_text(USER)).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    # nothing of ours may lie on the button that opens navigation and filters; the click waits until it gets through
    if not page.get_by_role("button", name="Clear all").is_visible():
        page.get_by_test_id("stExpandSidebarButton").click()
    expect(page.get_by_role("button", name="Clear all")).to_be_visible()
    cookie = next(each["value"] for each in page.context.cookies() if each.get("name") == COOKIE)
    assert [status(viewer, str(cookie)) for viewer in viewers] == [200, 200]
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert [status(viewer, str(cookie)) for viewer in (there, here)] == [401, 401]


def test_who_is_logged_out_while_a_page_is_open_logs_in_and_is_back(
    viewers: list[str], page: Page, tmp_path: Path
) -> None:
    address = f"{viewers[0]}/tasks?state=SUCCESS&range=all"
    page.goto(address)
    log_in(page, PASSWORD)
    write_user(tmp_path / "users", USER, "operator", "another password")
    page.get_by_role("button", name="Refresh").click()
    log_in(page, "another password")
    expect(page).to_have_url(address)
