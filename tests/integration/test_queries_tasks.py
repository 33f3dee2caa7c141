"""The log against a plain computation over the same tasks: pages, filters, search, one row per execution."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client as Driver

from otel_taskmon.queries import overview, searching, task_detail
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.export import csv_rows
from otel_taskmon.queries.model import Cursor, LogRow, SortKey, TaskFilter, TaskPage, TaskRow
from otel_taskmon.queries.tasks import list_executions, list_tasks, log_page, task_span
from tests.support.made_tasks import EVERYTHING, MADE, RECORDS, UNTIL, Made, narrowed
from tests.support.store import Store, running_store
from tests.support.stored_tasks import at, insert, run, send

pytestmark = pytest.mark.integration

HOSTILE = '50%_of \\ "it\'s" {x:String} ünï\n=cmd()'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("queries")) as running:
        writer = running.client("ingest", autogenerate_session_id=False)
        for start in range(0, len(RECORDS), 100):
            insert(writer, RECORDS[start : start + 100])
        hostile: dict[str, Any] = {
            "name": HOSTILE,
            "app": HOSTILE,
            "queue": HOSTILE,
            "first": 60_000,
            "sent": 60_000,
        }
        insert(writer, [send("hostile", args=json.dumps([HOSTILE], ensure_ascii=False), **hostile)])
        yield running


def pages(ask: Callable[[Cursor | None], TaskPage]) -> list[TaskRow]:
    """All pages, one after the other."""
    rows: list[TaskRow] = []
    after: Cursor | None = None
    while True:
        page = ask(after)
        rows += page.rows
        if page.next is None:
            return rows
        assert page.rows
        after = page.next


SORT_VALUES: dict[SortKey, Callable[[Made], Any]] = {
    "time": lambda m: 0,
    "runtime": lambda m: m.runtime_ns,
    "wait": lambda m: m.wait_ns,
    "retries": lambda m: m.retries,
}


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ["time", "runtime", "wait", "retries"])
def test_pages_in_every_order(reader: Client, sort: SortKey, descending: bool) -> None:
    def rows(after: Cursor | None) -> TaskPage:
        return list_tasks(reader, EVERYTHING, sort=sort, descending=descending, limit=37, after=after)

    value = SORT_VALUES[sort]
    have = sorted(
        (m for m in MADE if value(m) is not None),
        key=lambda m: (value(m), round(m.first, 6), m.task_id),
        reverse=descending,
    )
    without = sorted(
        (m for m in MADE if value(m) is None),
        key=lambda m: (round(m.first, 6), m.task_id),
        reverse=descending,
    )
    assert [row.task_id for row in pages(rows)] == [m.task_id for m in have + without]


@pytest.mark.parametrize("per", ["tasks", "executions"])
@pytest.mark.parametrize("sort", ["time", "runtime", "wait"])
def test_what_the_log_shows_is_part_of_the_whole_rows(reader: Client, sort: SortKey, per: Any) -> None:
    ask = list_tasks if per == "tasks" else list_executions
    shown = [field.name for field in fields(LogRow)]
    after: Cursor | None = None
    for _ in range(2):
        whole = ask(reader, EVERYTHING, sort=sort, limit=60, after=after)
        page = log_page(reader, EVERYTHING, per=per, sort=sort, limit=60, after=after)
        assert page.rows == [LogRow(*(getattr(row, name) for name in shown)) for row in whole.rows]
        assert page.next == whole.next
        after = page.next


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(
    ("field", "attribute"),
    [("apps", "app"), ("states", "state"), ("priorities", "priority")],
)
def test_pages_by_runtime_of_some_rows(reader: Client, field: str, attribute: str, descending: bool) -> None:
    """Retried tasks have executions with other values than their newest one's, which count for nothing."""
    for chosen in sorted({getattr(m, attribute) for m in MADE}, key=repr):
        only: dict[str, Any] = {field: (chosen,)}
        wanted = narrowed(TaskFilter(**only))

        def rows(after: Cursor | None, wanted: TaskFilter = wanted) -> TaskPage:
            return list_tasks(reader, wanted, sort="runtime", descending=descending, limit=11, after=after)

        expected = [m for m in MADE if getattr(m, attribute) == chosen]
        expected.sort(key=lambda m: (m.runtime_ns or 0, round(m.first, 6), m.task_id), reverse=descending)
        expected.sort(key=lambda m: m.runtime_ns is None)
        assert [row.task_id for row in pages(rows)] == [m.task_id for m in expected]


def test_a_row_says_what_happened(reader: Client) -> None:
    made = {m.task_id: m for m in MADE}
    for row in list_tasks(reader, EVERYTHING, limit=1000).rows:
        m = made[row.task_id]
        assert (row.state, row.task_name, row.app, row.queue, row.worker) == (
            m.state,
            m.name,
            m.app,
            m.queue,
            m.worker,
        )
        assert (row.priority, row.exc_type, row.retries) == (m.priority, m.exc_type, m.retries)
        assert (row.duration_ns, row.queue_wait_ns) == (m.runtime_ns, m.wait_ns)
        assert row.args_short == m.args
        assert row.executions == (0 if m.state == "SENT" else m.retries + 1)
        assert row.first_published_at == at(m.first).replace(microsecond=row.first_published_at.microsecond)
        assert row.is_error is (m.state == "FAILURE")


