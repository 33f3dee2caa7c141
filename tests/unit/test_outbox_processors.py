"""What the SDK hands over is kept, and nothing of ours comes back to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext, TraceFlags

from otel_taskmon._safely import SoftTimeLimitExceeded, failures
from otel_taskmon.errors import SettingError
from otel_taskmon.outbox import Outbox, OutboxMetricExporter, OutboxSpanProcessor, Signal, list_folders
from tests.support.outbox_records import Telemetry, files_under

SAMPLED = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox.for_process(directory=tmp_path)


def records(root: Path) -> int:
    return sum(status.records for status in list_folders(root))


def test_what_ends_is_on_disk_before_anything_else_happens(box: Outbox, tmp_path: Path) -> None:
    telemetry = Telemetry(box)
    acts: list[Callable[[], None]] = [
        lambda: telemetry.spans(["s"]),
        lambda: telemetry.events(["e"]),
        lambda: telemetry.gauge("g", 1.0),
    ]
    for count, act in enumerate(acts, 1):
        act()
        assert records(tmp_path) == count


def test_nothing_is_made_before_there_is_something_to_keep(tmp_path: Path) -> None:
    box = Outbox.for_process(directory=tmp_path)
    box.start_shipping(lazily=True, in_forks=True)
    assert list(tmp_path.iterdir()) == []
    assert not box.stop(0.1)


def test_a_span_that_was_not_sampled_is_not_kept(box: Outbox, tmp_path: Path) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(OutboxSpanProcessor(box))
    provider.get_tracer("t").start_span("s").end()
    OutboxSpanProcessor(box).on_end(ReadableSpan("s", SpanContext(1, 2, is_remote=False)))
    assert files_under(tmp_path) == []


def test_a_span_that_nobody_can_encode_is_counted_and_raises_nothing(
    box: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    unreadable: Any = ReadableSpan("s", SAMPLED, start_time="yesterday")  # type: ignore[arg-type]
    before = failures().get("keeping a span", 0)
    with caplog.at_level(logging.WARNING):
        OutboxSpanProcessor(box).on_end(unreadable)
    assert failures()["keeping a span"] == before + 1
    assert box.lost() == {"traces": 1, "logs": 0, "metrics": 0}


def test_metrics_that_nobody_can_encode_are_a_failed_export(box: Outbox) -> None:
    unreadable: Any = MetricsData("no metrics")  # type: ignore[arg-type]
    assert OutboxMetricExporter(box).export(unreadable) is MetricExportResult.FAILURE


def test_a_soft_time_limit_that_strikes_in_our_code_costs_no_span(
    box: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck: list[bool] = []
    original = box.append

    def strike_once(signal: Signal, source: bytes, body: bytes) -> bool:
        if not struck:
            struck.append(True)
            raise SoftTimeLimitExceeded
        return original(signal, source, body)

    monkeypatch.setattr(box, "append", strike_once)
    OutboxSpanProcessor(box).on_end(ReadableSpan("s", SAMPLED, start_time=1, end_time=2))
    assert records(tmp_path) == 1


def test_flushing_and_shutting_a_provider_down_sends_nothing_and_takes_no_time(
    box: Outbox, tmp_path: Path
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(OutboxSpanProcessor(box))
    provider.get_tracer("t").start_span("s").end()
    assert provider.force_flush()
    provider.shutdown()
    assert records(tmp_path) == 1


def test_a_wrong_protocol_fails_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")
    with pytest.raises(SettingError, match="carrier-pigeon"):
        Outbox.for_process(directory=tmp_path)


def test_no_folder_at_all_is_memory_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    box = Outbox.for_process(directory=tmp_path / "file" / "below")
    Telemetry(box).spans(["s"])
    assert "memory only" in caplog.text
    assert box.lost()["traces"] == 0
    assert not box.stop(0.1)
