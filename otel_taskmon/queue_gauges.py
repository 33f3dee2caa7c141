"""Gauges of our own as records of the outbox, with exactly the time that they were read at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_taskmon import semconv
from otel_taskmon._version import __version__
from otel_taskmon.process_outbox import ProcessOutbox

if TYPE_CHECKING:
    from otel_taskmon.outbox.source import Sources

_UNITS = {
    semconv.QUEUE_DEPTH: "{message}",
    semconv.QUEUE_UNACKED: "{message}",
    semconv.QUEUE_CONSUMERS: "{consumer}",
    semconv.QUEUE_OLDEST_AT: "ns",
}


class Gauges:
    """``resource`` is asked at the first one."""

    def __init__(self, outbox: ProcessOutbox, resource: Callable[[], Resource]) -> None:
        self._outbox, self._resource = outbox, resource
        self._scope = InstrumentationScope("otel_taskmon", __version__)
        self._known: tuple[Resource, Sources] | None = None

    def emit(self, name: str, value: int, attributes: Mapping[str, str], time_ns: int) -> None:
        """Keep one value; all values of one moment have the same ``time_ns``."""
        from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
        from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

        from otel_taskmon.outbox import Signal
        from otel_taskmon.outbox.source import Sources

        if self._known is None:
            self._known = (self._resource(), Sources())
        resource, sources = self._known
        metric = Metric(name=name, unit=_UNITS.get(name, ""))
        metric.gauge.data_points.add(
            time_unix_nano=time_ns,
            as_int=value,
            attributes=[
                KeyValue(key=key, value=AnyValue(string_value=text)) for key, text in attributes.items()
            ],
        )
        self._outbox.ready().append(
            Signal.METRICS, sources.packed(resource, self._scope), metric.SerializeToString()
        )
