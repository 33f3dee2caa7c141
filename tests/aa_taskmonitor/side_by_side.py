"""``make test-aa-taskmonitor``: the same executions recorded by aa-taskmonitor and by us, in one worker, compared.

Compared is what means the same in both. What does not: on a retry theirs has ``Retry`` as the exception and the task
itself as its parent, ours the cause and the real parent; their runtime holds their own look-ups, so it is longer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from otel_taskmon.demo.broker import Broker
from otel_taskmon.queries.connection import Client, connect
from otel_taskmon.queries.report_model import ReportFilter, ReportKey
from otel_taskmon.queries.reports import ask_report
from otel_taskmon.queries.statistics import statistics
from tests.aa_taskmonitor import environment
from tests.support.databases import own_database
from tests.support.processes import Child
from tests.support.store import running_store
from tests.support.waiting import wait_until
from tests.support.workers import with_outbox, worker_environment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

APP = "tests.aa_taskmonitor.shop"
# its housekeeping would run 22 tasks of its own between ours
MIGRATE = """
from django.core.cache import cache
from django.core.management import call_command
cache.set("taskmonitor_last_housekeeping", "no", timeout=3600)
call_command("migrate", "taskmonitor", verbosity=0)
"""
REPORTS: tuple[ReportKey, ...] = (
    "task_runs_by_state", "task_runs_by_app", "apps_top_runs", "tasks_top_runs", "tasks_top_failed",
    "tasks_top_retried",
)  # fmt: skip
DUMP = f"""
import json
from django.core.serializers.json import DjangoJSONEncoder
from taskmonitor.core.cached_reports import report
from taskmonitor.managers import TaskStatisticManager
from taskmonitor.models import TaskLog
logs = [dict(log, state=TaskLog.State(log["state"]).label.upper()) for log in TaskLog.objects.values()]
fields = ("name", "app", "runs_total", "runs_succeeded", "runs_failed", "runs_retried", "runtime_total")
statistics = [[getattr(row, field) for field in fields] for row in TaskStatisticManager._run_query()]
reports = {{name: report(name).data(use_cache=False) for name in {REPORTS!r}}}
print(json.dumps({{"logs": logs, "statistics": statistics, "reports": reports}}, cls=DjangoJSONEncoder))
"""
RUNS = """
SELECT task_id, retries, task_name, app AS app_name, args, kwargs, result, priority, state, exc_type, parent_id,
    started_at, received_at, ended_at, duration_ns, exc_stacktrace
FROM otel.celery_task_runs FINAL
"""
EXECUTIONS = 20
"""Of what ``shop.publish`` publishes: two of 15 tasks are executed three times, and one publishes another."""


@dataclass(frozen=True)
class Both:
    theirs: dict[tuple[str, int], dict[str, Any]]
    """By task id and retries; of each execution one, checked."""
    ours: dict[tuple[str, int], dict[str, Any]]
    statistics: list[list[Any]]
    reports: dict[str, list[dict[str, Any]]]
    client: Client


@pytest.fixture(scope="module")
def both(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    url = own_database(broker)
    python = environment.prepare()
    with running_store(folder) as store, connect(store.url) as client:
        variables = environment.variables(url, folder / "aa.sqlite3")
        variables = with_outbox(folder, worker_environment(url, store.otlp_url, **variables))
        environment.run(MIGRATE, variables)
        flags = ("worker", "-P", "prefork", "-c", "2", "-n", "both@tests", "-l", "INFO", "--without-mingle")
        command = [str(python), "-m", "celery", "-A", APP, *flags]
        with Child(command, folder / "worker.log", env=variables) as worker:
            worker.wait_for_output("both@tests ready", timeout=90)
            environment.run(f"from {APP} import publish\npublish()", variables)
            wait_until(
                lambda: len(client.ask(RUNS).rows) == EXECUTIONS,
                "our records",
                context=worker.output,
            )
            assert worker.stop(timeout=30) == 0, worker.output()
        said = json.loads(environment.run(DUMP, variables))
        asked = client.ask(RUNS)
        ours = [dict(zip(asked.columns, row, strict=True)) for row in asked.rows]
        yield Both(
            _by_execution(said["logs"]), _by_execution(ours), said["statistics"], said["reports"], client
        )


def _by_execution(rows: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    found = {(str(row["task_id"]), int(row["retries"])): row for row in rows}
    assert len(found) == len(rows) == EXECUTIONS
    return found


def test_the_same_executions(both: Both) -> None:
    assert both.theirs.keys() == both.ours.keys()
    for execution, theirs in both.theirs.items():
        ours = both.ours[execution]
        for field in ("task_name", "app_name", "state", "priority"):
            assert ours[field] == theirs[field], (field, theirs)
        for field in ("args", "kwargs"):
            assert json.loads(ours[field]) == theirs[field], (field, theirs)
        result = json.loads(ours["result"]) if ours["result"] else None
        assert result == theirs["result"], theirs


def test_the_same_exceptions_but_for_the_cause_of_a_retry(both: Both) -> None:
    for execution, theirs in both.theirs.items():
        ours = both.ours[execution]
        name = ours["exc_type"].rpartition(".")[2]
        if theirs["state"] == "RETRY":
            assert (theirs["exception"], name) == ("Retry", "Declined")
        else:
            assert theirs["exception"] == name
        assert ("Declined" in theirs["traceback"]) == ("Declined" in ours["exc_stacktrace"])


def test_the_same_lineage_but_for_retries(both: Both) -> None:
    for (task_id, retries), theirs in both.theirs.items():
        ours = both.ours[task_id, retries]["parent_id"]
        if retries:
            assert (theirs["parent_id"], ours) == (task_id, "")
        else:
            assert ours == (theirs["parent_id"] or "")


def test_the_same_times(both: Both) -> None:
    """Within a second: they are taken a few signal handlers apart."""
    longest = 0.0
    for execution, theirs in both.theirs.items():
        ours = both.ours[execution]
        for field, own in (("started", "started_at"), ("received", "received_at"), ("timestamp", "ended_at")):
            if theirs[field] is None:
                continue  # lost: the next delivery's replaced it in their cache
            apart = abs((datetime.fromisoformat(theirs[field]) - ours[own]).total_seconds())
            longest = max(longest, apart)
            assert apart < 1, (field, theirs)
        assert abs(theirs["runtime"] - ours["duration_ns"] / 1e9) < 1
    print(f"longest time apart: {longest * 1e3:.0f} ms")


def test_the_same_statistics(both: Both) -> None:
    ours = {
        (row.task_name, row.app): (row.runs, row.succeeded, row.failed, row.retried)
        for row in statistics(both.client, ReportFilter()).rows
    }
    assert ours == {(name, app): tuple(counts) for name, app, *counts, _ in both.statistics}


@pytest.mark.parametrize("key", REPORTS)
def test_the_same_reports(both: Both, key: ReportKey) -> None:
    ours = Counter(
        {row.label.upper(): row.count for row in ask_report(both.client, key, ReportFilter()).rows}
    )
    theirs = Counter({row["name"].upper(): row["y"] for row in both.reports[key] if row["y"]})
    assert ours == theirs
    assert ours.total() > 0
