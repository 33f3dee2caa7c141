"""Starting and stopping the store."""

from __future__ import annotations

import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.support.http import basic, post
from tests.support.processes import Child, free_port
from tests.support.store import READY, running_store, start_store
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def _serve(
    tmp_path: Path, *args: str, data_dir: Path | None = None, env: dict[str, str] | None = None
) -> Child:
    directory = data_dir or tmp_path / "other"
    command = [sys.executable, "-m", "otel_taskmon.store", "--data-dir", str(directory), *args]
    return Child(command, tmp_path / "second.log", env=env)


def _ports(**chosen: int) -> list[str]:
    names = ("http_port", "otlp_http_port", "otlp_grpc_port")
    return [
        part
        for name in names
        for part in (f"--{name.replace('_', '-')}", str(chosen.get(name) or free_port()))
    ]


def _fails(child: Child, code: int, *words: str) -> None:
    with child:
        wait_until(lambda: not child.running(), "the second store to end", timeout=20, context=child.output)
        assert child.process.returncode == code, child.output()
        for word in words:
            assert word in child.output()
        assert "Traceback" not in child.output()


def test_a_second_store_on_the_same_directory(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        second = _serve(tmp_path, *_ports(), data_dir=store.data_dir)
        _fails(second, 1, f"already running on port {store.http_port}", "--data-dir")
        assert post(store.url, "SELECT 1").data == b"1\n"


@pytest.mark.parametrize("name", ["http_port", "otlp_http_port", "otlp_grpc_port"])
def test_a_taken_port(tmp_path: Path, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        second = _serve(tmp_path, *_ports(**{name: port}))
        flag = f"--{name.replace('_', '-')}"
        _fails(second, 1, f"port {port}", flag, f"TASKMON_{name.upper()}", "stop the program")


def test_wrong_settings(tmp_path: Path) -> None:
    _fails(_serve(tmp_path, "--http-port", "http"), 2, "http_port", "'http'")
    twice = free_port()
    _fails(
        _serve(tmp_path, *_ports(http_port=twice, otlp_grpc_port=twice)),
        2,
        f"--otlp-grpc-port={twice}",
        "ClickHouse HTTP (--http-port)",
    )
    assert not (tmp_path / "other").exists()
    _fails(_serve(tmp_path, "--host", "192.0.2.1", *_ports()), 1, "192.0.2.1", "--host")
    (tmp_path / "file").write_text("")
    _fails(_serve(tmp_path, *_ports(), data_dir=tmp_path / "file"), 1, str(tmp_path / "file"), "--data-dir")


def test_a_directory_that_cannot_be_used_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    too_long = tmp_path / ("x" * 300)
    _fails(_serve(tmp_path, *_ports(), data_dir=too_long), 1, "cannot use the data directory", "--data-dir")
    cannot_say_where = tmp_path / "full"
    (cannot_say_where / "listening.json.new").mkdir(parents=True)
    _fails(
        _serve(tmp_path, *_ports(), data_dir=cannot_say_where),
        1,
        f"cannot use the data directory {cannot_say_where}",
        "Nothing that was acknowledged is lost",
    )


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "manage.py").write_text("")
    _fails(_serve(tmp_path, *_ports(), data_dir=project), 1, str(project), "manage.py", "--data-dir")
    assert [entry.name for entry in project.iterdir()] == ["manage.py"]


def test_a_start_that_was_cut_short_is_no_hindrance(tmp_path: Path) -> None:
    """All that stands in a data directory before the engine's first file, and what a new file system has."""
    with running_store(tmp_path) as store:
        data_dir = store.data_dir
    shutil.rmtree(data_dir / "engine")
    (data_dir / "lost+found").mkdir()
    again = start_store(data_dir, tmp_path / "again.log")
    with again.child:
        assert post(again.url, "SELECT count() FROM otel.celery_task_runs").data == b"0\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_five_seconds_whatever_runs(tmp_path: Path, number: int) -> None:
    with running_store(tmp_path) as store:
        connections = []
        for sql in (
            "SELECT number FROM system.numbers",
            "SELECT sum(sipHash64(number)) FROM numbers(100000000000)",
        ):
            connection = socket.create_connection(("127.0.0.1", store.http_port))
            head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sql)}\r\n\r\n{sql}"
            connection.sendall(head.encode())
            connections.append(connection)
        half_sent = socket.create_connection(("127.0.0.1", store.http_port))
        path = f"/?query=INSERT%20INTO%20otel.saved_views%20FORMAT%20TSV&user=admin&password={store.admin_password}"
        half_sent.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n".encode())
        connections.append(half_sent)
        count = "SELECT count() FROM system.processes"
        wait_until(lambda: int(post(store.url, count).data) >= 3, "statements to run", timeout=10)
        began = time.monotonic()
        store.child.signal(number)
        assert store.child.process.wait(10) == 0, store.child.output()
        assert time.monotonic() - began < 5
        for connection in connections:
            connection.close()
        assert "Traceback" not in store.child.output()
        assert "ERROR" not in store.child.output()


