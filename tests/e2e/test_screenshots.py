"""Each page in light and dark, for the documentation and for people to look at."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FloatRect, Page, expect

from tests.e2e.conftest import SCREENSHOTS, Demo
from tests.e2e.pages import executions, open_log, open_task, settled
from tests.e2e.test_log import one

pytestmark = pytest.mark.e2e

SHOWN = {
    "overview": "overview",
    "task_runs_by_state": "report-parts",
    "tasks_top_avg_runtime": "report-ranking",
    "tasks_throughput_by_app": "report-series",
    "task_statistics": "report-scatter",
}
"""One picture of each kind: report -> name of the file."""


@pytest.fixture
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["page"])


def _drawn(page: Page) -> None:
    """The widgets that the browser loads late are there, too."""
    expect(page.get_by_text("Follow", exact=True)).to_be_visible()
    expect(page.locator("canvas, svg.marks").first).to_be_visible()


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_the_log(demo: Demo, page: Page, scheme: str) -> None:
    open_log(page, demo.viewer, "range=15m")
    _drawn(page)
    page.screenshot(path=SCREENSHOTS / f"tasks-{scheme}.png")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_the_log_filtered(demo: Demo, page: Page, scheme: str) -> None:
    open_log(page, demo.viewer, "range=15m&state=FAILURE&per=executions")
    _drawn(page)
    page.screenshot(path=SCREENSHOTS / f"failures-{scheme}.png")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_a_retried_payment(demo: Demo, page: Page, scheme: str) -> None:
    (task_id,) = one(
        demo,
        """SELECT task_id FROM otel.celery_tasks_latest
           WHERE task_name = 'payments.tasks.charge_card' AND state = 'FAILURE' AND retries = 3 LIMIT 1""",
    )
    open_task(page, demo.viewer, str(task_id))
    expect(executions(page)).to_have_count(4)
    # down to the traceback, which names folders of the machine that runs this
    traceback = page.locator("pre", has_text="Traceback (most recent call last)").first.bounding_box()
    assert traceback is not None
    above: FloatRect = {"x": 0, "y": 0, "width": 1440, "height": min(900, traceback["y"])}
    page.screenshot(path=SCREENSHOTS / f"task-{scheme}.png", clip=above)
    page.get_by_role("tree").last.scroll_into_view_if_needed()
    expect(page.get_by_text(re.compile("Tasks and their publishes"))).to_be_visible()
    page.screenshot(path=SCREENSHOTS / f"trace-{scheme}.png")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_overview_reports_and_statistics(demo: Demo, page: Page, scheme: str) -> None:
    page.goto(f"{demo.viewer}/?range=15m")
    expect(page.locator("svg.marks")).to_have_count(3)
    for name, label in SHOWN.items():
        if name != "overview":
            page.goto(f"{demo.viewer}/reports?range=15m&report={name}")
            expect(page.locator("svg.marks")).to_have_count(1)
        expect(page.get_by_text(re.compile("^As of "))).to_be_visible()
        settled(page)
        page.screenshot(path=SCREENSHOTS / f"{label}-{scheme}.png")
    page.goto(f"{demo.viewer}/statistics?range=15m&sort=total_ns&order=desc")
    expect(page.locator('[aria-label="Statistics"] tbody tr').first).to_be_visible()
    expect(page.get_by_text(re.compile("^As of "))).to_be_visible()
    page.screenshot(path=SCREENSHOTS / f"statistics-{scheme}.png")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_an_empty_answer(demo: Demo, page: Page, scheme: str) -> None:
    page.goto(f"{demo.viewer}/tasks?q=nothing-has-this-argument")
    expect(page.get_by_text(re.compile("No task", re.IGNORECASE)).first).to_be_visible()
    page.screenshot(path=SCREENSHOTS / f"no-match-{scheme}.png")
