"""Overview, Reports and Statistics without a browser, on a real store; their CSV from the real server."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from streamlit.testing.v1 import AppTest

from otel_taskmon.queries.report_catalogue import REPORTS
from taskmon_viewer import configuration, links
from taskmon_viewer.access.policy import LocalAccess
from taskmon_viewer.access.users import User
from taskmon_viewer.views.report_table import MAX_ROWS
from tests.support.processes import free_port
from tests.support.store import Store, running_store
from tests.support.stored_tasks import insert, run
from tests.support.viewer import components, open_page, running_viewer, texts

pytestmark = pytest.mark.integration

HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example/p.png) :red[y]"
POOL = urllib3.PoolManager(retries=False, timeout=30)
MANY = 300


def tasks() -> Iterator[Any]:
    for number in range(20):  # 20 apps, so that six of them are others
        for run_number in range(number + 1):
            yield run(
                f"a{number}-{run_number}", "SUCCESS", first=number, started=number + 1, ended=number + 1.25,
                name=f"app{number:02d}.work", app=f"app{number:02d}", queue="q", worker="celery@a",
            )  # fmt: skip
    for number in range(5):
        yield run(
            f"bad-{number}", "FAILURE", first=100, started=101, ended=101.004, name=HOSTILE, app="", queue="q",
            exception={"exception.type": HOSTILE, "exception.message": HOSTILE},
        )  # fmt: skip
    yield run(
        "late", "EXPIRED", started=None, ended=200, first=100, name="app00.work", app="app00", main=True
    )
    for number in range(MANY):
        yield run(
            f"many-{number}",
            "SUCCESS",
            first=300,
            started=301,
            ended=302,
            name=f"many.task{number:03d}",
            app="app00",
        )


TOTAL = 210 + 5 + 1 + MANY


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("reports")) as running:
        with running.client("admin") as client:
            insert(client, tasks())
        yield running


def opened(store: Store, page: str, /, **query: str | list[str]) -> AppTest:
    shown = open_page(store.url, page, query)
    assert not shown.exception
    return shown


def rows(page: AppTest, place: int = 0) -> list[list[str]]:
    return [row["cells"] for row in components(page, "table")[place]["rows"]]


def log_count(store: Store, href: str) -> int:
    """How many rows the log says that it is based on at this address."""
    query = parse_qs(urlsplit(href).query, keep_blank_values=True)
    page = open_page(store.url, query=query)
    assert not page.warning
    said = next(c.value for c in page.caption if str(c.value).startswith("Based on "))
    return int(said.split()[2].replace(",", ""))


@pytest.mark.parametrize("key", REPORTS)
def test_every_report_has_an_address_a_menu_and_says_what_it_is_based_on(store: Store, key: str) -> None:
    page = opened(store, links.REPORTS_PAGE, report=key)
    (menu,) = components(page, "menu")
    assert [entry["id"] for group in menu["groups"] for entry in group["entries"]] == list(REPORTS)
    assert menu["chosen"] == key
    counted = 0 if REPORTS[key].dimension == "queue" else TOTAL  # type: ignore[index]
    assert f"Based on {counted} " in texts(page)
    assert components(page, "age")
    if counted and key not in ("tasks_top_retried",):
        assert rows(page)


def test_a_row_leads_to_its_executions(store: Store) -> None:
    page = opened(store, links.REPORTS_PAGE, report="tasks_top_failed")
    (table,) = components(page, "table")
    assert table["rows"][0]["cells"][:2] == [HOSTILE, "5"]
    assert log_count(store, table["rows"][0]["href"]) == 5
    by_app = components(opened(store, links.REPORTS_PAGE, report="apps_top_runs"), "table")[0]["rows"]
    unnamed = next(row for row in by_app if row["cells"][0] == "(none)")
    assert unnamed["cells"][1] == "5"
    assert log_count(store, unnamed["href"]) == 5


def test_others_open(store: Store) -> None:
    page = opened(store, links.REPORTS_PAGE, report="task_runs_by_app")
    shown, members = components(page, "table")
    assert [row["cells"][1] for row in shown["rows"]][-1] == "Others"
    assert shown["rows"][-1]["href"] == ""
    assert int(shown["rows"][-1]["cells"][2]) == sum(int(row["cells"][1]) for row in members["rows"])
    assert len(shown["rows"]) - 1 + len(members["rows"]) == 21
    assert log_count(store, members["rows"][0]["href"]) == int(members["rows"][0]["cells"][1])


def test_runtimes_below_a_second_are_readable(store: Store) -> None:
    page = opened(store, links.REPORTS_PAGE, report="tasks_top_avg_runtime", app="app07")
    by_name = {row[0]: row for row in rows(page)}
    assert by_name["app07.work"][1:] == ["8", "250 ms", "250 ms", "250 ms", "250 ms", "250 ms", "2.00 s"]


def test_filters_and_top_are_in_the_address(store: Store) -> None:
    page = opened(store, links.REPORTS_PAGE, report="apps_top_runs", app=["app03", ""], top="1")
    assert [row[0] for row in rows(page)] == ["(none)"]
    assert "1 of 2 rows." in texts(page)
    assert "Based on 9 runs" in texts(page)
    page.number_input(key="report.top").set_value(2).run()
    assert page.query_params["top"] == "2"
    assert [row[0] for row in rows(page)] == ["(none)", "app03"]


def test_times_are_shown_in_the_zone_that_is_asked_for(store: Store) -> None:
    query = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "zone": "Europe/Berlin"}
    page = opened(store, links.REPORTS_PAGE, **query)
    said = texts(page).replace("\\", "")
    assert "from 2026-01-01 01:00:00 to 2026-01-02 01:00:00 Europe/Berlin (UTC+01:00)" in said
    shown = page.session_state["report.since"]
    assert f"{shown:%Y-%m-%d %H:%M}" == "2026-01-01 01:00"


def test_what_lies_behind_the_kept_rows_says_what_is_off(store: Store) -> None:
    page = opened(store, links.REPORTS_PAGE, report="task_runs_by_state", range="90d")
    said = texts(page).replace("\\", "")
    assert "from the hourly statistics" in said
    assert "Begins and ends with whole hours" in said


def test_an_empty_report_says_why_and_what_to_do(store: Store) -> None:
    page = opened(store, links.REPORTS_PAGE, report="tasks_top_retried")
    assert f"Of the {TOTAL} runs in this range none was retried." in texts(page).replace("\\", "")
    page = opened(store, links.REPORTS_PAGE, queue="nobody")
    assert "Nothing ran in this range." in texts(page)
    next(b for b in page.button if b.label == "Drop the filters").click().run()
    assert "queue" not in page.query_params
    assert f"Based on {TOTAL} runs" in texts(page)


def test_wrong_parameters_are_named(store: Store) -> None:
    page = opened(
        store, links.REPORTS_PAGE, report="bogus", top="0", zone="Mars/North", page="x", colour="red"
    )
    (warning,) = page.warning
    said = warning.value.replace("\\", "")
    for part in ("report=bogus", "top=0", "zone=Mars/North", "page=x", "colour=red"):
        assert part in said


def test_an_outage_is_an_outage() -> None:
    for page in (links.OVERVIEW_PAGE, links.REPORTS_PAGE, links.STATISTICS_PAGE):
        shown = open_page(f"http://127.0.0.1:{free_port()}", page)
        assert not shown.exception
        assert "does not answer since" in texts(shown)
        assert "Nothing ran" not in texts(shown)


def test_the_overview_counts_and_leads_to_what_it_counts(store: Store) -> None:
    page = opened(store, links.OVERVIEW_PAGE)
    cards = {card["id"]: card for card in components(page, "cards")[0]["cards"]}
    assert [cards[name]["value"] for name in ("tasks", "failed", "runs")] == [str(TOTAL), "5", str(TOTAL)]
    assert cards["runtime"]["value"] == "1.00 s"
    for name in ("tasks", "failed", "runs"):
        assert log_count(store, cards[name]["href"]) == int(cards[name]["value"])
    queues, workers = components(page, "table")
    assert queues["rows"][0]["cells"][0] == "q"
    assert log_count(store, queues["rows"][0]["href"]) == 215
    assert "celery@a" in [row["cells"][0] for row in workers["rows"]]


def test_statistics_are_sorted_over_all_pages_and_lead_to_the_log(store: Store) -> None:
    page = opened(store, links.STATISTICS_PAGE)
    table = components(page, "table")[0]
    assert len(table["rows"]) == 100
    assert "Rows 1–100 of 321 task names" in texts(page)
    labels = [column["label"] for column in table["columns"]]
    page = opened(store, links.STATISTICS_PAGE, sort="failed", order="desc")
    first = components(page, "table")[0]["rows"][0]
    cells = dict(zip(labels, first["cells"], strict=True))
    assert (cells["Name"], cells["App"], cells["Failed"], cells["Failure rate"]) == (
        HOSTILE,
        "(none)",
        "5",
        "100.0 %",
    )
    assert log_count(store, first["links"]["Failed"]) == 5
    assert log_count(store, first["href"]) == 5
    page = opened(store, links.STATISTICS_PAGE, q="app00.work")
    (row,) = components(page, "table")[0]["rows"]
    cells = dict(zip(labels, row["cells"], strict=True))
    assert (cells["Runs"], cells["Not started"]) == ("2", "1")
    assert log_count(store, row["links"]["Not started"]) == 1
    page = opened(store, links.STATISTICS_PAGE, page="4")
    assert len(components(page, "table")[0]["rows"]) == 21
    page = opened(store, links.STATISTICS_PAGE, page="9")
    assert "There are fewer pages than that." in texts(page)


def test_long_tables_say_that_the_csv_has_more(store: Store) -> None:
    page = opened(store, links.REPORTS_PAGE, report="task_statistics")
    assert len(rows(page)) == MAX_ROWS
    assert f"The first {MAX_ROWS} of 321 rows; the CSV has all." in texts(page)


def test_hostile_names_are_never_markdown(store: Store) -> None:
    for shown in (
        opened(store, links.OVERVIEW_PAGE),
        opened(store, links.REPORTS_PAGE, report="exceptions_throughput", app=HOSTILE, queue=HOSTILE),
        opened(store, links.STATISTICS_PAGE, q=HOSTILE),
    ):
        # the options of a multiselect are shown as they are, which a test in the browser holds
        assert "![x](" not in texts(shown)
        assert ":red[" not in texts(shown)


def test_a_viewer_sees_no_button_that_deletes(store: Store) -> None:
    def buttons() -> list[str]:
        page = AppTest.from_file(str(Path(links.__file__).with_name("app.py")), default_timeout=60)
        page.query_params["id"] = "late"
        page.switch_page(links.TASK_PAGE)
        page.run()
        assert not page.exception
        return [button.label for button in page.button]

    open_page(store.url)
    settings = configuration.current()
    for role, shown in (("viewer", False), ("operator", True), ("admin", True)):
        configuration.use(settings, access=LocalAccess(User("ann", role)))  # type: ignore[arg-type]
        assert any(label.startswith("Delete") for label in buttons()) is shown
    configuration.use(settings)


@pytest.fixture(scope="module")
def viewer(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_viewer(store.url, tmp_path_factory.mktemp("viewer")) as (address, _):
        yield address


def csv_of(address: str, path: str) -> list[dict[str, str]]:
    answer = POOL.request("GET", address + path)
    assert answer.status == 200, answer.data
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.data.decode(), newline="")))


def test_the_csv_of_a_report_has_the_rows_and_the_members_of_others(viewer: str) -> None:
    found = csv_of(viewer, "/api/report.csv?report=task_runs_by_app")
    assert sum(int(row["count"]) for row in found if row["others"] != "member") == TOTAL
    assert sum(int(row["count"]) for row in found if row["others"] == "member") == int(
        next(row["count"] for row in found if row["others"] == "total")
    )
    (failed,) = csv_of(viewer, "/api/report.csv?report=tasks_top_failed")
    assert failed["label"] == HOSTILE
    series = csv_of(viewer, "/api/report.csv?report=tasks_throughput_by_state&range=24h")
    assert sum(int(row["value"]) for row in series) == TOTAL
    assert all(row["start"].endswith("Z") for row in series)


def test_the_csv_of_the_statistics_has_every_row(viewer: str) -> None:
    found = csv_of(viewer, "/api/statistics.csv?sort=runs&order=desc")
    assert len(found) == 321
    assert sum(int(row["runs"]) for row in found) == TOTAL
    assert (found[0]["task_name"], found[0]["avg_ns"]) == ("app19.work", "250000000.0")


def test_wrong_parameters_of_a_csv_are_refused(viewer: str) -> None:
    for path in ("/api/report.csv?report=bogus", "/api/statistics.csv?colour=red"):
        answer = POOL.request("GET", viewer + path)
        assert answer.status == 400
        assert answer.data.startswith(b"wrong parameters:")
