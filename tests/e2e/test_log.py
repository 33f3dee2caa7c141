"""The log on the demo's tasks: search, filters, links, pages, the view in the address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.pages import based_on, facet, open_log, query_of, row_of, rows, search, settled

pytestmark = pytest.mark.e2e


def one(demo: Demo, sql: str) -> tuple[object, ...]:
    """The first row of an answer; there must be one."""
    found = demo.client().query(sql).result_rows
    assert found, sql
    return tuple(found[0])


def test_a_failing_task_is_found_by_a_piece_of_its_argument(demo: Demo, page: Page) -> None:
    task_id, order_id = one(
        demo,
        """SELECT tasks.task_id, JSONExtractInt(runs.args, 1)
           FROM otel.celery_tasks_latest AS tasks
           INNER JOIN otel.celery_task_runs AS runs ON runs.task_id = tasks.task_id
           WHERE tasks.state = 'FAILURE' AND tasks.exc_type LIKE '%CardDeclined' LIMIT 1""",
    )
    open_log(page, demo.viewer)
    search(page, str(order_id))
    expect(row_of(page, str(task_id))).to_have_count(1)
    expect(row_of(page, str(task_id))).to_contain_text("CardDeclined")
    assert based_on(page) < 10
    row_of(page, str(task_id)).get_by_text("payments.tasks.charge_card").click()
    expect(page).to_have_url(re.compile(rf"/task\?id={task_id}"))
    expect(page.get_by_text("Traceback (most recent call last):").first).to_be_visible()


def test_a_filter_narrows_the_log_is_in_the_address_and_survives_a_reload(demo: Demo, page: Page) -> None:
    # a range that is over, so that the numbers stand still
    since, until = demo.finished_window()
    window = f"since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}"
    (failures,) = one(
        demo,
        f"""SELECT count() FROM otel.celery_tasks_latest WHERE state = 'FAILURE'
            AND first_published_at >= '{since:%Y-%m-%d %H:%M:%S}'
            AND first_published_at < '{until:%Y-%m-%d %H:%M:%S}'""",
    )
    open_log(page, demo.viewer, window)
    everything = based_on(page)
    facet(page, "state", "FAILURE").click()
    expect(page).to_have_url(re.compile(r"[?&]state=FAILURE"))
    settled(page)
    expect(rows(page).filter(has_text="SUCCESS")).to_have_count(0)
    assert based_on(page) == failures
    assert 0 < based_on(page) < everything
    page.reload()
    expect(rows(page).first).to_be_visible()
    settled(page)
    assert based_on(page) == failures
    facet(page, "state", "FAILURE").click()
    expect(page).not_to_have_url(re.compile(r"state=FAILURE"))


def test_filters_clicked_faster_than_the_page_is_drawn_all_count(demo: Demo, page: Page) -> None:
    open_log(page, demo.viewer, "range=1h")
    for name, value in (("state", "SUCCESS"), ("app", "payments"), ("queue", "default")):
        facet(page, name, value).click()
    expect(page).to_have_url(f"{demo.viewer}/tasks?state=SUCCESS&app=payments&queue=default&range=1h")
    settled(page)
    expect(rows(page).first).to_contain_text("payments")
    for name in ("state", "app", "queue"):
        expect(page.locator(f'section[data-facet="{name}"] .value[aria-checked="true"]')).to_have_count(1)


def test_a_retried_payment_is_one_row_with_its_executions(demo: Demo, page: Page) -> None:
    task_id, executions = one(
        demo,
        """SELECT task_id, executions FROM otel.celery_tasks_latest
           WHERE task_name = 'payments.tasks.charge_card' AND state = 'SUCCESS' AND retries = 2 LIMIT 1""",
    )
    assert executions == 3
    open_log(page, demo.viewer, f"q={task_id}")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("2 (3×)")
    page.get_by_text("Executions", exact=True).first.click()
    expect(page).to_have_url(re.compile(r"[?&]per=executions"))
    expect(rows(page)).to_have_count(3)
    expect(rows(page).filter(has_text="RETRY")).to_have_count(2)
    expect(rows(page).filter(has_text="GatewayTimeout")).to_have_count(2)


def test_pages_follow_each_other_while_tasks_arrive(demo: Demo, page: Page) -> None:
    open_log(page, demo.viewer)
    first = [row.get_attribute("data-id") for row in rows(page).all()]
    assert len(first) == 100
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(re.compile(r"^Rows 101–"))).to_be_visible()
    settled(page)
    second = [row.get_attribute("data-id") for row in rows(page).all()]
    assert second
    assert not set(first) & set(second)
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_text(re.compile(r"^Rows 1–"))).to_be_visible()


def test_sorting_by_runtime_brings_the_slowest_first(demo: Demo, page: Page) -> None:
    open_log(page, demo.viewer, "range=all")
    page.get_by_role("button", name=re.compile("^Runtime")).click()
    expect(page).to_have_url(re.compile(r"sort=runtime"))
    settled(page)
    expect(rows(page).first).to_contain_text("reports.tasks.nightly_sales")


def test_a_wrong_filter_in_the_address_is_said_and_ignored(demo: Demo, page: Page) -> None:
    open_log(page, demo.viewer, "state=BOGUS&range=3years&priority=high&page=x&per=tasks")
    warning = page.get_by_text("Parts of the address were ignored")
    expect(warning).to_be_visible()
    for said in ("BOGUS", "3years", "high"):
        expect(page.get_by_text(re.compile(said)).first).to_be_visible()
    assert based_on(page) > 0


def test_a_search_without_a_match_says_what_to_do(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.viewer}/tasks?q=there-is-no-such-argument-anywhere")
    settled(page)
    expect(rows(page)).to_have_count(0)
    expect(page.get_by_text(re.compile("No task", re.IGNORECASE)).first).to_be_visible()
    assert query_of(page)["q"] == ["there-is-no-such-argument-anywhere"]


def test_hostile_texts_are_shown_as_text(demo: Demo, page: Page) -> None:
    """A request to another host fails the test by the fixture."""
    page.add_init_script("window.alert = () => { document.title = 'attacked' }")
    open_log(page, demo.viewer, "name=reviews.tasks.moderate&range=all")
    assert rows(page).locator("img, script, a:not([href^='/task'])").count() == 0
    task_id, _ = one(
        demo,
        """SELECT task_id, args FROM otel.celery_task_runs
           WHERE task_name = 'reviews.tasks.moderate' AND position(args, '<script>') > 0 LIMIT 1""",
    )
    page.goto(f"{demo.viewer}/task?id={task_id}")
    settled(page)
    expect(page.get_by_text("<script>alert('reviews')</script>").first).to_be_visible()
    assert page.title() != "attacked"
