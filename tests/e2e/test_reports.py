"""The 17 reports on the demo's tasks: what each number leads to is exactly that many executions."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from otel_taskmon.queries.report_catalogue import REPORTS
from otel_taskmon.queries.report_model import ReportKey
from tests.e2e.conftest import Demo
from tests.e2e.pages import based_on, in_log, query_of, settled

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TABLE = {key: f'[aria-label="{report.title(20)}"]' for key, report in REPORTS.items()}
CLICKED = ["task_runs_by_state", "tasks_top_failed", "tasks_throughput_by_state", "task_statistics"]
"""One of each kind of picture."""


@pytest.fixture(scope="module")
def window(demo: Demo) -> str:
    """A range whose rows stand still, as parameters of an address."""
    since, until = demo.finished_window()
    return urlencode({"since": f"{since:%Y-%m-%dT%H:%M:%SZ}", "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"})


def open_report(page: Page, demo: Demo, key: str, window: str) -> Locator:
    """Its table's rows; there are none where the demo has nothing of the kind."""
    page.goto(f"{demo.viewer}/reports?report={key}&{window}")
    expect(page.get_by_text(re.compile("^Based on "))).to_be_visible()
    settled(page)
    return page.locator(f"{TABLE[REPORTS[key].key]} tbody tr")  # type: ignore[index]


def column(page: Page, key: str, heading: str) -> int:
    headings = page.locator(f"{TABLE[key]} thead th").all_inner_texts()  # type: ignore[index]
    return headings.index(heading)


