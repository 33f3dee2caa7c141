"""How the tests find their way on the pages: by what a person sees, not by layout."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]'


def settled(page: Page) -> None:
    """Wait until Streamlit has run the page's script and nothing more is on its way."""
    expect(page.locator(IDLE)).to_have_count(1)


def open_log(page: Page, viewer: str, query: str = "") -> None:
    page.goto(f"{viewer}/tasks{'?' + query if query else ''}")
    expect(rows(page).first).to_be_visible()
    settled(page)


def open_task(page: Page, viewer: str, task_id: str) -> None:
    page.goto(f"{viewer}/task?id={task_id}")
    expect(page.get_by_role("term").filter(has_text="Task id")).to_be_visible()
    settled(page)


def rows(page: Page) -> Locator:
    """The rows of the log's table."""
    return page.locator("table tbody tr[data-id]")


def row_of(page: Page, task_id: str) -> Locator:
    return page.locator(f'table tbody tr[data-id^="{task_id}"]')


def executions(page: Page) -> Locator:
    """The list of executions on the detail page."""
    return page.locator('[aria-label="Executions"] tbody tr')


def search(page: Page, text: str) -> None:
    """Type into the search box and wait until the address says so."""
    page.get_by_placeholder("Search name, app, task id, arguments, exception text").fill(text)
    expect(page).to_have_url(re.compile(r"[?&]q="))
    settled(page)


def facet(page: Page, name: str, value: str) -> Locator:
    """A value of a filter in the sidebar."""
    return page.locator(f'section[data-facet="{name}"] .value', has_text=value).first


def in_log(page: Page) -> int:
    """Wait until a link of another page has led to the log; the number that it is based on."""
    expect(page.get_by_placeholder("Search name, app, task id, arguments, exception text")).to_be_visible()
    expect(rows(page).first).to_be_visible()
    settled(page)
    return based_on(page)


def based_on(page: Page) -> int:
    """The number that the page says it is based on."""
    text = page.get_by_text(re.compile(r"^Based on [\d,]+ ")).inner_text()
    found = re.match(r"Based on ([\d,]+) ", text)
    assert found is not None
    return int(found[1].replace(",", ""))


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)
