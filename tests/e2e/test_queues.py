"""The Queues page in a browser on the demo's own Redis: looking, filtering, purging by typing the name."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from redis import Redis

from tests.e2e.conftest import SCREENSHOTS, Demo
from tests.e2e.pages import query_of, settled
from tests.support.queued_messages import ids, message, push

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TASKS = ("reports.tasks.monthly_report", "shop.tasks.send_mail", "<b>reindex</b>")
QUEUE = "backlog"
"""Nobody consumes it, so that it stands still."""


@pytest.fixture
def redis(demo: Demo) -> Iterator[Redis]:
    found = re.search(r"broker .* on port (\d+)", demo.child.output())
    assert found is not None, demo.child.output()
    with Redis(port=int(found[1])) as client:
        client.delete(QUEUE)
        push(client, QUEUE, (message(TASKS[n % 3], f"waits-{n:04d}", [n], queue=QUEUE) for n in range(240)))
        yield client
        client.delete(QUEUE)


def open_queues(page: Page, demo: Demo, query: str) -> None:
    page.goto(f"{demo.viewer}/queues?{query}")
    expect(page.locator('[aria-label="Queues"] tbody tr').first).to_be_visible()
    settled(page)


def test_looking_filtering_and_purging(demo: Demo, page: Page, redis: Redis) -> None:
    open_queues(page, demo, f"queue={QUEUE}")
    listed = page.locator('[aria-label="Waiting messages"] tbody tr')
    expect(listed).to_have_count(100)
    page.get_by_role("button", name="Next").click()
    expect(listed.first).to_contain_text("waits-0100")
    page.locator('[aria-label="By task"] tbody tr', has_text="<b>reindex</b>").click()
    expect(listed.first).to_contain_text("waits-0002")
    expect(listed).to_have_count(80)
    assert query_of(page)["task"] == ["<b>reindex</b>"]
    expect(page.locator("b", has_text="reindex")).to_have_count(0)

    page.get_by_role("button", name="Purge what fits the filters").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("80 of 240 waiting messages would be removed")
    dialog.get_by_role("textbox").fill("something else")
    dialog.get_by_role("button", name="Purge").click()
    expect(dialog).to_contain_text("That is not its name; nothing was removed.")
    assert redis.llen(QUEUE) == 240
    dialog.get_by_role("textbox").fill(QUEUE)
    dialog.get_by_role("button", name="Purge").click()
    expect(page.get_by_text(f"80 messages removed from {QUEUE}.")).to_be_visible()
    assert ids(redis, QUEUE) == [f"waits-{n:04d}" for n in range(240) if n % 3 != 2]
    audit = demo.client().query("SELECT actor, action, affected FROM otel.audit WHERE target = 'backlog'")
    assert audit.result_rows == [("local", "purge queue", 80)]


def test_back_from_a_waiting_task_is_the_same_view(demo: Demo, page: Page, redis: Redis) -> None:
    assert redis.llen(QUEUE)
    open_queues(page, demo, f"queue={QUEUE}&task_id=waits-0007")
    row = page.locator('[aria-label="Waiting messages"] tbody tr')
    expect(row).to_have_count(1)
    row.click()
    expect(page.get_by_text("The store has no task with this id.")).to_be_visible()
    page.go_back()
    expect(row).to_have_count(1)
    expect(row).to_contain_text("waits-0007")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_pictures(demo: Demo, page: Page, redis: Redis, request: pytest.FixtureRequest) -> None:
    assert redis.llen(QUEUE)
    open_queues(page, demo, "queue=default&range=15m")
    expect(page.locator("svg.marks")).to_have_count(3)
    expect(page.get_by_text(re.compile("^Based on "))).to_be_visible()
    scheme = request.node.callspec.params["page"]
    page.screenshot(path=SCREENSHOTS / f"queues-{scheme}.png")
    open_queues(page, demo, f"queue={QUEUE}&range=15m")
    expect(page.locator('[aria-label="Waiting messages"] tbody tr')).to_have_count(100)
    page.screenshot(path=SCREENSHOTS / f"queue-waiting-{scheme}.png")