def menu(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Reports")


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_each_report_and_the_executions_behind_its_last_row(demo: Demo, page: Page, window: str) -> None:
    open_report(page, demo, "task_runs_by_state", window)
    for key, report in REPORTS.items():
        menu(page).get_by_role("link", name=report.label, exact=True).click()
        expect(menu(page).locator("[aria-current]")).to_have_text(report.label)
        if report.dimension == "queue":
            expect(page.get_by_text(re.compile("^Based on .* sample"))).to_be_visible()
            continue
        found = page.locator(f"{TABLE[key]} tbody tr")
        expect(found.first).to_be_visible()
        settled(page)
        # once: what the report before has drawn is gone
        expect(page.locator('[data-testid="stVegaLiteChart"] svg.marks')).to_have_count(1)
        last = found.last
        count = number(last.locator("td").nth(column(page, key, "Runs")).inner_text())
        assert count > 0
        last.locator("a").click()
        assert in_log(page) == count, key
        assert query_of(page)["per"] == ["executions"]
        assert query_of(page).get("sort") == (["runtime"] if report.sort == "runtime" else None)
        page.go_back()
        expect(menu(page).locator("[aria-current]")).to_have_text(report.label)
        expect(page).to_have_url(re.compile(r"/reports\?.*since="))


@pytest.mark.parametrize("key", CLICKED)
def test_a_part_of_the_picture_leads_to_exactly_its_executions(
    demo: Demo, page: Page, window: str, key: ReportKey
) -> None:
    open_report(page, demo, key, window)
    marks = page.locator("svg.marks path[aria-label]")
    expect(page.locator("svg.marks")).to_be_visible()
    labels = [mark.get_attribute("aria-label") or "" for mark in marks.all()]
    counts = [re.search(r"(?:^|; )(?:runs|value): ([\d,]+)(?:;|$)", label) for label in labels]
    shown = [(number(found[1]), n) for n, found in enumerate(counts) if found and found[1] != "0"]
    # Of a ring the smallest, since the middle of a large slice is in the hole; of bars the largest is hit best.
    count, place = min(shown) if key == "task_runs_by_state" else max(shown)
    report, before = page.url, page.evaluate("history.length")
    marks.nth(place).click(force=True)
    assert in_log(page) == count, labels[place]
    assert page.evaluate("history.length") == before + 1
    log = page.url
    page.go_back()
    expect(page).to_have_url(report)
    expect(page.locator("svg.marks path[aria-label]")).to_have_count(len(labels))
    settled(page)
    page.go_forward()
    expect(page).to_have_url(log)
    assert in_log(page) == count


def test_going_back_shows_the_report_as_it_was(demo: Demo, page: Page, window: str) -> None:
    found = open_report(page, demo, "tasks_top_runs", window)
    found.first.locator("a").click()
    in_log(page)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/reports\?report=tasks_top_runs"))
    expect(found.first).to_be_visible()
    expect(page.get_by_text("Parts of the address were ignored")).to_have_count(0)


def test_a_filter_of_a_report_is_dropped_in_the_log(demo: Demo, page: Page, window: str) -> None:
    found = open_report(page, demo, "tasks_top_failed", window)
    found.first.locator("a").click()
    failed = in_log(page)
    page.get_by_role("button", name="failed unexpectedly").click()
    expect(page).not_to_have_url(re.compile("failed=yes"))
    settled(page)
    assert based_on(page) > failed
    assert query_of(page)["ran_since"]


def test_the_menu_leads_to_another_report_of_the_same_range(demo: Demo, page: Page, window: str) -> None:
    open_report(page, demo, "task_runs_by_state", window)
    page.get_by_role("navigation", name="Reports").get_by_role(
        "link", name="Top tasks by retried runs"
    ).click()
    expect(page).to_have_url(re.compile(r"report=tasks_top_retried.*since="))
    expect(page.get_by_role("heading", name="Top 20 tasks by retried runs")).to_be_visible()


def test_the_csv_of_a_report_has_its_rows(demo: Demo, page: Page, window: str) -> None:
    found = open_report(page, demo, "tasks_top_runs", window)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("label,others,app,value,unit,count,share,start,end,min_ns")
    assert len(lines) - 1 == found.count()
    assert lines[1].split(",")[0] == found.first.locator("a").inner_text()


def test_an_empty_report_says_why_and_what_to_do(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.viewer}/reports?report=tasks_top_failed&app=no-such-app")
    expect(page.get_by_text("Nothing ran in this range.")).to_be_visible()
    page.get_by_role("button", name="Drop the filters").click()
    expect(page).not_to_have_url(re.compile("app="))
    expect(page.get_by_text("Nothing ran in this range.")).to_have_count(0)


def test_the_overview_leads_to_what_it_counts(demo: Demo, page: Page, window: str) -> None:
    page.goto(f"{demo.viewer}/?{window}")
    for figure in ("tasks", "failed", "runs"):
        card = page.locator(f'.card[data-id="{figure}"]')
        expect(card).to_be_visible()
        settled(page)
        count = number(card.locator(".value").inner_text())
        assert count > 0
        card.click()
        assert in_log(page) == count
        page.go_back()
        expect(page).to_have_url(re.compile(r"/\?since="))


def test_the_statistics_sort_search_and_lead_to_the_log(demo: Demo, page: Page, window: str) -> None:
    page.goto(f"{demo.viewer}/statistics?{window}")
    names = page.locator('[aria-label="Statistics"] tbody tr')
    expect(names.first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Retried")).click()
    expect(page).to_have_url(re.compile("sort=retried&order=desc"))
    expect(names.first).to_contain_text("payments.tasks.")
    settled(page)
    headings = page.locator('[aria-label="Statistics"] thead th').all_inner_texts()
    place = next(n for n, heading in enumerate(headings) if heading.startswith("Retried"))
    cell = names.first.locator("td").nth(place)
    retried = number(cell.inner_text())
    assert retried > 0
    cell.locator("a").click()
    assert in_log(page) == retried
    assert query_of(page)["state"] == ["RETRY"]


def test_hostile_names_stay_text_in_pictures_and_tables(demo: Demo, page: Page) -> None:
    """A request to another host fails the test by the fixture."""
    page.add_init_script("window.alert = () => { document.title = 'attacked' }")
    hostile = "<img src=x onerror=alert(1)> ![x](http://evil.example/p.png)"
    for path in ("reports?report=tasks_top_runs", "statistics", ""):
        query = urlencode({"app": hostile})
        page.goto(f"{demo.viewer}/{path}{'&' if '?' in path else '?'}{query}")
        expect(page.get_by_text("Nothing ran in this range.")).to_be_visible()
        settled(page)
        expect(page.get_by_test_id("stMultiSelect").first).to_contain_text("<img src=x")
        assert page.locator("img[src*='evil'], img[onerror]").count() == 0
        assert page.title() != "attacked"