def test_a_greek_word_is_found_whatever_follows_its_sigma(reader: Client, writer: Driver) -> None:
    """Its lower case is another letter at the end of a word, which is no other letter to who searches."""
    words = {"alone": "ΟΔΟΣ", "goes-on": "ΟΔΟΣΑ", "small": "οδοσα", "quoted": 'ΟΔΟΣ "α', "other": "ΟΔΟ"}
    insert(
        writer,
        [
            send(task_id, first=90_000, sent=90_000, args=json.dumps([word], ensure_ascii=False))
            for task_id, word in words.items()
        ],
    )
    for search, expected in (
        ("ΟΔΟΣ", {"alone", "goes-on", "small", "quoted"}),
        ("οδοσ", {"alone", "goes-on", "small", "quoted"}),
        ("δοσα", {"goes-on", "small"}),
        ("ΟΣΑ", {"goes-on", "small"}),
        ('οδοσ "', {"quoted"}),
    ):
        wanted = TaskFilter(since=at(89_000), until=at(91_000), search=search)
        assert {row.task_id for row in list_tasks(reader, wanted).rows} == expected, search
        assert task_span(reader, wanted).count == len(expected), search


@pytest.mark.parametrize("text", ["\udcff", "a\ud800b"])
def test_a_text_that_no_table_can_hold_is_found_nowhere(reader: Client, text: str) -> None:
    """What Python makes of bytes on a command line that are no UTF-8 cannot even be sent as it is."""
    for only in ({"search": text}, {"names": (text,)}):
        assert list_tasks(reader, narrowed(TaskFilter(**only))).rows == []
    assert task_detail.find_task(reader, text) is None


@pytest.mark.parametrize("priorities", [(99_999,), (256,), (-1,), (None, 2**70)])
def test_a_number_that_is_no_priority_is_that_of_no_task(
    reader: Client, priorities: tuple[int | None, ...]
) -> None:
    wanted = narrowed(TaskFilter(priorities=priorities))
    expected = [m for m in MADE if m.priority in priorities]
    for sort in ("time", "runtime"):
        assert len(list_tasks(reader, wanted, sort=sort, limit=1000).rows) == len(expected)
    assert task_span(reader, wanted).count == len(expected)


def test_paging_does_not_slip_while_tasks_arrive(reader: Client, writer: Driver) -> None:
    late = TaskFilter(since=at(70_000), until=at(71_500))
    insert(writer, [send(f"slip-{i}", first=70_000 + i, sent=70_000 + i) for i in range(20)])
    first = list_tasks(reader, late, limit=10)
    insert(writer, [send(f"slip-new-{i}", first=70_100 + i, sent=70_100 + i) for i in range(7)])
    second = list_tasks(reader, late, limit=10, after=first.next)
    assert [r.task_id for r in first.rows + second.rows] == [f"slip-{i}" for i in reversed(range(20))]
    assert second.next is None


def test_the_newest_without_any_bound(reader: Client) -> None:
    newest = sorted(MADE, key=lambda m: (m.first, m.task_id), reverse=True)[:5]
    page = list_tasks(reader, TaskFilter(until=UNTIL), limit=5)
    assert [row.task_id for row in page.rows] == [m.task_id for m in newest]
    assert len(
        pages(lambda after: list_tasks(reader, TaskFilter(until=UNTIL), limit=50, after=after))
    ) == len(MADE)


FILTERS: dict[str, tuple[TaskFilter, Callable[[Made], bool]]] = {
    "state": (TaskFilter(states=("FAILURE", "SENT")), lambda m: m.state in ("FAILURE", "SENT")),
    "no app": (TaskFilter(apps=("",)), lambda m: m.app == ""),
    "name and queue": (
        TaskFilter(names=("shop.pay",), queues=("q2",)),
        lambda m: (m.name, m.queue) == ("shop.pay", "q2"),
    ),
    "exception": (TaskFilter(exceptions=("shop.errors.Declined",)), lambda m: m.exc_type == "shop.errors.Declined"),
    "worker": (TaskFilter(workers=("celery@a",)), lambda m: m.worker == "celery@a"),
    "priority or none": (TaskFilter(priorities=(None, 5)), lambda m: m.priority in (None, 5)),
    "priority 0": (TaskFilter(priorities=(0,)), lambda m: m.priority == 0),
    "range": (TaskFilter(since=at(10), until=at(1000)), lambda m: 10 <= m.first < 1000),
    "a value that does not occur": (TaskFilter(workers=("nobody' OR 1=1 --",)), lambda m: False),
    "search name": (TaskFilter(search="SHOP.P"), lambda m: m.name == "shop.pay"),
    "search part of id": (TaskFilter(search=MADE[3].task_id[2:11]), lambda m: MADE[3].task_id[2:11] in m.task_id),
    "search argument": (TaskFilter(search="Customer-7"), lambda m: "customer-7" in m.args),
    "search exact argument": (TaskFilter(search='["customer-7", 7]'), lambda m: m.args == '["customer-7", 7]'),
    "search exception": (
        TaskFilter(search="boom 1"),
        lambda m: m.state == "FAILURE" and str(MADE.index(m)).startswith("1"),
    ),
    "search exception class": (TaskFilter(search="errors.decl"), lambda m: m.exc_type == "shop.errors.Declined"),
    "search the cause of an earlier retry": (TaskFilter(search="pay.py"), lambda m: m.retries > 0),
    "search two letters": (TaskFilter(search="7]"), lambda m: m.args.endswith("7]")),
    "search with blanks around": (TaskFilter(search="  customer-3 "), lambda m: "customer-3" in m.args),
    "wildcards are letters": (TaskFilter(search="customer_%"), lambda m: False),
}  # fmt: skip


