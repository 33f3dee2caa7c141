"""What could not be recorded is itself told: the metric ``taskmon.dropped``, by the way that the records went.

A running total per boot, signal and reason, told when it has changed (so only after a loss); the thread that ships
asks for it before each round, and every ten seconds at most.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_taskmon import semconv
from otel_taskmon._version import __version__
from otel_taskmon.boot import Boot

if TYPE_CHECKING:
    from otel_taskmon.outbox import Outbox

AT_MOST_EVERY_S: Final = 10.0
OVERFLOW, REFUSED = "overflow", "refused"
_DESCRIPTION: Final = "Telemetry that was not kept or not taken, since this process began to ship"

Counts = dict[tuple[str, str], int]
"""By (signal, reason)."""


class Dropped:
    """Of this process; ``resource`` is asked when there is something to tell."""

    def __init__(self, boot: Boot, resource: Callable[[], Resource]) -> None:
        self._boot, self._resource = boot, resource
        self._process = 0

    def tell(self, outbox: Outbox, last: bool = False) -> None:
        """Append the totals to ``outbox`` if they are others than those last told; ``last``: now or never."""
        if self._process != os.getpid():
            self._process, self._since_ns = os.getpid(), time.time_ns()
            self._told: Counts = {}
            self._not_before = 0.0
        counts = {
            (signal, reason): count
            for reason, found in ((OVERFLOW, outbox.lost()), (REFUSED, outbox.rejected()))
            for signal, count in found.items()
            if count
        }
        if counts == self._told or (time.monotonic() < self._not_before and not last):
            return
        self._not_before = time.monotonic() + AT_MOST_EVERY_S
        if self._append(outbox, counts):
            self._told = counts

    def _append(self, outbox: Outbox, counts: Counts) -> bool:
        from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
        from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

        from otel_taskmon.outbox import Signal
        from otel_taskmon.outbox.source import Sources

        metric = Metric(name=semconv.DROPPED, description=_DESCRIPTION, unit="{record}")
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        now = time.time_ns()
        for (signal, reason), count in sorted(counts.items()):
            said = {
                semconv.SIGNAL: signal,
                semconv.REASON: reason,
                semconv.WORKER: self._boot.worker,
                semconv.BOOT_ID: outbox.boot,
            }
            metric.sum.data_points.add(
                start_time_unix_nano=self._since_ns,
                time_unix_nano=now,
                as_int=count,
                attributes=[
                    KeyValue(key=key, value=AnyValue(string_value=text)) for key, text in said.items() if text
                ],
            )
        source = Sources().packed(self._resource(), InstrumentationScope("otel_taskmon", __version__))
        # where there is no room for what is lost there would be none for the word of it, and this process may end
        return outbox.append(Signal.METRICS, source, metric.SerializeToString(), over_bound=True)
