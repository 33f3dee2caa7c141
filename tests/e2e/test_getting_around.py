"""Going from page to page: one entry in the browser's history for each step, titles that tell pages apart, keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.pages import open_log, open_task, rows, settled
from tests.e2e.test_log import one

pytestmark = pytest.mark.e2e


def entries(page: Page) -> int:
    count: int = page.evaluate("history.length")
    return count


def on_task(page: Page) -> None:
    expect(page.get_by_role("term").filter(has_text="Task id")).to_be_visible()
    settled(page)


def on_log(page: Page) -> None:
    expect(rows(page).first).to_be_visible()
    settled(page)


def test_a_task_is_one_step_from_the_log_and_back_shows_the_view_that_was_left(
    demo: Demo, page: Page
) -> None:
    open_log(page, demo.viewer, "state=FAILURE&range=1h")
    expect(page).to_have_title("Tasks · taskmon")
    left, before = page.url, entries(page)
    rows(page).first.locator("a").click()
    on_task(page)
    task = page.url
    assert entries(page) == before + 1
    expect(page).to_have_title(re.compile(r"^\S+ FAILURE · taskmon$"))
    page.go_back()
    on_log(page)
    assert page.url == left
    expect(rows(page).filter(has_text="SUCCESS")).to_have_count(0)
    page.go_forward()
    on_task(page)
    assert page.url == task
    # the way back that the page itself offers is a link that another tab can follow, too
    assert page.get_by_role("link", name="All tasks").get_attribute("href") != ""
    page.get_by_role("link", name="All tasks").click()
    on_log(page)
    expect(page).to_have_url(re.compile("state=FAILURE"))


def test_a_double_click_opens_a_task_once(demo: Demo, page: Page) -> None:
    open_log(page, demo.viewer, "range=1h")
    left, before = page.url, entries(page)
    rows(page).first.locator("td").nth(3).dblclick()
    on_task(page)
    assert entries(page) == before + 1
    page.go_back()
    on_log(page)
    assert page.url == left


def test_the_viewer_opens_with_the_overview_whose_figures_are_one_step_from_the_log(
    demo: Demo, page: Page
) -> None:
    page.goto(f"{demo.viewer}/?range=1h")
    failed = page.locator('.card[data-id="failed"]')
    expect(failed).to_be_visible()
    settled(page)
    expect(page).to_have_title("Overview · taskmon")
    before = entries(page)
    failed.click()
    on_log(page)
    assert entries(page) == before + 1
    page.go_back()
    expect(failed).to_be_visible()
    expect(page).to_have_url(f"{demo.viewer}/?range=1h")
    expect(page.get_by_text("Parts of the address were ignored")).to_have_count(0)


def test_values_of_a_ranking_stand_beside_its_marks_and_inside_the_picture(demo: Demo, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{demo.viewer}/reports?report=tasks_top_avg_runtime&range=1h")
    picture = page.locator("svg.marks")
    expect(picture).to_be_visible()
    settled(page)
    said = picture.locator("text", has_text=re.compile("^avg "))
    expect(said.first).to_be_visible()
    edge = picture.bounding_box()
    assert edge is not None
    boxes = [text.bounding_box() for text in said.all()]
    lefts = {round(box["x"]) for box in boxes if box}
    assert len(boxes) > 3
    assert len(lefts) == 1, "one column"
    assert all(box and box["x"] + box["width"] <= edge["x"] + edge["width"] for box in boxes)
    marks = picture.locator(".mark-symbol path").all()
    assert marks
    assert all((mark.bounding_box() or edge)["x"] < min(lefts) for mark in marks[-12:])
    # the table below keeps its first column, however narrow the window
    first = page.locator('[aria-label="Top 20 tasks by average runtime"] tbody tr').first.locator("td").first
    assert (first.bounding_box() or {"width": 0})["width"] >= 120


def test_the_trace_is_walked_and_zoomed_by_the_keyboard_and_ids_are_copied(demo: Demo, page: Page) -> None:
    (task_id,) = one(
        demo,
        "SELECT task_id FROM otel.celery_task_runs WHERE task_name = 'catalogue.tasks.convert_prices' LIMIT 1",
    )
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_task(page, demo.viewer, str(task_id))
    page.get_by_role("button", name="Copy Task id").click()
    assert page.evaluate("navigator.clipboard.readText()") == task_id
    tree = page.get_by_role("tree", name="Tasks and their publishes")
    tree.focus()
    page.keyboard.press("End")
    spoken = tree.get_attribute("aria-activedescendant")
    assert spoken
    expect(tree.locator(f"#{spoken}")).to_have_class(re.compile("current"))
    scale = page.locator(".ruler").last
    whole = scale.inner_text()
    page.keyboard.press("+")
    expect(scale).not_to_have_text(whole)
    page.keyboard.press("-")
    expect(scale).to_have_text(whole, use_inner_text=True)
