"""The outbox of a process: when it is made, who ships, and how long the end may take."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from otel_taskmon.outbox import list_folders
from otel_taskmon.process_outbox import ProcessOutbox
from otel_taskmon.settings import Settings
from tests.support.outbox_records import Telemetry, numbered
from tests.support.outbox_sink import OK, HttpSink, Reply, Request
from tests.support.waiting import wait_until


def of(folder: Path, flush_timeout_s: float = 5.0) -> ProcessOutbox:
    return ProcessOutbox(
        Settings.from_environment(
            {}, outbox_dir=folder, export_interval_ms=20, flush_timeout_s=flush_timeout_s
        )
    )


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> HttpSink:
    sink = HttpSink()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    return sink


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    box = of(tmp_path / "outbox")
    box.stop()
    box.worker_ends()
    assert not (tmp_path / "outbox").exists()


def test_a_worker_names_the_folder_by_its_boot_and_lets_forked_processes_only_write(
    tmp_path: Path, sink: HttpSink
) -> None:
    with sink:
        box = of(tmp_path)
        box.ship_from_here("ab12")
        telemetry = Telemetry(box.ready())
        telemetry.spans(["main"])
        wait_until(lambda: sink.names()["run"] or sink.names()["main"], "the first span")
        child = os.fork()
        if child == 0:
            telemetry.spans(["pool"])
            box.stop()
            only_one_thread = threading.active_count() == 1 and box.ready()._shipping is None
            os._exit(0 if only_one_thread else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        wait_until(lambda: sink.names()["pool"], "what the forked process wrote")
        assert [folder.boot for folder in list_folders(tmp_path)] in (["ab12"], [])
        box.stop()


def test_a_process_that_was_a_worker_goes_on_as_a_publisher(tmp_path: Path, sink: HttpSink) -> None:
    with sink:
        box = of(tmp_path)
        box.ship_from_here("ab12")
        telemetry = Telemetry(box.ready())
        telemetry.spans(["worker"])
        box.worker_ends()
        assert sink.names() == {"worker": 1}
        telemetry.spans(["publisher"])
        wait_until(lambda: sink.names()["publisher"], "the later span")
        # it is counted when its answer has been read, after the sink has seen it
        wait_until(lambda: box.ready().shipped()["traces"] == 2, "the counts to go on")
        box.stop()


def test_all_ends_of_one_process_together_take_no_longer_than_said(tmp_path: Path, sink: HttpSink) -> None:
    released = threading.Event()

    def hang(_: Request) -> Reply:
        released.wait(30)
        return OK

    sink.reply = hang
    with sink:
        box = of(tmp_path, 2.0)
        box.ship_from_here("ab12")
        telemetry = Telemetry(box.ready())
        telemetry.spans(numbered("s", 3))
        telemetry.events(["e"])
        telemetry.gauge("g", 1.0)
        began = time.monotonic()
        box.worker_ends()
        assert 1.8 < time.monotonic() - began < 6
        telemetry.spans(["late"])
        began = time.monotonic()
        box.stop()
        assert time.monotonic() - began < 1.5
        released.set()
    assert sum(folder.records for folder in list_folders(tmp_path)) >= 1
