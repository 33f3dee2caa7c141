"""The Queues page on a real store and a real Redis: what waits, filters, pages, outages, and purging with an audit."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kombu.connection import Connection
from redis import Redis
from streamlit.testing.v1 import AppTest

from otel_taskmon.broker import Wanted
from otel_taskmon.demo.broker import Broker
from otel_taskmon.queries.audit import Actor
from otel_taskmon.settings import ReaderSettings
from taskmon_viewer import cache, configuration, queue_broker, queue_cache
from taskmon_viewer.access.policy import LocalAccess
from taskmon_viewer.access.users import User
from taskmon_viewer.links import QUEUES_PAGE, TASK_PAGE
from taskmon_viewer.queue_purge import PurgeRun
from taskmon_viewer.queue_values import WAITING_COLUMNS
from tests.support.databases import own_database
from tests.support.processes import free_port
from tests.support.queued_messages import ids, message, push
from tests.support.store import Store, running_store
from tests.support.stored_tasks import at, insert, run
from tests.support.viewer import components, elements, open_page, texts
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

HOSTILE = "<img src=x onerror=alert(1)> ![x](http://evil.example/p.png)"
NAMES = [column.label for column in WAITING_COLUMNS]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("queues")) as running:
        writer = running.client("ingest", autogenerate_session_id=False)
        insert(writer, [run("ran", "SUCCESS", started=100, ended=101, queue="mails", execution="e1")])
        where = {"messaging.system": "redis", "messaging.destination.name": "mails"}
        rows = [
            [at(95), f"taskmon.queue.{name}", where, n] for name, n in (("depth", 41.0), ("unacked", 3.0))
        ]
        names = ["TimeUnix", "MetricName", "Attributes", "Value"]
        writer.insert("otel_metrics_gauge", rows, column_names=names, database="otel")
        yield running


@pytest.fixture
def queue() -> str:
    return f"q-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def redis(broker: Broker, monkeypatch: pytest.MonkeyPatch, store: Store) -> Iterator[Redis]:
    monkeypatch.setenv("TASKMON_BROKER_URL", broker.url)
    monkeypatch.setenv("TASKMON_DATA_DIR", str(store.data_dir))
    cache.forget()
    queue_cache.forget()
    with Redis.from_url(broker.url) as client:
        yield client


def table(page: AppTest, label: str) -> list[list[str]]:
    (found,) = (data for data in components(page, "table") if data["label"] == label)
    return [row["cells"] for row in found["rows"]]


def waiting(page: AppTest) -> list[dict[str, str]]:
    return [dict(zip(NAMES, row, strict=True)) for row in table(page, "Waiting messages")]


def button(page: AppTest, key: str) -> Any:
    """Also in a dialog, which the page's own list of buttons leaves out."""
    return next(e for e in elements(page._tree) if e.type == "button" and e.key == key)


def test_what_waits_is_listed_next_to_run_first(store: Store, redis: Redis, queue: str) -> None:
    push(
        redis,
        queue,
        [
            message("shop.pay", "first", ["4711", {"password": "hunter2"}], queue=queue),
            message(
                HOSTILE, "second", queue=queue, taskmon_published_at=None, eta="2026-12-01T10:00:00+00:00"
            ),
            "no JSON",
        ],
    )
    page = open_page(store.url, QUEUES_PAGE, {"queue": queue})
    assert not page.exception
    first, second, third = waiting(page)
    assert (first["#"], first["Task"], first["App"], first["Task id"]) == ("0", "shop.pay", "shop", "first")
    assert first["Age"].endswith(" s")
    assert "4711" in first["Arguments"]
    assert "hunter2" not in json.dumps(components(page, "table"))
    assert (second["Task"], second["Age"], second["ETA (UTC)"]) == (HOSTILE, "unknown", "2026-12-01 10:00:00")
    assert third["Task"] == "unknown: the message is not JSON"
    assert (third["Age"], third["Retries"], third["Task id"]) == ("unknown", "unknown", "unknown")
    assert ["shop.pay", "1", "33.3 %"] in table(page, "By task")
    assert "Snapshot at" in texts(page)
    assert "evil.example" not in texts(page).replace("\\", "").replace("evil\u200b", "")
    (chosen,) = (row for row in components(page, "table")[0]["rows"] if row["chosen"])
    assert chosen["cells"][:2] == [queue, "3"]


