"""What one round of the shipper sends: all that was there when it read, and not what comes while it sends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_taskmon.outbox import Outbox, Signal
from otel_taskmon.outbox.limits import MAX_REQUEST_RECORDS
from otel_taskmon.outbox.shipper import Shipper
from otel_taskmon.outbox.transport import connect
from tests.support.outbox_records import Telemetry, numbered
from tests.support.outbox_sink import OK, HttpSink, Reply, Request

pytestmark = pytest.mark.integration


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpSink]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    made = HttpSink()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    with made:
        yield made


def shipper_of(root: Path | None, box: Outbox) -> Shipper:
    """Without the thread that would run it."""
    shipper = Shipper(root, box._folder, boot=box.boot, connect=connect, space=None, writer=box._writer)
    shipper.hold_own()
    return shipper


def replying_with_more(box: Outbox, sink: HttpSink) -> None:
    """While each request is on its way, the process finishes another span."""
    telemetry, came = Telemetry(box), iter(numbered("meanwhile", 1_000))

    def reply(_: Request) -> Reply:
        telemetry.spans([next(came)])
        return OK

    sink.reply = reply


def test_what_comes_while_a_round_sends_waits_for_the_next(sink: HttpSink, tmp_path: Path) -> None:
    """Else a busy worker's shipper never rests: a request for every few records."""
    box = Outbox.for_process(directory=tmp_path / "outbox")
    shipper = shipper_of(tmp_path / "outbox", box)
    replying_with_more(box, sink)
    Telemetry(box).spans(numbered("before", 5))
    assert not shipper.round()
    assert [request.names for request, _ in sink.requests] == [numbered("before", 5)]
    assert not shipper.round()
    assert [request.names for request, _ in sink.requests[1:]] == [["meanwhile-0"]]
    shipper.close()


def test_so_it_is_where_there_is_no_disk(sink: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otel_taskmon.outbox.outbox.find_root", lambda _given: None)
    box = Outbox.for_process()
    shipper = shipper_of(None, box)
    replying_with_more(box, sink)
    Telemetry(box).spans(numbered("before", 5))
    assert not shipper.round()
    assert [request.names for request, _ in sink.requests] == [numbered("before", 5)]
    shipper.close()


def test_what_was_there_goes_in_one_round_however_many_requests_it_takes(
    sink: HttpSink, tmp_path: Path
) -> None:
    box = Outbox.for_process(directory=tmp_path / "outbox")
    shipper = shipper_of(tmp_path / "outbox", box)
    Telemetry(box).spans(numbered("n", 2 * MAX_REQUEST_RECORDS + 1))
    Telemetry(box).events(["e"])
    shipper.round()
    assert [len(request.names) for request, _ in sink.requests] == [
        MAX_REQUEST_RECORDS,
        MAX_REQUEST_RECORDS,
        1,
        1,
    ]
    assert sum(sink.names(Signal.TRACES).values()) == 2 * MAX_REQUEST_RECORDS + 1
    shipper.close()


def test_the_last_round_takes_what_came_meanwhile_too(sink: HttpSink, tmp_path: Path) -> None:
    box = Outbox.for_process(directory=tmp_path / "outbox")
    shipper = shipper_of(tmp_path / "outbox", box)
    Telemetry(box).spans(["before"])
    late = iter(["late"])

    def reply(_: Request) -> Reply:
        Telemetry(box).spans(late)
        return OK

    sink.reply = reply
    assert not shipper.round(float("inf"))
    assert sink.names(Signal.TRACES) == {"before": 1, "late": 1}
    shipper.close()
