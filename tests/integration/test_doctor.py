"""``taskmon doctor`` on a real store, broker and environment: what is well, and each thing that can be wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from otel_taskmon.doctor.probe import SPAN_NAME
from tests.integration.test_cli_migrate import as_admin
from tests.support.databases import own_database
from tests.support.processes import ROOT, free_port
from tests.support.rewriting_proxy import answering, rewriting
from tests.support.store import Store

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def doctor(*args: str, **variables: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings."""

    done = subprocess.run(
        [sys.executable, "-m", "otel_taskmon", "doctor", "--json", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, **variables},
    )
    assert done.returncode in (0, 1), done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] is (done.returncode == 0)
    return done.returncode, document["findings"]


def of(findings: list[dict[str, Any]], subject: str) -> list[tuple[str, str, str]]:
    return [(f["level"], f["text"], f["todo"]) for f in findings if f["subject"] == subject]


def only(findings: list[dict[str, Any]], subject: str) -> tuple[str, str, str]:
    (found,) = of(findings, subject)
    return found


def test_a_store_that_is_well(store: Store) -> None:
    code, findings = doctor("--store", "--url", store.url)
    assert code == 0
    assert only(findings, "store")[:2] == ("ok", f"{store.url} answers: ClickHouse {version(store)}")
    assert only(findings, "schema")[0] == "ok"
    assert only(findings, "user")[:2] == ("ok", "'default' may only read")
    assert only(findings, "store clock")[0] == "ok"
    assert {level for level, *_ in of(findings, "statistics")} == {"ok"}  # a line for each refreshed view
    assert only(findings, "celery_task_runs")[:2] == ("ok", "empty, kept 720 h")
    assert only(findings, "tasks")[0] == "warning"
    assert not of(findings, "settings"), "a worker's side was not asked for"


def version(store: Store) -> str:
    return str(store.client().query("SELECT version()").result_rows[0][0])


def test_what_is_kept_otherwise_than_wished(store: Store) -> None:
    code, findings = doctor("--store", "--url", store.url, TASKMON_DATA_MAX_AGE="24")
    assert code == 0  # a warning: here, or there, somebody may mean it
    level, text, todo = only(findings, "celery_task_runs")
    assert (level, text) == ("warning", "empty, kept 720 h, wished 24 h")
    assert "taskmon migrate" in todo


def test_rows_that_stay_until_the_last_of_their_part_is_due(store: Store) -> None:
    """Queue lengths lie by weeks, statistics by months."""
    admin = store.client("admin")
    admin.command("SYSTEM STOP TTL MERGES")
    kept = {"celery_queue_depth": 90, "celery_task_stats_1h": 400, "celery_task_stats_1d": 400}
    try:
        for late, wanted in ((5, "ok"), (50, "warning")):
            for table, days in kept.items():
                column = {"celery_queue_depth": "ts", "celery_task_stats_1h": "hour"}.get(table, "day")
                admin.command(
                    f"INSERT INTO otel.{table} ({column}) SELECT toStartOfHour(now()) - toIntervalDay({days + late})"
                )
            _, findings = doctor("--store", "--url", store.url)
            for table in kept:
                level, text, _ = only(findings, table)
                assert (level, "stay longer" in text) == (wanted, wanted == "warning"), text
    finally:
        for table in kept:
            admin.command(f"TRUNCATE TABLE otel.{table}")
        admin.command("SYSTEM START TTL MERGES")


def test_tables_that_are_not_all_there(store: Store) -> None:
    admin = store.client("admin")
    rows = admin.query("SELECT name FROM otel.schema_migrations WHERE version = 11").result_rows
    admin.command("DELETE FROM otel.schema_migrations WHERE version = 11")
    try:
        code, findings = doctor("--store", "--url", store.url)
    finally:
        done = subprocess.run(
            [sys.executable, "-m", "otel_taskmon", "migrate", "--url", store.url],
            env={**os.environ, **as_admin(store)},
            check=False,
            timeout=60,
        )
    assert done.returncode == 0
    assert code == 1
    level, text, todo = only(findings, "schema")
    assert (level, text) == ("wrong", f"not applied: 0011_{rows[0][0]}")
    assert "taskmon migrate" in todo


def test_a_reader_that_may_write(store: Store) -> None:
    _, findings = doctor("--store", "--url", store.url, **as_admin(store))
    level, text, todo = only(findings, "user")
    assert (level, text) == ("warning", "'admin' may do more than read")
    assert "viewer.sql" in todo


