"""The pages, run without a browser on a real store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from taskmon_viewer import cache
from tests.support.processes import free_port
from tests.support.store import Store, running_store
from tests.support.stored_tasks import insert, run, send
from tests.support.viewer import components, open_page, texts

pytestmark = pytest.mark.integration

TASK = "page_scripts/task.py"
ALL = {"range": "all"}
HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example/p.png) :red[y] \u202egnp"
DECLINED = {
    "exception.type": "shop.Declined",
    "exception.message": "no **money**",
    "exception.stacktrace": 'Traceback (most recent call last):\n  File "pay.py"\nDeclined',
}
NOTED: dict[str, Any] = {"taskmon.payload.notes": "args:redacted"}
PAID: dict[str, Any] = {"name": "shop.pay", "app": "shop", "queue": "pay", "worker": "celery@a"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("viewer")) as running:
        records = []
        for number in range(230):
            first = 10.0 * number
            name: dict[str, Any] = {
                "name": "shop.mail",
                "app": "shop",
                "queue": "mails",
                "worker": "celery@b",
            }
            records.append(
                run(
                    f"mail-{number:03d}", "SUCCESS", first=first, published=first, received=first + 1,
                    started=first + 1, ended=first + 2 + number / 100, args=f'["customer-{number}"]', **name,
                )
            )  # fmt: skip
        for retries, state in enumerate(["RETRY", "RETRY", "FAILURE"]):
            at = 3000.0 + 10 * retries
            records.append(
                run(
                    "paid", state, first=3000, published=at, received=at + 1, started=at + 2, ended=at + 3,
                    retries=retries, execution=f"paid-{retries}", exception=DECLINED, trace_id="t" * 32,
                    args='[4711, {"card": "***"}]', kwargs='{"currency": "EUR"}', root_id="root", **NOTED, **PAID,
                )
            )  # fmt: skip
        records.append(
            run(
                "root",
                "SUCCESS",
                first=2990,
                published=2990,
                received=2991,
                started=2991,
                ended=2999,
                result="[1]",
                **PAID,
            )
        )
        records.append(
            send(
                "child",
                sent=3050,
                first=3050,
                parent_id="paid",
                root_id="root",
                name="shop.child",
                args="[9]",
            )
        )
        records.append(
            run(
                HOSTILE, "FAILURE", first=4000, published=4000, received=4001, started=4001, ended=4002, name=HOSTILE,
                app=HOSTILE, queue=HOSTILE, worker=HOSTILE, args=json.dumps([HOSTILE]), result=json.dumps(HOSTILE),
                exception={"exception.type": HOSTILE, "exception.message": HOSTILE, "exception.stacktrace": HOSTILE},
            )
        )  # fmt: skip
        records.append(send("nameless", sent=4100, first=4100, name="bare", app=""))
        with running.client("admin") as client:
            insert(client, records)
        yield running


TOTAL = 230 + 5


def log(store: Store, **query: str | list[str]) -> AppTest:
    page = open_page(store.url, query={**ALL, **query})
    assert not page.exception
    return page


def rows(page: AppTest) -> list[list[str]]:
    (table,) = components(page, "table")
    return [row["cells"] for row in table["rows"]]


def ids(page: AppTest) -> list[str]:
    (table,) = components(page, "table")
    return [row["id"] for row in table["rows"]]


def counts(page: AppTest, facet: str) -> dict[str, int]:
    (panel,) = components(page, "facets")
    (group,) = (g for g in panel["groups"] if g["key"] == facet)
    return {value["title"]: value["count"] for value in group["values"]}


def test_the_log_shows_the_newest_first_and_says_what_it_is_based_on(store: Store) -> None:
    page = log(store)
    assert ids(page)[:3] == ["nameless", HOSTILE, "child"]
    assert len(ids(page)) == cache.PAGE_ROWS
    said = texts(page)
    assert f"Based on {TOTAL} tasks from " in said
    assert "UTC; kept for 30 days. One bar is" in said
    assert f"Rows 1–100 of {TOTAL}" in said


def test_a_retried_task_is_one_row_and_each_execution_one_on_demand(store: Store) -> None:
    assert [row[1:4] for row in rows(log(store, q="4711"))] == [["FAILURE", "shop.pay", "shop"]]
    assert "2 (3×)" in rows(log(store, q="4711"))[0]
    page = log(store, q="4711", per="executions")
    assert [row[1] for row in rows(page)] == ["FAILURE", "RETRY", "RETRY"]
    assert "Based on 3 executions" in texts(page)


def test_filters_carry_counts_and_obey_each_other(store: Store) -> None:
    page = log(store, state="FAILURE")
    assert sorted(ids(page)) == sorted(["paid", HOSTILE])
    assert counts(page, "state")["SUCCESS"] == 231
    assert counts(page, "queue") == {"pay": 1, HOSTILE: 1}
    assert counts(log(store), "app")["(none)"] == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"app": ""}, ["nameless", "child"]),
        ({"name": "shop.child"}, ["child"]),
        ({"worker": "celery@a", "state": "SUCCESS"}, ["root"]),
        ({"exception": "shop.Declined"}, ["paid"]),
        ({"q": "no **money"}, ["paid"]),
        ({"q": "mail-007"}, ["mail-007"]),
        ({"q": '"customer-7"'}, ["mail-007"]),
        ({"state": ["SENT", "LOST"]}, ["nameless", "child"]),
    ],
)
def test_the_address_says_which_tasks(
    store: Store, query: dict[str, str | list[str]], found: list[str]
) -> None:
    assert ids(log(store, **query)) == found


def test_the_widgets_show_what_the_address_says(store: Store) -> None:
    page = log(store, q="customer", per="executions")
    assert page.text_input(key="log.search").value == "customer"
    assert page.selectbox(key="log.range").value == "all"
    assert page.session_state["log.per"] == "executions"
    page = open_page(store.url, query={"since": "2026-11-22T00:00:00Z"})
    assert page.selectbox(key="log.range").value == "custom"


def test_searching_writes_the_address(store: Store) -> None:
    page = log(store)
    page.text_input(key="log.search").set_value("mail-01").run()
    assert page.query_params["q"] == "mail-01"
    assert ids(page) == [f"mail-{n:03d}" for n in range(19, 9, -1)]


@pytest.mark.parametrize(("sort", "first", "last"), [("runtime", "root", "mail-000"), ("wait", "paid", None)])
def test_sorting_puts_the_largest_first(store: Store, sort: str, first: str, last: str | None) -> None:
    assert ids(log(store, sort=sort))[0] == first
    if last:
        assert ids(log(store, sort=sort, order="asc", name="shop.mail"))[0] == last


def test_pages_are_turned_and_do_not_slip_while_tasks_arrive(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        with store.client("admin") as client:
            insert(client, [send(f"wave-{n:03d}", sent=n, first=n) for n in range(230)])
        page = log(store)
        seen = ids(page)
        with store.client("admin") as client:
            insert(client, [send(f"late-{n}", sent=900 + n, first=900 + n) for n in range(7)])
        cache.forget()
        while not button(page, "Next").disabled:
            button(page, "Next").click().run()
            seen += ids(page)
        assert seen == [f"wave-{n:03d}" for n in range(229, -1, -1)]
        assert "Rows 201–230 of 237" in texts(page)
        button(page, "Previous").click().run()
        assert ids(page)[0] == "wave-129"
        address = page.query_params
        again = open_page(store.url, query={name: address[name] for name in address})
        assert ids(again) == ids(page)
        button(page, "Newest").click().run()
        assert ids(page)[:8] == [*(f"late-{n}" for n in range(6, -1, -1)), "wave-229"]


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def test_wrong_parts_of_the_address_are_named_and_the_rest_is_shown(store: Store) -> None:
    page = log(store, state="BOGUS", colour="![x](http://evil.example)", name="shop.child")
    (warning,) = page.warning
    assert "state\\=BOGUS" in warning.value
    assert "there is no such parameter" in warning.value
    assert "![" not in warning.value
    assert ids(page) == ["child"]


def test_a_view_that_nothing_fits_says_what_to_drop(store: Store) -> None:
    page = log(store, queue="pay", name="shop.child")
    assert "No task fits this view." in texts(page)
    label = next(b.label for b in page.button if "queue" in b.label)
    assert "1 task without it" in label
    button(page, label).click().run()
    assert ids(page) == ["child"]
    assert "queue" not in page.query_params


def test_a_store_without_tasks_says_how_to_get_some(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_store(tmp_path_factory.mktemp("empty")) as empty:
        page = open_page(empty.url)
        assert not page.exception
        assert "There are no tasks in the store yet." in texts(page)
        assert "otel_taskmon.instrument(app)" in texts(page)


def test_a_store_that_is_away_is_an_outage_and_not_an_empty_log() -> None:
    page = open_page(f"http://127.0.0.1:{free_port()}")
    assert not page.exception
    said = texts(page)
    assert "does not answer since" in said
    assert "no tasks" not in said
    assert components(page, "table") == []
    for task_page in (open_page(f"http://127.0.0.1:{free_port()}", TASK, {"id": "paid"}),):
        assert "does not answer since" in texts(task_page)


def task(store: Store, task_id: str, **query: str) -> AppTest:
    page = open_page(store.url, TASK, {"id": task_id, **query})
    assert not page.exception
    return page


def facts(page: AppTest) -> dict[str, str]:
    found = components(page, "facts")[0]
    return {fact["label"]: fact["value"] for group in found["groups"] for fact in group["facts"]}


def test_a_task_shows_its_newest_execution_with_cause_and_payload(store: Store) -> None:
    page = task(store, "paid")
    known = facts(page)
    assert (known["State"], known["Executions"], known["Queue"]) == ("FAILURE", "3", "pay")
    assert (known["Queue wait"], known["Prefetch wait"], known["Runtime"]) == ("2.00 s", "1.00 s", "1.00 s")
    said = texts(page)
    assert "shop.Declined: no **money**" in [c.value for c in page.code]
    assert DECLINED["exception.stacktrace"] in [c.value for c in page.code]
    assert '[\n  4711,\n  {\n    "card": "***"\n  }\n]' in [c.value for c in page.code]
    assert "Secrets were masked" in said


def test_each_execution_is_listed_and_can_be_asked_for(store: Store) -> None:
    page = task(store, "paid", execution="paid-0")
    executions = components(page, "table")[0]["rows"]
    assert [(row["id"], row["cells"][1], row["chosen"]) for row in executions] == [
        ("paid-0", "RETRY", True),
        ("paid-1", "RETRY", False),
        ("paid-2", "FAILURE", False),
    ]
    assert all("shop.Declined: no **money**" in row["cells"][-1] for row in executions)
    bars = components(page, "waterfall")[0]["rows"]
    assert [[part["kind"] for part in bar["parts"]] for bar in bars] == [["wait", "prefetch", "run"]] * 3
    assert facts(page)["Execution"] == "paid-0"


def test_relatives_are_links(store: Store) -> None:
    page = task(store, "paid")
    related = components(page, "table")[1]["rows"]
    assert [(row["cells"][0], row["id"], row["href"]) for row in related] == [
        ("root", "root", "/task?id=root"),
        ("child", "child", "/task?id=child"),
    ]


def test_an_execution_that_is_not_kept_is_not_passed_off_as_another(store: Store) -> None:
    page = task(store, "paid", execution="gone")
    assert "The execution of this address is not kept" in texts(page)
    assert [row["chosen"] for row in components(page, "table")[0]["rows"]] == [False, False, True]
    assert "is not kept" not in texts(task(store, "paid", execution="paid-0"))


def test_a_trace_says_that_there_is_more_only_where_there_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most, said in ((2, "1 task, 2 spans. These are the first of more."), (3, "1 task, 3 spans. Dashed")):
        monkeypatch.setattr(cache, "TRACE_SPANS", most)
        cache.forget()
        assert said in texts(task(store, "paid"))
    cache.forget()


def test_the_trace_is_a_waterfall_with_the_execution_chosen(store: Store) -> None:
    page = task(store, "paid")
    trace = components(page, "waterfall")[1]
    assert [(bar["label"], bar["state"]) for bar in trace["rows"]] == [
        ("shop.pay", "RETRY"),
        ("shop.pay", "RETRY"),
        ("shop.pay", "FAILURE"),
    ]
    assert trace["chosen"] == trace["rows"][2]["id"]
    attributes = {f["label"]: f["value"] for f in components(page, "facts")[2]["groups"][0]["facts"]}
    assert attributes["taskmon.execution_id"] == "paid-2"


def test_a_task_that_was_only_published_shows_what_is_known(store: Store) -> None:
    page = task(store, "child")
    assert facts(page)["State"] == "SENT"
    assert "No execution has been recorded yet" in texts(page)
    assert "[9]" in [c.value for c in page.code]


def test_an_unknown_task_and_no_task_say_so(store: Store) -> None:
    assert "The store has no task with this id." in texts(task(store, "*nobody*"))
    page = open_page(store.url, TASK)
    assert "No task is asked for" in texts(page)


def test_hostile_text_is_never_markdown(store: Store) -> None:
    for page in (
        log(store),
        log(store, name=HOSTILE),
        log(store, name=HOSTILE, state="SENT"),
        task(store, HOSTILE),
    ):
        kinds = (page.title, page.subheader, page.markdown, page.caption, page.info, page.warning, page.error)
        said = [str(element.value) for kind in kinds for element in kind] + [b.label for b in page.button]
        for text in said:
            assert "![x](" not in text
            assert ":red[" not in text
            assert "\u202e" not in text
            assert "<img" not in text.replace("\\<", "")
        assert all(element.language in (None, "", "plaintext") for element in page.code)
    assert HOSTILE in ids(log(store))
