"""The dashboards of ``grafana/``: every panel's SQL runs on the store, and says what plain counting says.

No Grafana runs here: its macros are written out as the data source plugin does it (times in whole seconds).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.made_tasks import MADE, RECORDS
from tests.support.processes import ROOT
from tests.support.store import Store, running_store
from tests.support.stored_tasks import insert

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GRAFANA = ROOT / "grafana"
DASHBOARDS = {
    path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
SOURCE = {"type": "grafana-clickhouse-datasource", "uid": "taskmon"}
TASK = "shop.pay"
EVERY_S = 600
DEPTH = (
    "INSERT INTO otel.celery_queue_depth (ts, broker, queue, depth) "
    "SELECT now64(6) - toIntervalSecond(number * 10), 'redis', 'q1', number FROM numbers(60)"
)


def written_out(sql: str, task: str = TASK) -> str:
    """The SQL that reaches the store for the last day, with a point every ten minutes."""
    until = datetime.now(UTC) + timedelta(minutes=1)
    since, end = int((until - timedelta(days=1)).timestamp()), int(until.timestamp())
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime({since}) AND \1 <= toDateTime({end})", sql)
    sql = re.sub(
        r"\$__timeInterval\((\w+)\)", rf"toStartOfInterval(toDateTime(\1), INTERVAL {EVERY_S} second)", sql
    )
    sql = sql.replace("$__interval_s", str(EVERY_S))
    quoted = task.replace("'", "''")
    sql = sql.replace("${task:sqlstring}", f"'{quoted}'")
    assert "$" not in sql, sql
    return sql


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        admin = running.client("admin")
        insert(admin, RECORDS)
        admin.command(DEPTH)
        admin.command("SYSTEM REFRESH VIEW otel.celery_task_stats_1h_mv")
        admin.command("SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv")
        yield running


def targets() -> list[Any]:
    return [
        pytest.param(panel, id=f"{name}-{panel['title']}")
        for name, board in DASHBOARDS.items()
        for panel in board["panels"]
    ]


def ask(store: Store, panel: dict[str, Any], task: str = TASK) -> list[dict[str, Any]]:
    (target,) = panel["targets"]
    with store.client() as client:
        return list(client.query(written_out(target["rawSql"], task)).named_results())


def panel_of(board: str, title: str) -> dict[str, Any]:
    (found,) = [panel for panel in DASHBOARDS[board]["panels"] if panel["title"] == title]
    return dict(found)


@pytest.mark.parametrize("panel", targets())
def test_every_panel_answers(store: Store, panel: dict[str, Any]) -> None:
    (target,) = panel["targets"]
    assert panel["datasource"] == target["datasource"] == SOURCE
    rows = ask(store, panel)
    assert rows
    if panel["type"] == "timeseries":
        assert target["queryType"] == "timeseries"
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
        assert any(isinstance(value, int | float) for value in rows[0].values())
    if panel["type"] == "stat":
        assert len(rows) == len(rows[0]) == 1
    named = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}
    if panel["type"] == "table":
        assert named <= set(rows[0]), "an override of a column that is not there"


def test_the_numbers_are_those_of_plain_counting(store: Store) -> None:
    executions = sum(0 if made.state == "SENT" else 1 + made.retries for made in MADE)
    assert ask(store, panel_of("overview", "Executions")) == [{"executions": executions}]
    failed = sum(made.state == "FAILURE" for made in MADE)
    assert ask(store, panel_of("overview", "Failed")) == [{"failed": failed}]
    by_state: Counter[str] = Counter()
    for row in ask(store, panel_of("overview", "Executions by state")):
        by_state[row["state"]] += row["executions"]
    assert by_state["SUCCESS"] == sum(made.state == "SUCCESS" for made in MADE)
    assert by_state["RETRY"] == sum(made.retries for made in MADE)
    assert ask(store, panel_of("task-type", "Retries asked for")) == [
        {"retries": sum(made.retries for made in MADE if made.name == TASK)}
    ]
    hourly = ask(store, panel_of("task-type", "By hour, as long as statistics are kept"))
    assert sum(row["executions"] for row in hourly) == sum(
        0 if made.state == "SENT" else 1 + made.retries for made in MADE if made.name == TASK
    )


def test_a_name_that_is_nobodys_and_a_hostile_one_find_nothing(store: Store) -> None:
    for name in ("no.such.task", "x' OR 1 = 1 --"):
        assert ask(store, panel_of("task-type", "Executions"), name) == [{"executions": 0}]
        assert ask(store, panel_of("task-type", "Newest executions"), name) == []


def test_the_choice_of_tasks_is_asked_from_the_store(store: Store) -> None:
    (task, viewer) = DASHBOARDS["task-type"]["templating"]["list"]
    assert (task["name"], task["datasource"], viewer["name"]) == ("task", SOURCE, "viewer")
    with store.client() as client:
        names = [row[0] for row in client.query(written_out(task["query"])).result_rows]
    assert names == sorted({made.name for made in MADE if made.state != "SENT"})


def test_dashboards_are_two_with_panels_that_do_not_overlap() -> None:
    assert {name: board["uid"] for name, board in DASHBOARDS.items()} == {
        "overview": "taskmon-overview",
        "task-type": "taskmon-task-type",
    }
    for name, board in DASHBOARDS.items():
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        cells: Counter[tuple[int, int]] = Counter()
        for panel in board["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells.update(
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            )
        assert max(cells.values()) == 1, name


def test_links_between_dashboards_lead_somewhere() -> None:
    text = json.dumps(DASHBOARDS)
    uids = {board["uid"] for board in DASHBOARDS.values()}
    assert set(re.findall(r"/d/([\w-]+)", text)) == uids


def test_provisioning_names_the_source_and_the_dashboards() -> None:
    yaml = (GRAFANA / "provisioning" / "datasources" / "taskmon.yaml").read_text()
    for line in (f"uid: {SOURCE['uid']}", f"type: {SOURCE['type']}", "protocol: http"):
        assert re.search(rf"^\s+{re.escape(line)}$", yaml, re.MULTILINE), line
    variables = set(re.findall(r"\$\{(\w+)\}", yaml))
    variables |= set(
        re.findall(r"\$\{(\w+)\}", (GRAFANA / "provisioning" / "dashboards" / "taskmon.yaml").read_text())
    )
    page = (ROOT / "docs" / "tools.md").read_text()
    assert all(f"{name}=" in page for name in variables), "docs/tools.md sets each"
