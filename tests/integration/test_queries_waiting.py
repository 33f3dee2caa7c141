"""What waits, by the tables: published and not started."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.model import TaskFilter
from otel_taskmon.queries.waiting import known_queues, waiting_counts, waiting_filter, waiting_tasks
from tests.support.store import running_store
from tests.support.stored_tasks import EPOCH, Span, event, insert, run, send

pytestmark = pytest.mark.integration


def waiting(n: int) -> Span:
    name, app = ("shop.a", "shop") if n % 3 else ("mail.b", "mail")
    return send(f"waits-{n}", sent=n, first=n, queue="q", args=f"[{n}]", priority=n % 2, name=name, app=app)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running_store(Path(tmp_path_factory.mktemp("store"))) as store:
        with store.client("admin") as admin:
            insert(
                admin,
                [
                    *(waiting(n) for n in range(9)),
                    send("later", sent=20, first=20, eta=9 * 10**18, queue="q", name="shop.a", app="shop"),
                    send("elsewhere", queue="other"),
                    send("failed", queue="q", error="ConnectionError"),
                    send("taken", queue="q"),
                    event("received", "taken", at=1, received=1, queue="q"),
                    send("done", queue="q"),
                    run("done", "SUCCESS", started=1, ended=2, queue="q"),
                    send("old", sent=-8 * 86_400, first=-8 * 86_400, queue="q"),
                ],
            )  # fmt: skip
        with connect(store.url) as reader:
            yield reader


def test_tasks_first_published_first(client: Client) -> None:
    wanted = waiting_filter("q")
    page = waiting_tasks(client, wanted, limit=6)
    rest = waiting_tasks(client, wanted, after=page.next)
    assert [row.task_id for row in (*page.rows, *rest.rows)] == [*(f"waits-{n}" for n in range(9)), "later"]
    assert page.rows[3].args_short == "[3]"
    assert rest.rows[-1].state == "SCHEDULED"


def test_counts_and_filters(client: Client) -> None:
    counts = waiting_counts(client, waiting_filter("q"))
    assert counts.total == 10
    assert [(v.value, v.count) for v in counts.by_task] == [("shop.a", 7), ("mail.b", 3)]
    assert [(v.value, v.count) for v in counts.by_app] == [("shop", 7), ("mail", 3)]
    only = waiting_filter("q", TaskFilter(names=("mail.b",), priorities=(0,)))
    assert [row.task_id for row in waiting_tasks(client, only).rows] == ["waits-0", "waits-6"]
    assert waiting_counts(client, waiting_filter("nowhere")).total == 0
    assert waiting_filter("q", now=EPOCH).since == EPOCH - timedelta(days=7)


def test_queues_that_were_published_to(client: Client) -> None:
    assert known_queues(client) == ["other", "q"]
