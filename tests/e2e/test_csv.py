"""The CSV that a person downloads, against the tables."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Demo
from tests.e2e.pages import facet, open_log, settled

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("label", "delimiter"), [("CSV, comma", ","), ("CSV, semicolon", ";")])
def test_the_csv_holds_the_rows_of_the_filter(
    demo: Demo, page: Page, tmp_path: Path, label: str, delimiter: str
) -> None:
    since, until = demo.finished_window()
    open_log(page, demo.viewer, f"since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}")
    facet(page, "app", "reviews").click()
    expect(page).to_have_url(re.compile(r"[?&]app=reviews"))
    settled(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name=label).click()
    file = tmp_path / "tasks.csv"
    downloading.value.save_as(file)
    with file.open(encoding="utf-8", newline="") as lines:
        found = list(csv.DictReader(lines, delimiter=delimiter))
    expected = demo.client().query(
        """SELECT tasks.task_id AS task_id, state, executions, duration_ns, runs.args AS args
           FROM otel.celery_tasks_latest AS tasks
           INNER JOIN (SELECT task_id, argMax(args, retries) AS args FROM otel.celery_task_runs GROUP BY task_id)
               AS runs ON runs.task_id = tasks.task_id
           WHERE app = 'reviews'
               AND first_published_at >= {since:DateTime64(6)} AND first_published_at < {until:DateTime64(6)}
           ORDER BY first_published_at DESC, task_id DESC""",
        {"since": since, "until": until},
    )
    assert expected.row_count > 0
    assert [
        (row["task_id"], row["state"], int(row["executions"]), int(row["duration_ns"]), row["args"])
        for row in found
    ] == [tuple(row) for row in expected.result_rows]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", row["first_published_at"]) for row in found)
    # nothing that a spreadsheet would run
    assert not [cell for row in found for cell in row.values() if cell[:1] in "=+@\t\r" and cell]
