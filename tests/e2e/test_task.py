"""The detail page on the demo's tasks."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.pages import executions, open_log, open_task, settled
from tests.e2e.test_log import one
from tests.support.stored_tasks import insert, run

pytestmark = pytest.mark.e2e


def test_the_whole_traceback_and_its_cause(demo: Demo, page: Page) -> None:
    task_id, message, stacktrace = one(
        demo,
        """SELECT task_id, exc_message, exc_stacktrace FROM otel.celery_task_runs
           WHERE state = 'FAILURE' AND position(exc_stacktrace, 'direct cause') > 0 LIMIT 1""",
    )
    open_task(page, demo.viewer, str(task_id))
    shown = page.locator("pre", has_text="Traceback (most recent call last)").first
    expect(shown).to_be_visible()
    # innerText of a highlighted block may differ in trailing blanks only
    assert [line.rstrip() for line in shown.inner_text().strip().splitlines()] == [
        line.rstrip() for line in str(stacktrace).strip().splitlines()
    ]
    expect(page.get_by_text(str(message)).first).to_be_visible()


def test_each_execution_of_a_retried_payment_with_its_cause(demo: Demo, page: Page) -> None:
    (task_id,) = one(
        demo,
        """SELECT task_id FROM otel.celery_tasks_latest
           WHERE task_name = 'payments.tasks.charge_card' AND state = 'FAILURE' AND retries = 3 LIMIT 1""",
    )
    open_task(page, demo.viewer, str(task_id))
    listed = executions(page)
    expect(listed).to_have_count(4)
    expect(listed.filter(has_text="RETRY")).to_have_count(3)
    expect(listed.filter(has_text="GatewayTimeout")).to_have_count(4)
    expect(page.get_by_text("ConnectionResetError").first).to_be_visible()
    # another execution is chosen by a click, and the address names it
    listed.first.click()
    expect(page).to_have_url(re.compile(r"execution=[0-9a-f]+"))


def test_secrets_come_out_masked(demo: Demo, page: Page) -> None:
    (task_id,) = one(
        demo,
        "SELECT task_id FROM otel.celery_task_runs WHERE task_name = 'accounts.tasks.reset_password' LIMIT 1",
    )
    open_task(page, demo.viewer, str(task_id))
    expect(page.locator("pre", has_text='"password": "***"').first).to_be_visible()
    expect(page.get_by_text(re.compile("masked")).first).to_be_visible()
    assert "correct-horse" not in page.content()
    # nor anywhere in the tables
    client = demo.client()
    for secret in ("correct-horse", "Sup3r-s3cret", "feed-pa55word", "s3cret-gateway-pw"):
        for table in ("otel_traces", "otel_logs"):
            (names,) = client.query(
                "SELECT groupArray(name) FROM system.columns WHERE database = 'otel' AND table = {table:String}",
                {"table": table},
            ).result_rows[0]
            texts = ", ".join(f"toString({name})" for name in names)
            (hits,) = client.query(
                f"SELECT count() FROM otel.{table} WHERE position(concat({texts}), {{secret:String}}) > 0",
                {"secret": secret},
            ).result_rows[0]
            assert hits == 0, (secret, table)


def test_links_lead_from_child_to_root_and_back(demo: Demo, page: Page) -> None:
    child, parent = one(
        demo,
        """SELECT child.task_id, child.parent_id FROM otel.celery_task_runs AS child
           INNER JOIN otel.celery_task_runs AS parent ON parent.task_id = child.parent_id
           WHERE child.task_name = 'mails.tasks.send_receipt' LIMIT 1""",
    )
    open_task(page, demo.viewer, str(child))
    page.get_by_role("link", name=str(parent)).first.click()
    expect(page).to_have_url(re.compile(rf"/task\?id={parent}"))
    settled(page)
    expect(page.get_by_text("orders.tasks.place_order").first).to_be_visible()
    expect(page.get_by_text("mails.tasks.send_receipt").first).to_be_visible()


def test_the_trace_shows_the_workflow_and_a_row_its_facts(demo: Demo, page: Page) -> None:
    (task_id,) = one(
        demo,
        "SELECT task_id FROM otel.celery_task_runs WHERE task_name = 'catalogue.tasks.convert_prices' LIMIT 1",
    )
    open_task(page, demo.viewer, str(task_id))
    tree = page.get_by_role("tree").last
    for name in (
        "catalogue.tasks.fetch_feed",
        "catalogue.tasks.convert_prices",
        "catalogue.tasks.publish_prices",
    ):
        expect(tree.get_by_text(name).first).to_be_visible()
    tree.get_by_text("catalogue.tasks.fetch_feed").first.click()
    expect(page.get_by_text(re.compile("chosen row", re.IGNORECASE))).to_be_visible()


def test_an_unknown_id_is_said(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.viewer}/task?id=no-such-task")
    expect(page.get_by_text("The store has no task with this id.")).to_be_visible()


def test_a_task_is_deleted_from_the_log_after_a_question(demo: Demo, page: Page) -> None:
    (task_id,) = one(
        demo,
        """SELECT task_id FROM otel.celery_tasks_latest
           WHERE task_name = 'mails.tasks.send_newsletter' AND state = 'SUCCESS'
           ORDER BY first_published_at LIMIT 1""",
    )
    open_log(page, demo.viewer, f"range=all&q={task_id}")
    page.get_by_role("checkbox", name="Select this row").check()
    page.get_by_role("button", name="Delete 1 task …").click()
    question = page.get_by_role("dialog")
    expect(question.get_by_text("1 task with all executions, events and spans")).to_be_visible()
    question.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("1 task deleted from the log.")).to_be_visible(timeout=60_000)
    for table in ("celery_tasks", "celery_task_runs", "celery_task_sends", "celery_task_events"):
        found = demo.client().query(
            f"SELECT count() FROM otel.{table} WHERE task_id = {{id:String}}", {"id": task_id}
        )
        assert found.result_rows == [(0,)], table


def test_the_newest_of_many_executions_is_in_sight(demo: Demo, page: Page) -> None:
    retried = [
        run("often", "RETRY", published=n, received=n, started=n, ended=n + 0.5, retries=n, trace_id="f" * 32)
        for n in range(60)
    ]
    insert(demo.writer(), retried)
    open_task(page, demo.viewer, "often")
    for place in (
        page.get_by_role("tree").first,
        page.get_by_role("tree").last,
        page.get_by_label("Executions"),
    ):
        frame, row = place.bounding_box(), place.locator(".chosen").bounding_box()
        assert frame is not None
        assert row is not None
        assert frame["y"] <= row["y"] <= frame["y"] + frame["height"] - row["height"]
