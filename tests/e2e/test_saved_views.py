"""A view is saved once and opened by everybody: one step in the history, a plain link, whatever its name."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.pages import open_log, rows, settled

pytestmark = pytest.mark.e2e

HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example/p.png)"


def listed(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Saved views").get_by_role("link")


def open_list(page: Page) -> None:
    page.get_by_role("button", name="Views").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    settled(page)


def choose_first(page: Page) -> None:
    page.get_by_role("dialog").get_by_test_id("stRadio").locator("label").filter(
        has=page.locator("input")
    ).first.click()
    expect(page.get_by_label("New name")).to_be_visible()
    settled(page)


def test_a_saved_view_is_opened_renamed_and_deleted(demo: Demo, page: Page) -> None:
    """A request to another host fails the test by the fixture."""
    open_log(page, demo.viewer, "state=FAILURE&range=1h&follow=yes")
    expect(page.get_by_role("switch", name="Follow")).to_be_checked()
    open_list(page)
    name = page.get_by_placeholder("A name for these filters, range and order")
    name.fill(HOSTILE)
    name.press("Enter")
    expect(listed(page)).to_have_count(1)
    expect(listed(page)).to_contain_text(HOSTILE)
    expect(name).to_have_value("")

    open_log(page, demo.viewer)
    before: int = page.evaluate("history.length")
    open_list(page)
    href = listed(page).get_attribute("href")
    listed(page).click()
    expect(page).to_have_url(demo.viewer + str(href))
    expect(page.get_by_role("dialog")).to_have_count(0)
    settled(page)
    expect(rows(page).filter(has_text="SUCCESS")).to_have_count(0)
    assert page.evaluate("history.length") == before + 1
    assert re.search(r"state=FAILURE&range=1h&follow=yes$", page.url)
    page.go_back()
    expect(page).to_have_url(f"{demo.viewer}/tasks")

    expect(rows(page).first).to_be_visible()
    settled(page)

    open_list(page)
    page.get_by_text("Rename or delete").click()
    choose_first(page)
    page.get_by_label("New name").fill("what failed")
    page.get_by_role("button", name="Rename it").click()
    expect(listed(page)).to_have_text(["what failedLast hour, state = FAILURE"])
    settled(page)
    choose_first(page)
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("There are none yet")).to_be_visible()
