"""``taskmon inspect queue`` and ``taskmon purge queue`` against a real Redis and a real store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from otel_taskmon.demo.broker import Broker
from tests.support.processes import free_port
from tests.support.queued_messages import ids, message, push
from tests.support.store import Store, running_store

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(Path(tmp_path_factory.mktemp("store"))) as running:
        yield running


@pytest.fixture
def redis(broker: Broker) -> Iterator[Redis]:
    client = Redis.from_url(broker.url)
    client.flushdb()
    push(
        client,
        "mails",
        (message("mails.tasks.send" if n % 4 else "shop.tasks.pay", f"{n}", [n]) for n in range(400)),
    )
    client.zadd("taskmon.queues", {"mails": 4e9})
    yield client
    client.flushdb()
    client.close()


def taskmon(
    broker_url: str, store: Store | None, *arguments: str, typed: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TASKMON_BROKER_URL": broker_url, **variables}
    if store is not None:
        environment |= {"TASKMON_CLICKHOUSE_URL": store.url, "TASKMON_DATA_DIR": str(store.data_dir)}
    return subprocess.run(
        [sys.executable, "-m", "otel_taskmon", *arguments],
        input=typed, capture_output=True, text=True, timeout=60, env=environment, check=False,
    )  # fmt: skip


def test_inspect_lists_queues_what_fills_one_and_its_messages(broker: Broker, redis: Redis) -> None:
    listed = taskmon(broker.url, None, "inspect", "queue", "--json")
    assert listed.returncode == 0, listed.stderr
    (queue,) = json.loads(listed.stdout)
    assert (queue["queue"], queue["depth"], queue["unacked"]) == ("mails", 400, 0)
    assert queue["oldest_at"].endswith("Z")
    counts = json.loads(taskmon(broker.url, None, "inspect", "queue", "mails", "--json").stdout)
    assert counts["by_app"] == {"mails": 300, "shop": 100}
    assert list(counts["by_task"]) == ["mails.tasks.send", "shop.tasks.pay"]
    text = taskmon(
        broker.url, None, "inspect", "queue", "mails", "--list", "2", "--app-name", "shop", "--from", "1"
    )
    assert [line.split("\t")[:4] for line in text.stdout.splitlines()[2:4]] == [
        ["4", "shop.tasks.pay", "shop", "4"],
        ["8", "shop.tasks.pay", "shop", "8"],
    ]
    assert "--from 9" in text.stdout


def test_hostile_names_do_not_move_the_cursor(broker: Broker, redis: Redis) -> None:
    redis.rpush("mails", message("\x1b[2J<b>", "\x1b]0;x\x07"))
    shown = taskmon(broker.url, None, "inspect", "queue", "mails", "--list", "1")
    assert "\x1b" not in shown.stdout
    assert "\\x1b[2J<b>" in shown.stdout


def test_purge_counts_first_asks_for_the_name_and_leaves_an_audit_row(
    broker: Broker, redis: Redis, store: Store
) -> None:
    purge = ("purge", "queue", "--app-name", "shop")
    dry = taskmon(broker.url, None, *purge, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["matching"] == 100
    wrong = taskmon(broker.url, store, *purge, typed="mail\n")
    assert (wrong.returncode, redis.llen("mails")) == (1, 400)
    assert "nothing was removed" in wrong.stderr
    right = taskmon(broker.url, store, *purge, typed="mails\n")
    assert right.returncode == 0, right.stderr
    assert "Removed 100 messages" in right.stdout
    assert ids(redis, "mails") == [f"{n}" for n in range(400) if n % 4]
    with store.client() as client:
        rows = client.query(
            "SELECT action, target, affected, detail, actor, role FROM otel.audit"
        ).result_rows
    action, target, affected, detail, actor, role = rows[-1]
    assert (action, target, affected, role) == ("purge queue", "mails", 100, "command line")
    assert detail.startswith("app shop at redis://")
    assert "@" in actor


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (("--all",), 0),
        (("--task-name", "mails.tasks.send"), 100),
        (("--task-id", "7"), 399),
        (("--task-id", "x"), 400),
    ],
)
def test_purge_by_each_selection(broker: Broker, redis: Redis, selection: tuple[str, ...], left: int) -> None:
    done = taskmon(
        broker.url, None, "purge", "queue", *selection, "--queue", "mails", "--yes", "--no-audit", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["removed"], redis.llen("mails")) == (400 - left, left)


def test_without_the_store_nothing_is_purged_unasked(broker: Broker, redis: Redis) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    done = taskmon(
        broker.url, None, "purge", "queue", "--all", "--queue", "mails", "--yes", TASKMON_CLICKHOUSE_URL=away
    )
    assert (done.returncode, redis.llen("mails")) == (1, 400)
    assert "does not answer" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("purge", "queue"),
        ("purge", "queue", "--all", "--task-id", "x"),
        ("purge", "queue", "--all", "--json"),
        ("inspect", "queue", "--list", "3"),
        ("inspect", "queue", "mails", "--list", "0"),
    ],
)
def test_bad_usage_exits_2(broker: Broker, redis: Redis, arguments: tuple[str, ...]) -> None:
    assert taskmon(broker.url, None, *arguments).returncode == 2
    assert redis.llen("mails") == 400


def test_no_broker_a_wrong_one_and_one_that_is_away() -> None:
    none = taskmon("", None, "inspect", "queue", CELERY_BROKER_URL="")
    assert (none.returncode, "TASKMON_BROKER_URL" in none.stderr) == (2, True)
    wrong = taskmon("geheim", None, "inspect", "queue")
    assert (wrong.returncode, "geheim" in wrong.stderr) == (2, False)
    away = taskmon(f"redis://:geheim@127.0.0.1:{free_port()}/0", None, "inspect", "queue")
    assert (away.returncode, "does not answer" in away.stderr, "geheim" in away.stderr) == (1, True, False)


def test_a_store_that_is_away_stops_a_purge_before_it_removes_anything(broker: Broker, redis: Redis) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    asked = ("purge", "queue", "--all", "--queue", "mails", "--yes", "--url", nowhere)
    away = taskmon(broker.url, None, *asked)
    assert away.returncode == 1
    assert "does not answer" in away.stderr
    assert "Nothing was removed: --no-audit goes on" in away.stderr
    assert redis.llen("mails") == 400


def test_the_address_may_come_from_a_file_or_from_celerys_variable(
    broker: Broker, redis: Redis, tmp_path: Path
) -> None:
    secret = tmp_path / "broker"
    secret.write_text(broker.url)
    for variables in ({"TASKMON_BROKER_URL_FILE": str(secret)}, {"CELERY_BROKER_URL": broker.url}):
        shown = taskmon("", None, "inspect", "queue", "--json", **variables)
        assert json.loads(shown.stdout)[0]["depth"] == 400, shown.stderr