@pytest.mark.parametrize("case", FILTERS)
def test_filters_and_search_everywhere_the_same(reader: Client, case: str) -> None:
    wanted, fits = FILTERS[case]
    wanted = narrowed(wanted)
    expected = {m.task_id for m in MADE if fits(m)}
    rows = list_tasks(reader, wanted, limit=1000).rows
    assert {row.task_id for row in rows} == expected
    assert len(rows) == len(expected)
    span = task_span(reader, wanted)
    assert span.count == len(expected)
    assert span.oldest == min((r.first_published_at for r in rows), default=None)
    assert span.newest == max((r.first_published_at for r in rows), default=None)
    assert span.kept_hours == 720
    histogram = overview.histogram(reader, wanted)
    assert sum(b.count for b in histogram.buckets) == len(expected)
    facets = overview.facets(reader, wanted)
    assert sum(v.count for v in facets.priorities) >= len(expected)
    exported = list(csv_rows(reader, wanted))
    assert [row[0] for row in exported] == [row.task_id for row in rows]


@pytest.mark.parametrize(
    "search",
    ["50%_of", "\\", '"it\'s"', "{x:String}", "ÜNÏ", "ünï\n=cmd", "%", "_", "cmd()", "' OR 1 --", "\\\\"],
)
def test_special_characters_are_found_as_they_are(reader: Client, search: str) -> None:
    expected = [] if search in ("' OR 1 --",) else ["hostile"]
    later = TaskFilter(since=at(55_000), until=at(65_000), search=search)
    assert [row.task_id for row in list_tasks(reader, later).rows] == expected
    by_name = TaskFilter(
        since=at(55_000), until=at(65_000), names=(HOSTILE,), apps=(HOSTILE,), queues=(HOSTILE,)
    )
    assert [row.task_name for row in list_tasks(reader, by_name).rows] == [HOSTILE]


@pytest.mark.parametrize(
    "search", ["shop", "flaky", "customer", "1", '-17", 17]', "50%_of", "nothing has this"]
)
def test_a_search_finds_the_same_by_keys_and_by_looking_at_all(
    reader: Client, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    wanted = TaskFilter(since=at(0), search=search)

    def answers() -> tuple[object, ...]:
        found = [row.task_id for row in list_tasks(reader, wanted, limit=1000).rows]
        return found, task_span(reader, wanted), overview.facets(reader, wanted)

    by_keys = answers()
    for few in (-1, 0):
        monkeypatch.setattr(searching, "FEW", few)
        assert answers() == by_keys


def test_arguments_are_found_while_the_task_waits_and_after_it_ran(reader: Client, writer: Driver) -> None:
    later = TaskFilter(since=at(72_000), until=at(73_000), search="needle-42")
    insert(writer, [send("waits", first=72_001, sent=72_001, args='["needle-42"]')])
    assert [row.task_id for row in list_tasks(reader, later).rows] == ["waits"]
    insert(
        writer, [run("waits", "SUCCESS", first=72_001, started=72_002, ended=72_003, args='["needle-42"]')]
    )
    assert [row.task_id for row in list_tasks(reader, later).rows] == ["waits"]


def test_one_row_per_execution(reader: Client) -> None:
    expected = sum(0 if m.state == "SENT" else m.retries + 1 for m in MADE)
    for sort, descending in (("time", True), ("time", False), ("runtime", True), ("retries", False)):

        def rows(after: Cursor | None, sort: Any = sort, descending: bool = descending) -> TaskPage:
            return list_executions(
                reader, EVERYTHING, sort=sort, descending=descending, limit=41, after=after
            )

        found = pages(rows)
        assert len({row.execution_id for row in found}) == len(found) == expected
    assert task_span(reader, EVERYTHING, per="executions").count == expected
    retries = list_executions(reader, narrowed(TaskFilter(states=("RETRY",), search="try")), limit=1000).rows
    assert len(retries) == sum(m.retries for m in MADE)
    assert {row.exc_type for row in retries} == {"shop.Flaky"}
    assert overview.facets(reader, EVERYTHING, per="executions").states[0].count > 0
