"""``opentelemetry-instrument celery … worker``, nothing of ours in the app: the same rows as with ``instrument()``."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from otel_taskmon.demo.broker import Broker
from tests.conftest import missing
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Child
from tests.support.store import Store
from tests.support.waiting import wait_until
from tests.support.workers import worker_environment
from tests.support.zero_code import COMMAND, install

pytestmark = pytest.mark.integration

CELERY = str(Path(sys.executable).with_name("celery"))
CONFIGURATION = """
file_format: "1.0"
propagator:
  composite: [{tracecontext: {}}]
resource:
  attributes:
    - {name: service.name, value: bare}
tracer_provider:
  processors:
    - batch:
        exporter:
          taskmon: {}
"""
RUNS = """
    SELECT task_id, retries, state, reason, task_name, app, root_id, parent_id, group_id != '' AS in_group, group_index,
        queue, routing_key, redelivered, worker, service, host != '', args, kwargs, result, payload_notes,
        exc_type, exc_message, exc_fingerprint, is_error, is_eager, execution_id != '', boot_id != '', pid != 0,
        duration_ns IS NULL, queue_wait_ns IS NULL, prefetch_wait_ns IS NULL, trace_id != '', parent_span_id != ''
    FROM otel.celery_task_runs FINAL WHERE task_id IN {ids:Array(String)} ORDER BY task_id, retries, state
"""
SENDS = """
    SELECT task_id, retries, task_name, app, root_id, parent_id, group_id != '', group_index, queue, routing_key,
        expires IS NULL, args, kwargs, is_error, service, host != ''
    FROM otel.celery_task_sends FINAL WHERE task_id IN {ids:Array(String)} ORDER BY task_id, retries
"""
EVENTS = """
    SELECT task_id, event, count(), any(worker), any(queue), any(service), any(trace_id) != ''
    FROM otel.celery_task_events FINAL WHERE task_id IN {ids:Array(String)} GROUP BY task_id, event ORDER BY ALL
"""
Rows = list[tuple[Any, ...]]


def run_all(
    folder: Path, environment: Mapping[str, str], store: Store, app: str, before: Sequence[str]
) -> dict[str, Rows]:
    """Start a worker and a publisher of ``app`` behind the command ``before``; the rows, ids replaced by labels."""
    environment = {"TASKMON_OUTBOX_DIR": str(folder / "outbox"), **environment}
    celery = [*before, *([CELERY] if before else [sys.executable, "-m", "celery"])]
    command = [*celery, *("-A", app, "worker", "-P", "prefork", "-c", "2", "-n", "bare@tests", "-Q", "bare")]
    quiet = ("-l", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat")
    with Child([*command, *quiet], folder / "worker.log", env=environment) as worker:
        code = f"import json; from {app} import publish_one_of_each as go; print(json.dumps(go()))"
        with Child(
            [*before, sys.executable, "-c", code], folder / "publish.log", env=environment
        ) as publisher:
            assert publisher.process.wait(60) == 0, publisher.output()
        # a store that is slow to answer is told of after the ids
        answer = next(line for line in publisher.output().splitlines() if line.startswith("{"))
        ids: dict[str, str] = json.loads(answer)
        client = store.client()

        def query(sql: str) -> Rows:
            names = {task_id: label for label, task_id in ids.items()}
            rows = client.query(sql, {"ids": list(ids.values())}).result_rows
            return sorted((tuple(names.get(cell, cell) for cell in row) for row in rows), key=repr)

        # every task once, and the retry; those two that were never started have no event of that
        wait_until(lambda: len(query(RUNS)) >= len(ids) + 1, "all ends", context=worker.output)
        assert worker.stop() == 0, worker.output()
    assert "taskmon failed" not in worker.output()
    assert "already instrumented" not in worker.output()
    return {"runs": query(RUNS), "sends": query(SENDS), "events": query(EVENTS)}


@pytest.fixture(scope="module")
def instrumented(broker: Broker, store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    environment = worker_environment(own_database(broker), store.otlp_url, OTEL_SERVICE_NAME="bare")
    folder = tmp_path_factory.mktemp("instrumented")
    rows = run_all(folder, environment, store, "tests.apps.bare_instrumented", [])
    states = sorted(str(row[2]) for row in rows["runs"])
    assert states == sorted([*["SUCCESS"] * 6, *["FAILURE"] * 2, "RETRY", "LOST", "EXPIRED", "REJECTED"])
    assert len(rows["sends"]) == len(states)
    return rows


@pytest.mark.parametrize("mode", ["plain", "distro", "configuration file"])
def test_the_same_rows_with_no_code(
    broker: Broker, store: Store, tmp_path: Path, instrumented: dict[str, Rows], mode: str
) -> None:
    environment = worker_environment(own_database(broker), store.otlp_url, OTEL_SERVICE_NAME="bare")
    # the SDK's own batches would come too late: what comes is from the outbox
    environment |= {"OTEL_BSP_SCHEDULE_DELAY": "600000", **install(tmp_path / "site", distro=mode != "plain")}
    if mode == "plain":
        environment["OTEL_TRACES_EXPORTER"] = "taskmon"
    if mode == "configuration file":
        if importlib.util.find_spec("opentelemetry.configuration") is None:
            missing("opentelemetry-configuration")
        (tmp_path / "otel.yaml").write_text(CONFIGURATION)
        environment["OTEL_CONFIG_FILE"] = str(tmp_path / "otel.yaml")
    found = run_all(tmp_path, environment, store, "tests.apps.bare", [str(COMMAND)])
    assert found["runs"] == instrumented["runs"]
    assert found["sends"] == instrumented["sends"]
    assert found["events"] == instrumented["events"]


@pytest.mark.parametrize("switch", [{"TASKMON_ENABLED": "false"}, {"OTEL_SDK_DISABLED": "true"}])
def test_switched_off_nothing_is_sent(broker: Broker, tmp_path: Path, switch: dict[str, str]) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(
            own_database(broker), sink.url, **switch, **install(tmp_path / "site")
        )
        code = "from tests.apps.bare import echo; print(echo.delay(5).get(20))"
        worker_args = (
            "-A",
            "tests.apps.bare",
            "worker",
            "-P",
            "solo",
            "-Q",
            "bare",
            "-n",
            "bare@tests",
            "-l",
            "INFO",
        )
        with Child([str(COMMAND), CELERY, *worker_args], tmp_path / "worker.log", env=environment) as worker:
            worker.wait_for_output("bare@tests ready")
            with Child(
                [str(COMMAND), sys.executable, "-c", code], tmp_path / "publish.log", env=environment
            ) as publisher:
                assert publisher.process.wait(60) == 0, publisher.output()
            assert publisher.output().splitlines()[-1] == "5"
            assert worker.stop() == 0
        assert sink.received == []
    assert not (tmp_path / "outbox").exists()


def test_a_wrong_setting_is_said_and_the_program_starts(tmp_path: Path) -> None:
    environment = {**install(tmp_path / "site"), "TASKMON_EXPORT_INTERVAL_MS": "soon"}
    args = [str(COMMAND), sys.executable, "-c", "print('started')"]
    with Child(args, tmp_path / "program.log", env=environment) as program:
        assert program.process.wait(60) == 0
    assert "tasks are not recorded: TASKMON_EXPORT_INTERVAL_MS='soon'" in program.output()
    assert program.output().splitlines()[-1] == "started"