def test_a_store_that_is_away_refuses_or_is_too_old(store: Store) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    code, findings = doctor("--store", "--url", nowhere)
    assert code == 1
    level, text, todo = only(findings, "store")
    assert level == "wrong"
    assert f"the store at {nowhere} does not answer" in text
    assert "TASKMON_CLICKHOUSE_URL" in todo
    code, findings = doctor("--store", "--url", store.url, TASKMON_CLICKHOUSE_PASSWORD="wrong")
    assert code == 1
    assert "error 516" in only(findings, "store")[1]
    assert "TASKMON_CLICKHOUSE_PASSWORD_FILE" in only(findings, "store")[2]
    with rewriting(store.url, b"version()", b"'24.3.1.1'") as url:
        code, findings = doctor("--store", "--url", url)
    assert (code, only(findings, "store")[2]) == (1, "Upgrade it to 26.2 or newer.")


def test_a_clock_that_is_off(store: Store) -> None:
    with rewriting(store.url, b"now64(6, 'UTC')) AS now_us", b"now64(6, 'UTC') - 90) AS now_us") as url:
        code, findings = doctor("--store", "--url", url)
    level, text, todo = only(findings, "store clock")
    assert (code, level) == (1, "wrong")
    assert "behind" in text
    assert "NTP" in todo


def test_a_probe_arrives_and_is_no_task(store: Store) -> None:
    code, findings = doctor("--url", store.url, OTEL_EXPORTER_OTLP_ENDPOINT=store.otlp_url)
    assert code == 0, findings
    assert only(findings, "endpoint")[0] == "ok"
    level, text, _ = only(findings, "probe")
    assert level == "ok"
    assert "stood in the tables after" in text
    reader = store.client()
    spans = reader.query(f"SELECT count() FROM otel.otel_traces WHERE SpanName = '{SPAN_NAME}'").result_rows
    assert spans[0][0] >= 1
    for table in ("celery_tasks", "celery_task_runs", "celery_task_sends", "celery_task_events"):
        assert reader.query(f"SELECT count() FROM otel.{table}").result_rows == [(0,)], table


def test_a_probe_that_does_not_arrive(store: Store, tmp_path: Path) -> None:
    with answering(200, b"", {"Content-Type": "application/x-protobuf"}) as black_hole:
        code, findings = doctor("--worker", "--url", store.url, OTEL_EXPORTER_OTLP_ENDPOINT=black_hole)
    assert code == 1
    assert only(findings, "endpoint")[0] == "ok"
    level, text, todo = only(findings, "probe")
    assert level == "wrong"
    assert "is not in the tables after 5." in text
    assert "TASKMON_CLICKHOUSE_URL" in todo


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_endpoint_that_does_not_answer(store: Store, protocol: str) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    code, findings = doctor(
        "--worker",
        "--url",
        store.url,
        OTEL_EXPORTER_OTLP_ENDPOINT=nowhere,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
    )
    level, text, todo = only(findings, "endpoint")
    assert (code, level) == (1, "wrong")
    assert f"{nowhere} did not take a span" in text
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in todo
    assert not of(findings, "probe")


