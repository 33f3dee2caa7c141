"""The Queues page on a real RabbitMQ: lengths by the broker, what waits by the tables, purging with a warning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kombu.connection import Connection
from streamlit.testing.v1 import AppTest

from taskmon_viewer import cache, queue_cache
from taskmon_viewer.links import QUEUES_PAGE
from tests.conftest import missing
from tests.support.rabbitmq import RabbitMQ, find_rabbitmq, running_rabbitmq
from tests.support.store import Store, running_store
from tests.support.stored_tasks import insert, run, send
from tests.support.viewer import components, elements, open_page, texts
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

QUEUE = "mails"
NAMES = ["shop.mail", "shop.mail", "crm.mail"]


@pytest.fixture(scope="module")
def rabbit() -> Iterator[RabbitMQ]:
    if find_rabbitmq() is None:
        missing("rabbitmq-server")
    with running_rabbitmq() as server:
        yield server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("queues")) as running:
        records = [
            send(f"waits-{n}", sent=n, first=n, name=name, app=name.split(".")[0], queue=QUEUE)
            for n, name in enumerate(NAMES)
        ]
        records.append(run("ran", "SUCCESS", started=1, ended=2, name="shop.mail", queue=QUEUE))
        insert(running.client("ingest", autogenerate_session_id=False), records)
        yield running


@pytest.fixture
def page_of(rabbit: RabbitMQ, store: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    kind: Any = Connection
    with kind(rabbit.url) as connection:
        queue = connection.SimpleQueue(QUEUE)
        queue.clear()
        for n, name in enumerate(NAMES):
            queue.put([[n], {}, {}], headers={"task": name, "id": f"waits-{n}"}, serializer="json")
        wait_until(lambda: queue.qsize() == len(NAMES), "all messages in the queue")
        queue.close()
    monkeypatch.setenv("TASKMON_BROKER_URL", rabbit.url)
    cache.forget()
    queue_cache.forget()
    return lambda **query: open_page(store.url, QUEUES_PAGE, {"queue": QUEUE, **query})


def table(page: AppTest, label: str) -> list[list[str]]:
    (found,) = (data for data in components(page, "table") if data["label"] == label)
    return [row["cells"] for row in found["rows"]]


def test_lengths_are_the_broker_s_and_the_list_is_the_tables(page_of: Any) -> None:
    page = page_of()
    assert not page.exception
    assert [row[:4] for row in table(page, "Queues")] == [[QUEUE, "3", "unknown", "0"]]
    assert "RabbitMQ shows a message only to who takes it" in texts(page)
    assert [row[3] for row in table(page, "Waiting messages")] == ["waits-0", "waits-1", "waits-2"]
    assert [row[:2] for row in table(page, "By task")] == [["shop.mail", "2"], ["crm.mail", "1"]]
    filtered = page_of(app="crm")
    assert [row[3] for row in table(filtered, "Waiting messages")] == ["waits-2"]


def test_a_selection_is_warned_of(page_of: Any) -> None:
    page = page_of(task="crm.mail")
    button: Any = next(e for e in elements(page._tree) if e.type == "button" and e.key == "queues.purge.some")
    button.click().run()
    assert not page.exception
    assert "a number that cannot be told before" in texts(page)
    assert "marked as redelivered" in texts(page)
