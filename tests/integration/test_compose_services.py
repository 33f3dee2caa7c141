"""Each service of ours in ``docker-compose.yml`` runs, with its own command and environment, without Docker."""

from __future__ import annotations

import contextlib
import re
import shutil
import urllib.request
from pathlib import Path

import pytest

from otel_taskmon.demo.broker import Broker
from tests.support.collector import BASE, CONFIG, collector_program, validate
from tests.support.compose import ByHand, make_secrets
from tests.support.databases import own_database
from tests.support.processes import free_port
from tests.support.store import running_store, start_store
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]

QUESTION = (
    "SELECT count(), countIf(worker LIKE 'shop@%') FROM otel.celery_task_runs FINAL WHERE state = 'SUCCESS'"
)


def test_the_services_work_together(tmp_path: Path, broker: Broker) -> None:
    """ClickHouse is the embedded store here, with the passwords of the secret files; Redis is the tests' broker."""
    program = collector_program()
    secrets = make_secrets(tmp_path / "made")
    ports = {name: free_port() for name in ("http", "grpc", "health", "metrics", "viewer")}
    collector_ports = {
        f"TASKMON_COLLECTOR_{n.upper()}_PORT": str(p) for n, p in ports.items() if n != "viewer"
    }
    state = tmp_path / "state"
    state.mkdir()
    store = start_store(
        tmp_path / "data",
        tmp_path / "store.log",
        env={
            "TASKMON_ADMIN_PASSWORD_FILE": str(secrets / "clickhouse_admin"),
            "TASKMON_INGEST_PASSWORD_FILE": str(secrets / "clickhouse_ingest"),
        },
    )
    services = ByHand(
        tmp_path,
        {
            "http://clickhouse:8123": store.url,
            "redis://redis:6379/0": own_database(broker),
            "http://otel-collector:4318": f"http://127.0.0.1:{ports['http']}",
            "http://otel-collector:13133": f"http://127.0.0.1:{ports['health']}",
            "http://127.0.0.1:8501": f"http://127.0.0.1:{ports['viewer']}",
            "0.0.0.0": "127.0.0.1",
            "/run/secrets": str(secrets),
            "/var/lib/taskmon": str(state),
            "/etc/otelcol": str(CONFIG),
            "/queue": str(tmp_path / "queue"),
        },
    )
    with contextlib.ExitStack() as ends:
        ends.callback(store.child.stop)
        migrated = services.run("migrate")
        assert (migrated.returncode, migrated.stderr) == (0, "")
        assert "up to date" in migrated.stdout

        collector = services.start("otel-collector", str(program), **collector_ports)
        ends.callback(collector.stop)
        collector.wait_for_output("Everything is ready")
        watched = services.check_health("collector-health")
        assert watched.returncode == 0, watched.stderr

        worker = services.start("worker", TASKMON_OUTBOX_DIR=str(state / "worker"))
        ends.callback(worker.stop)
        worker.wait_for_output(" ready.", timeout=60)
        publisher = services.start("publisher", TASKMON_OUTBOX_DIR=str(state / "publisher"))
        ends.callback(publisher.stop)
        publisher.wait_for_output("first burst published", timeout=60)

        reader = store.client()
        wait_until(
            lambda: reader.query(QUESTION).result_rows[0][0] >= 20,
            "20 executions in the tables",
            timeout=60,
            context=lambda: worker.output() + collector.output(),
        )
        total, of_the_worker = reader.query(QUESTION).result_rows[0]
        assert of_the_worker == total

        # The embedded store has no user `viewer`; its reading user has no password.
        as_reader = {
            "TASKMON_CLICKHOUSE_USER": "default",
            "TASKMON_CLICKHOUSE_PASSWORD_FILE": "",
            "TASKMON_VIEWER_PORT": str(ports["viewer"]),
            "TASKMON_VIEWER_USERS": str(state / "users"),
        }
        users = services.environment("viewer", **as_reader)
        added = services.run_as("viewer", ["taskmon", "viewer", "add-user", "ann", "--password-stdin"], users)
        assert added.returncode == 0, added.stderr
        viewer = services.start("viewer", **as_reader)
        ends.callback(viewer.stop)
        viewer.wait_for_port(ports["viewer"], timeout=60)
        healthy = services.check_health("viewer", **as_reader)
        assert healthy.returncode == 0, healthy.stderr
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['viewer']}/login", timeout=10) as page:
            assert "password" in page.read().decode().lower()


def test_the_collector_takes_its_file_twice() -> None:
    """So the place of an overlay may name the file itself."""
    environment = {"TASKMON_OTLP_TOKEN": "t", "CLICKHOUSE_PASSWORD": "p"}
    done = validate(BASE, BASE, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_users_script_hands_over_the_files_with_the_passwords(tmp_path: Path) -> None:
    """ClickHouse's client is replaced by one that keeps what it was given; the engine reads the password in it."""
    secrets = make_secrets(tmp_path / "made")
    hostile = "it's \\ '; DROP DATABASE otel; --"
    (secrets / "clickhouse_viewer").unlink()
    (secrets / "clickhouse_viewer").write_text(hostile + "\n")
    program = tmp_path / "bin" / "clickhouse-client"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncd {tmp_path}\necho "$@" >> flags\necho "$CLICKHOUSE_PASSWORD" > password\ncat >> sql\n'
    )
    program.chmod(0o755)
    users = CONFIG.parent / "otel_taskmon" / "schema" / "users"
    services = ByHand(tmp_path, {"/run/secrets": str(secrets), "/users/": f"{users}/"})
    script = tmp_path / "users.sh"
    script.write_text(services.here((CONFIG.parent / "docker" / "clickhouse" / "users.sh").read_text()))
    environment = services.environment("users")
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    done = services.run_as("users", [str(shutil.which("bash")), str(script)], environment)
    assert (done.returncode, done.stderr) == (0, "")
    password = (secrets / "clickhouse_admin").read_text()
    assert (tmp_path / "password").read_text() == password + "\n"
    assert password not in (tmp_path / "flags").read_text()
    sql = (tmp_path / "sql").read_text()
    for name in ("ingest", "viewer"):
        assert (users / f"{name}.sql").read_text() in sql
    given = re.findall(r"^SET param_password = (.*);$", sql, re.MULTILINE)
    with running_store(tmp_path) as store, store.client() as client:
        read = [client.query(f"SELECT {literal}").result_rows[0][0] for literal in given]
    assert read == [(secrets / "clickhouse_ingest").read_text(), hostile]
