"""Workers whose disk takes nothing: what pool processes finish goes through the main process, and arrives once."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from otel_taskmon import semconv
from otel_taskmon.demo.broker import Broker
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Child
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, start_worker, worker_environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUN_20 = "rs = [add.delay(n, 1) for n in range(20)]\n[r.get(20) for r in rs]\nanswer([r.id for r in rs])"


def once(ids: list[str]) -> Counter[str]:
    return Counter(ids)


def run_ids(sink: OtlpSink) -> Counter[str]:
    return Counter(run.task_id for run in sink.runs())


def all_ended(worker: Child, count: int) -> None:
    wait_until(lambda: worker.output().count("succeeded in") == count, "all ends", context=worker.output)


@pytest.fixture
def no_folder(tmp_path: Path) -> Path:
    """Where no folder can be made, whoever asks: a file is there."""
    path = tmp_path / "taken"
    path.touch()
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    path = tmp_path / "small"
    path.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", str(path)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no mounting here: {mounted.stderr!r}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path) -> Path:
    """The file that now takes all its room."""
    path = disk / "everything"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:  # full, which is what is wanted
            return path


def test_without_a_folder_all_arrives_also_of_killed_processes(
    broker: Broker, tmp_path: Path, no_folder: Path
) -> None:
    """And after a while without a collector."""
    up = False

    with OtlpSink(answer=lambda: 200 if up else 503) as sink:
        environment = worker_environment(own_database(broker), sink.url, TASKMON_OUTBOX_DIR=str(no_folder))
        with start_worker(tmp_path, environment, concurrency=2) as worker:
            ids = run_publisher(tmp_path, {**environment, "TASKMON_ENABLED": "false"}, RUN_20)
            all_ended(worker, 20)
            for pool in psutil.Process(worker.pid).children():
                pool.send_signal(signal.SIGKILL)
            wait_until(lambda: "exited with 'signal 9" in worker.output(), "an end", context=worker.output)
            sink.received.clear()
            up = True
            more = run_publisher(tmp_path, {**environment, "TASKMON_ENABLED": "false"}, RUN_20)
            all_ended(worker, 40)
            assert worker.stop() == 0
        assert run_ids(sink) == once(ids + more), worker.output()
        started = Counter(event.task_id for event in sink.events(semconv.EVENT_STARTED))
        assert started == once(ids + more)
        assert "no folder for the outbox can be written" in worker.output()


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_processes_that_run_one_task_each_leave_it_behind(
    broker: Broker, tmp_path: Path, no_folder: Path, protocol: str
) -> None:
    from tests.support.outbox_sink import GrpcSink, HttpSink

    with HttpSink() if protocol != "grpc" else GrpcSink() as sink:
        environment = worker_environment(
            own_database(broker),
            sink.url,
            TASKMON_OUTBOX_DIR=str(no_folder),
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        )
        with start_worker(
            tmp_path, environment, concurrency=2, more=["--max-tasks-per-child", "1"]
        ) as worker:
            run_publisher(tmp_path, {**environment, "TASKMON_ENABLED": "false"}, RUN_20)
            all_ended(worker, 20)
            assert worker.stop() == 0
        assert sink.names()["run/shop.tasks.add"] == 20, worker.output()


def test_a_disk_that_fills_and_is_free_again_loses_and_doubles_nothing(
    broker: Broker, tmp_path: Path, small_disk: Path
) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(own_database(broker), sink.url, TASKMON_OUTBOX_DIR=str(small_disk))
        silent = {**environment, "TASKMON_ENABLED": "false"}
        with start_worker(tmp_path, environment, concurrency=2) as worker:
            ids: list[str] = run_publisher(tmp_path, silent, RUN_20)
            everything = fill(small_disk)
            # the room that the files of the pool processes had left of their last block is soon used up
            for _ in range(2):
                ids += run_publisher(tmp_path, silent, RUN_20)
            wait_until(lambda: once(ids) == run_ids(sink), "the runs on a full disk", context=worker.output)
            everything.unlink()
            ids += run_publisher(tmp_path, silent, RUN_20)
            all_ended(worker, len(ids))
            assert worker.stop() == 0
        assert run_ids(sink) == once(ids), worker.output()
        assert "cannot be written" in worker.output()