def test_a_client_that_does_not_read_is_cut_off_without_an_error(tmp_path: Path) -> None:
    with running_store(tmp_path) as store, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", store.http_port))
        sql = "SELECT number FROM system.numbers"
        connection.sendall(
            f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sql)}\r\n\r\n{sql}".encode()
        )
        read = "SELECT read_rows FROM system.processes WHERE query LIKE 'SELECT number FROM system.numbers%'"
        seen: list[bytes] = []

        def held_up() -> bool:
            seen.append(post(store.url, read).data)
            return len(seen) > 3 and seen[-1] not in (b"", b"0\n") and len(set(seen[-3:])) == 1

        wait_until(held_up, "the answer to be held up", timeout=20)
        began = time.monotonic()
        store.child.signal(signal.SIGTERM)
        assert store.child.process.wait(10) == 0, store.child.output()
        assert time.monotonic() - began < 5
        assert "Traceback" not in store.child.output()
        assert "ERROR" not in store.child.output()


def test_rows_and_passwords_outlive_a_stop_and_a_kill(tmp_path: Path) -> None:
    passwords = []
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        store = start_store(tmp_path / "data", tmp_path / "store.log")
        try:
            passwords.append(store.admin_password)
            headers = basic("admin", store.admin_password)
            # the same block once more would be taken for a repetition
            span = f"{len(passwords):016x}"
            sql = (
                f"INSERT INTO otel.otel_traces (Timestamp, TraceId, SpanId) VALUES (now(), 'kept', '{span}')"
            )
            assert post(store.url, sql, headers=headers).status == 200
            rows = post(store.url, "SELECT count() FROM otel.otel_traces WHERE TraceId = 'kept'").data
            assert int(rows) == len(passwords)
        finally:
            store.child.stop(number)
        (tmp_path / "store.log").write_text("")
    assert len(set(passwords)) == 1


def test_passwords_from_the_environment_are_not_written(tmp_path: Path) -> None:
    env = {"TASKMON_ADMIN_PASSWORD": "päss:word", "TASKMON_INGEST_PASSWORD": "other"}
    with running_store(tmp_path, env=env) as store:
        assert not list(store.data_dir.glob("*.password"))
        assert post(store.url, "SELECT 1", user="admin", password="päss:word").status == 200
        assert post(store.url, "SELECT 1", user="ingest", password="päss:word").status == 401
        assert "päss" not in store.child.output()
        assert store.data_dir.stat().st_mode & 0o777 == 0o700


def test_it_says_where_it_listens_only_once_it_does(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        said = store.child.output()
        for port in (store.http_port, store.otlp_http_port, store.otlp_grpc_port):
            assert f"http://127.0.0.1:{port}" in said
            with socket.create_connection(("127.0.0.1", port), timeout=2):
                pass
        assert said.rstrip().endswith(READY)


def test_the_engine_counts_the_memory_that_the_store_really_holds(tmp_path: Path) -> None:
    """Its own count drifts until it refuses statements for lack of memory that is free."""
    with running_store(tmp_path) as store:
        counted = "SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'"
        status = Path(f"/proc/{store.child.pid}/status")

        def share() -> float:
            (held,) = (line.split()[1] for line in status.read_text().splitlines() if "RssAnon" in line)
            return int(post(store.url, counted, user="admin", password=store.admin_password).data) / (
                int(held) * 1024
            )

        wait_until(
            lambda: 0.4 < share() < 1.3, "the engine's count to be near the store's memory", timeout=10
        )