@pytest.mark.parametrize(
    ("endpoint", "hint"),
    [
        ("http://127.0.0.1:{0.http_port}", "Something else than OTLP"),
        ("http://127.0.0.1:{0.otlp_http_port}/v1/traces", "without a path"),
        ("http://127.0.0.1:{0.otlp_grpc_port}", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"),
        ("127.0.0.1:{0.otlp_http_port}", "begins with http://"),
        ("https://127.0.0.1:{0.otlp_http_port}", "It speaks no TLS there"),
    ],
)
def test_a_wrong_endpoint_is_told_from_one_that_is_away(store: Store, endpoint: str, hint: str) -> None:
    code, findings = doctor(
        "--worker", "--url", store.url, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.format(store)
    )
    level, _, todo = only(findings, "endpoint")
    assert (code, level) == (1, "wrong")
    assert hint in todo
    assert "spans wait in the outbox" in todo


def test_a_collector_that_wants_a_token(store: Store) -> None:
    with answering(401, b"") as strict:
        code, findings = doctor("--worker", "--url", store.url, OTEL_EXPORTER_OTLP_ENDPOINT=strict)
    level, text, todo = only(findings, "endpoint")
    assert (code, level) == (1, "wrong")
    assert "HTTP 401" in text
    assert "OTEL_EXPORTER_OTLP_HEADERS" in todo


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "subject", "level", "said"),
    [
        ({"TASKMON_ENABLED": "false"}, "recording", "wrong", "nothing is recorded"),
        ({"OTEL_SDK_DISABLED": "true"}, "recording", "wrong", "nothing is recorded"),
        ({"TASKMON_EVENTS": "false"}, "recording", "warning", "when they have ended"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, "sampling", "warning", "not sampled"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "exporter", "wrong", "no tasks are sent"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "exporter", "wrong", "OTEL_TRACES_EXPORTER='zipkin'"),
        ({"OTEL_METRICS_EXPORTER": "none"}, "exporter", "warning", "no queue lengths are sent"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "exporter", "wrong", "http/json"),
        ({"TASKMON_OUTBOX_MAX_BYTES": "much"}, "settings", "wrong", "TASKMON_OUTBOX_MAX_BYTES='much'"),
    ],
)
def test_what_an_environment_can_have_wrong(
    store: Store, variables: Mapping[str, str], subject: str, level: str, said: str
) -> None:
    _, findings = doctor(
        "--worker", "--url", store.url, **{"OTEL_EXPORTER_OTLP_ENDPOINT": store.otlp_url, **variables}
    )
    assert any(found == level and said in text for found, text, _ in of(findings, subject)), findings


def test_the_broker_and_its_clock(store: Store, broker: Any) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": store.otlp_url}
    _, findings = doctor("--worker", "--url", store.url, CELERY_BROKER_URL=own_database(broker), **endpoint)
    level, text, _ = only(findings, "broker")
    assert level == "ok"
    assert "answers, and its clock is" in text
    code, findings = doctor(
        "--worker",
        "--url",
        store.url,
        CELERY_BROKER_URL=f"redis://:hush@127.0.0.1:{free_port()}/0",
        **endpoint,
    )
    assert (code, only(findings, "broker")[0]) == (1, "wrong")
    assert "hush" not in json.dumps(findings)


def test_what_waits_in_the_outbox(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "left"
    code = (
        "import sys, os; from pathlib import Path\n"
        "from otel_taskmon.outbox import Outbox\nfrom tests.support.outbox_records import Telemetry, numbered\n"
        f"Telemetry(Outbox.for_process(directory=Path({str(root)!r}), boot='abc')).spans(numbered('s', 3))\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=ROOT)
    _, findings = doctor(
        "--worker",
        "--url",
        store.url,
        TASKMON_OUTBOX_DIR=str(root),
        OTEL_EXPORTER_OTLP_ENDPOINT=store.otlp_url,
    )
    level, text, _ = only(findings, "outbox")
    assert level == "ok"  # they have been there for a second
    assert "1 folders, 3 records" in text


APP = """
from celery import Celery
app = Celery("one", broker="memory://")
{lines}
"""


@pytest.mark.parametrize(
    ("lines", "level", "said"),
    [
        ("import otel_taskmon; otel_taskmon.instrument(app)", "ok", "by one instrumentation"),
        ("", "wrong", "does not call otel_taskmon.instrument()"),
        (
            (
                "import otel_taskmon; otel_taskmon.instrument(app)\nfrom opentelemetry.instrumentation.celery import "
                "CeleryInstrumentor\nCeleryInstrumentor()._instrument()"
            ),
            "wrong",
            "tasks are recorded twice",
        ),
        ("raise RuntimeError('no database')", "wrong", "cannot be loaded: RuntimeError: no database"),
    ],
    ids=["recorded", "not recorded", "twice", "broken"],
)
def test_an_app(store: Store, tmp_path: Path, lines: str, level: str, said: str) -> None:
    (tmp_path / "one_app.py").write_text(APP.format(lines=lines))
    _, findings = doctor(
        "--worker",
        "-A",
        "one_app",
        "--url",
        store.url,
        PYTHONPATH=str(tmp_path),
        OTEL_EXPORTER_OTLP_ENDPOINT=store.otlp_url,
    )
    found = only(findings, "app")
    assert found[0] == level
    assert said in found[1]
    if level != "wrong" or "loaded" not in said:
        assert only(findings, "broker")[0] == "warning"  # memory:// has no queues to look at
