"""The last try at a process's end: its time is for the signals that have something to send."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_taskmon.outbox import Outbox, Signal
from tests.support.outbox_records import Telemetry
from tests.support.outbox_sink import OK, HttpSink, Reply, Request

pytestmark = pytest.mark.integration

DEADLINE_S = 1.5
SLOW_S = 0.9
"""Of an answer: more than a third of the deadline and more than half of it, less than all."""


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpSink]:
    found = HttpSink()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
    with found:
        yield found


@pytest.fixture
def box(tmp_path: Path, sink: HttpSink) -> Outbox:
    """It ships at its end only."""
    outbox = Outbox.for_process(directory=tmp_path / "outbox", every_s=60)
    outbox.start_shipping(at_exit_s=None)
    return outbox


def slowly(request: Request) -> Reply:
    threading.Event().wait(SLOW_S)
    return OK


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS])
def test_a_signal_that_waits_alone_has_all_of_the_time(sink: HttpSink, box: Outbox, signal: Signal) -> None:
    sink.reply = slowly
    telemetry = Telemetry(box)
    (telemetry.spans if signal is Signal.TRACES else telemetry.events)(["a"])
    assert box.stop(DEADLINE_S)
    assert sink.names(signal) == Counter(["a"])


def test_what_waits_in_memory_counts_too(sink: HttpSink, tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("no folder")
    sink.reply = slowly
    outbox = Outbox.for_process(directory=folder, every_s=60)
    outbox.start_shipping(at_exit_s=None)
    Telemetry(outbox).events(["e"])
    assert outbox.stop(DEADLINE_S)
    assert sink.names(Signal.LOGS) == Counter(["e"])


def test_a_signal_that_hangs_leaves_its_part_to_each_other_that_waits(sink: HttpSink, box: Outbox) -> None:
    let_go = threading.Event()

    def hang_for_traces(request: Request) -> Reply:
        if request.signal is Signal.TRACES:
            let_go.wait(10)
        return OK

    sink.reply = hang_for_traces
    telemetry = Telemetry(box)
    telemetry.spans(["a"])
    telemetry.events(["e"])
    telemetry.gauge("g", 1.0)
    try:
        assert not box.stop(DEADLINE_S)
        assert sink.names(Signal.LOGS) == Counter(["e"])
        assert sink.names(Signal.METRICS) == Counter(["g"])
    finally:
        let_go.set()