def test_filters_and_pages(store: Store, redis: Redis, queue: str) -> None:
    push(redis, queue, (message(f"shop.t{n % 2}", f"id-{n}", queue=queue) for n in range(250)))
    page = open_page(store.url, QUEUES_PAGE, {"queue": queue, "start": "100"})
    assert [row["Task id"] for row in waiting(page)] == [f"id-{n}" for n in range(100, 200)]
    next(b for b in page.button if b.label == "Next").click().run()
    assert [row["Task id"] for row in waiting(page)] == [f"id-{n}" for n in range(200, 250)]
    page = open_page(store.url, QUEUES_PAGE, {"queue": queue, "task": "shop.t1", "app": "shop"})
    assert [row["Task id"] for row in waiting(page)] == [f"id-{n}" for n in range(1, 200, 2)]
    page = open_page(store.url, QUEUES_PAGE, {"queue": queue, "task_id": "id-77"})
    assert [row["#"] for row in waiting(page)] == ["77"]
    page = open_page(store.url, QUEUES_PAGE, {"queue": queue, "priority": "9", "start": "x"})
    assert "No message fits the filters, of 250 in the queue" in texts(page)
    assert "start" in page.warning[0].value


def test_the_longest_is_shown_first_and_kept_by_a_filter(
    store: Store, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own_database(broker)
    monkeypatch.setenv("TASKMON_BROKER_URL", url)
    queue_cache.forget()
    kind: Any = Connection
    with kind(url) as connection:
        for name in ("long", "short"):
            connection.SimpleQueue(name).close()
    with Redis.from_url(url) as redis:
        push(redis, "short", [message("shop.t1", "x", queue="short")])
        push(redis, "long", (message(f"shop.t{n % 2}", f"id-{n}", queue="long") for n in range(4)))
        page = open_page(store.url, QUEUES_PAGE)
        assert [row[:2] for row in table(page, "Queues")] == [["long", "4"], ["short", "1"]]
        push(redis, "short", (message("shop.t1", f"y-{n}", queue="short") for n in range(9)))
        queue_cache.forget()
        page.selectbox(key="queues.filter.task").set_value("shop.t1").run()
        assert [row["Task id"] for row in waiting(page)] == ["id-1", "id-3"]
        assert [row[:2] for row in table(page, "Queues")] == [["short", "10"], ["long", "4"]]


def test_above_the_limit_it_says_that_it_estimates(
    store: Store, redis: Redis, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKMON_QUEUED_TASKS_ADMIN_LIMIT", "100")
    push(redis, queue, (message("shop.a", f"id-{n}", queue=queue) for n in range(500)))
    page = open_page(store.url, QUEUES_PAGE, {"queue": queue, "task": "shop.b"})
    assert "Only 100 of 500 messages were looked at" in texts(page)
    assert table(page, "By task") == [["shop.a", "500", "100.0 %"]]


def test_without_a_broker_it_says_what_to_set(store: Store) -> None:
    queue_cache.forget()
    page = open_page(store.url, QUEUES_PAGE)
    assert not page.exception
    assert "TASKMON_BROKER_URL" in texts(page)


def test_a_broker_that_is_away_is_an_outage(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKMON_BROKER_URL", f"redis://:secret-word@127.0.0.1:{free_port()}/0")
    queue_cache.forget()
    page = open_page(store.url, QUEUES_PAGE, {"queue": "mails"})
    assert not page.exception
    assert "The broker does not answer" in texts(page)
    assert "secret-word" not in texts(page)
    assert "Nothing waits" not in texts(page)
    assert table(page, "Queues")[0][1] != "0"


def test_a_store_that_is_away_hides_nothing_of_the_broker(redis: Redis, queue: str) -> None:
    push(redis, queue, [message("shop.pay", "only", queue=queue)])
    page = open_page(f"http://127.0.0.1:{free_port()}", QUEUES_PAGE, {"queue": queue})
    assert not page.exception
    assert "does not answer since" in texts(page)
    assert [row["Task id"] for row in waiting(page)] == ["only"]


def test_the_queue_length_at_the_start_of_a_run(store: Store) -> None:
    cache.forget()
    page = open_page(store.url, TASK_PAGE, {"id": "ran"})
    shown = components(page, "facts")[0]
    facts = {fact["label"]: fact for group in shown["groups"] for fact in group["facts"]}
    assert facts["Queue length at its start"]["value"] == "41"
    assert "3 held by workers" in facts["Queue length at its start"]["note"]


def test_the_question_counts_first_and_removes_nothing(store: Store, redis: Redis, queue: str) -> None:
    push(redis, queue, (message(f"shop.t{n % 2}", f"id-{n}", queue=queue) for n in range(10)))
    page = open_page(store.url, QUEUES_PAGE, {"queue": queue, "task": "shop.t1"})
    button(page, "queues.purge.some").click().run()
    assert not page.exception
    assert "**5** of 10 waiting messages would be removed" in texts(page)
    assert redis.llen(queue) == 10


def confirmed() -> None:
    """What the dialog does once the name is typed: AppTest knows no dialogs that stay open."""
    import streamlit as st

    from taskmon_viewer.views.queue_purge import purge_now, say_purged

    say_purged()
    planned = st.session_state.pop("planned", None)
    if planned is not None:
        purge_now(planned)


def run_confirmed(store: Store, queue: str, wanted: Wanted, user: User) -> AppTest:
    settings = ReaderSettings.from_environment({}, clickhouse_url=store.url)
    configuration.use(settings, access=LocalAccess(user))
    page = AppTest.from_function(confirmed, default_timeout=60)
    page.session_state["planned"] = queue_broker.ask_plan(queue_broker.address(), queue, wanted)
    page.run()
    configuration.use(settings)
    assert not page.exception
    return page


def noted(store: Store, queue: str) -> list[tuple[object, ...]]:
    with store.client() as client:
        rows = client.query(
            "SELECT actor, role, action, affected, detail FROM otel.audit WHERE target = {queue:String}",
            {"queue": queue},
        ).result_rows
    return [tuple(row) for row in rows]


def test_a_confirmed_purge_takes_the_selection_and_is_noted(store: Store, redis: Redis, queue: str) -> None:
    push(redis, queue, (message(f"shop.t{n % 2}", f"id-{n}", queue=queue) for n in range(10)))
    page = run_confirmed(store, queue, Wanted(task="shop.t1"), User("ann", "operator"))
    assert "5 messages removed" in str(page.success[0].value)
    assert ids(redis, queue) == [f"id-{n}" for n in range(0, 10, 2)]
    ((actor, role, action, affected, detail),) = noted(store, queue)
    assert (actor, role, action, affected) == ("ann", "operator", "purge queue", 5)
    assert str(detail).startswith("task shop.t1 at redis://")


@pytest.mark.parametrize(("role", "data_dir"), [("viewer", True), ("operator", False)])
def test_nothing_is_removed_without_the_right_to_it(
    store: Store,
    redis: Redis,
    queue: str,
    role: Any,
    data_dir: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Neither with a role that is too low, nor where the audit cannot be written."""
    if not data_dir:
        monkeypatch.setenv("TASKMON_DATA_DIR", str(tmp_path_factory.mktemp("empty")))
    push(redis, queue, [message("shop.a", "kept", queue=queue)])
    page = run_confirmed(store, queue, Wanted(), User("ann", role))
    assert "Nothing was removed" in texts(page)
    assert ids(redis, queue) == ["kept"]
    assert noted(store, queue) == []


def test_a_purge_goes_on_when_its_page_is_closed(store: Store, redis: Redis, queue: str) -> None:
    push(redis, queue, (message("shop.a", f"id-{n}", queue=queue) for n in range(5_000)))
    at_broker = queue_broker.address()
    planned = queue_broker.ask_plan(at_broker, queue, Wanted(app="shop"))
    settings = ReaderSettings.from_environment({}, clickhouse_url=store.url)
    PurgeRun(settings, at_broker, planned, Actor("ann", "operator"))
    wait_until(lambda: bool(noted(store, queue)), "the row in the audit", timeout=60)
    assert redis.llen(queue) == 0
    assert [row[3] for row in noted(store, queue)] == [5_000]
