"""The metric that tells what was dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.sdk.resources import Resource

from otel_taskmon import dropped, semconv
from otel_taskmon.boot import Boot
from otel_taskmon.outbox import Outbox, Signal
from otel_taskmon.outbox.data_file import DataFile, signal_of
from tests.support.outbox_records import files_under


def told(root: Path) -> list[dict[tuple[str, str], int]]:
    """The totals of each record, in order."""
    found = []
    for path in files_under(root):
        for record in DataFile.at(path).stretch(0).records:
            if signal_of(record) == Signal.METRICS:
                metric = Metric.FromString(record.body)
                assert (metric.name, metric.unit, metric.sum.is_monotonic) == (
                    semconv.DROPPED,
                    "{record}",
                    True,
                )
                assert (
                    metric.sum.aggregation_temporality
                    == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
                )
                totals = {}
                for point in metric.sum.data_points:
                    said = {a.key: a.value.string_value for a in point.attributes}
                    assert (said[semconv.WORKER], said[semconv.BOOT_ID]) == ("celery@tests", "ab12")
                    assert 0 < point.start_time_unix_nano <= point.time_unix_nano
                    totals[said[semconv.SIGNAL], said[semconv.REASON]] = point.as_int
                found.append(totals)
    return found


def test_only_after_a_loss_and_only_when_it_grew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Outbox.for_process(directory=tmp_path, boot="ab12")
    teller = dropped.Dropped(Boot(worker="celery@tests"), Resource.get_empty)
    teller.tell(box)
    assert told(tmp_path) == []
    box.lose(Signal.TRACES)
    teller.tell(box)
    teller.tell(box)
    assert told(tmp_path) == [{("traces", "overflow"): 1}]
    box.lose(Signal.LOGS)
    teller.tell(box)
    assert len(told(tmp_path)) == 1, "not more often than every ten seconds"
    teller.tell(box, last=True)
    assert told(tmp_path)[1:] == [{("traces", "overflow"): 1, ("logs", "overflow"): 1}]
    monkeypatch.setattr(dropped, "AT_MOST_EVERY_S", 0.0)
    monkeypatch.setattr(teller, "_not_before", 0.0)
    box.lose(Signal.LOGS)
    teller.tell(box)
    assert told(tmp_path)[2:] == [{("traces", "overflow"): 1, ("logs", "overflow"): 2}]


def test_a_loss_is_told_where_there_is_no_room_for_more(tmp_path: Path) -> None:
    box = Outbox.for_process(directory=tmp_path, boot="ab12", max_bytes=1)
    teller = dropped.Dropped(Boot(worker="celery@tests"), Resource.get_empty)
    assert not box.append(Signal.TRACES, b"source", b"x" * 10)
    teller.tell(box)
    assert told(tmp_path) == [{("traces", "overflow"): 1}]


def test_what_could_not_be_told_is_told_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Outbox.for_process(directory=tmp_path, boot="ab12")
    teller = dropped.Dropped(Boot(worker="celery@tests"), Resource.get_empty)
    box.lose(Signal.TRACES)
    with monkeypatch.context() as patched:
        patched.setattr("otel_taskmon.outbox.writer.MAX_RECORD_BYTES", 1)
        teller.tell(box)
    assert told(tmp_path) == []
    assert box.lost()["metrics"] == 1
    teller.tell(box, last=True)
    assert told(tmp_path) == [{("traces", "overflow"): 1, ("metrics", "overflow"): 1}]
