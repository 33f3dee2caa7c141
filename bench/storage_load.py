"""Recorded tasks of a real worker, and as many copies of them as wanted, each like a task of its own.

A copy of what ``bench.storage_recording`` recorded gets ids, numbers (five digits and more in payloads and exception
texts), times and durations of its own, because a store packs what repeats; names, keys and the shape of all texts stay.
Tasks of one root are copied together, so lineage stays too.
"""

from __future__ import annotations

import random
import re
import time
import uuid
from collections.abc import Iterable, Iterator, MutableSequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.storage_recording import Recording, Unit
from otel_taskmon import semconv

TASKS_PER_SECOND = 10
"""864 000 a day."""
WORKERS = 4
TASKS_PER_REQUEST = 25
"""What a worker with 50 tasks a second ships each half second."""
BEAT_NS = 10 * 10**9
DAY_NS = 86_400 * 10**9

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_HEX_ID = re.compile(r"[0-9a-f]{32}")
_LONG_NUMBER = re.compile(r"\d{5,}")
_DRAWN = frozenset(
    {
        *(semconv.ARGS, semconv.KWARGS, semconv.RESULT, semconv.REASON),
        *("exception.message", "exception.stacktrace"),
    }
)
_KEPT = frozenset({semconv.WORKER, semconv.BOOT_ID, "celery.reply_to"})


class Copier:
    """One copy of a unit: everything that identifies it or measures it is drawn anew, the same way throughout."""

    def __init__(self, unit: Unit, began_ns: int, draw: random.Random) -> None:
        self._unit = unit
        self._began_ns = began_ns
        self._draw = draw
        self._stretch = draw.uniform(0.5, 2.0)
        self._ids: dict[str, str] = {}
        self._bytes: dict[bytes, bytes] = {}
        self._numbers: dict[str, str] = {}
        self.worker = draw.randrange(WORKERS)

    def spans(self) -> Iterator[tuple[Resource, Span]]:
        for resource, original in self._unit.spans:
            span = Span()
            span.CopyFrom(original)
            span.trace_id, span.span_id = self._id(span.trace_id), self._id(span.span_id)
            span.parent_span_id = self._id(span.parent_span_id)
            span.start_time_unix_nano = self._time(span.start_time_unix_nano)
            span.end_time_unix_nano = self._time(span.end_time_unix_nano)
            span.status.message = self._text(span.status.message)
            self._attributes(span.attributes)
            for event in span.events:
                event.time_unix_nano = self._time(event.time_unix_nano)
                self._attributes(event.attributes)
            yield resource, span

    def records(self) -> Iterator[tuple[Resource, LogRecord]]:
        for resource, original in self._unit.records:
            entry = LogRecord()
            entry.CopyFrom(original)
            entry.trace_id, entry.span_id = self._id(entry.trace_id), self._id(entry.span_id)
            entry.time_unix_nano = self._time(entry.time_unix_nano)
            if entry.observed_time_unix_nano:
                entry.observed_time_unix_nano = self._time(entry.observed_time_unix_nano)
            self._attributes(entry.attributes)
            yield resource, entry

    def _attributes(self, pairs: Iterable[KeyValue]) -> None:
        for pair in pairs:
            value = pair.value
            if pair.key == semconv.WORKER:
                value.string_value = f"shop@host-{self.worker}"
            elif pair.key == semconv.BOOT_ID:
                value.string_value = f"{self.worker:032x}"
            elif pair.key in _DRAWN:
                value.string_value = self._text(value.string_value)
            elif value.HasField("int_value") and value.int_value > 10**18:
                value.int_value = self._time(value.int_value)
            elif value.HasField("string_value") and pair.key not in _KEPT:
                text = value.string_value
                if _UUID.fullmatch(text):
                    value.string_value = self._ids.setdefault(text, str(self._uuid()))
                elif _HEX_ID.fullmatch(text):
                    value.string_value = self._ids.setdefault(text, self._uuid().hex)

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._draw.getrandbits(128), version=4)

    def _id(self, given: bytes) -> bytes:
        return self._bytes.setdefault(given, self._draw.randbytes(len(given))) if given else given

    def _time(self, then_ns: int) -> int:
        return self._began_ns + int((then_ns - self._unit.began_ns) * self._stretch)

    def _text(self, text: str) -> str:
        return _LONG_NUMBER.sub(lambda found: self._number(found[0]), text)

    def _number(self, digits: str) -> str:
        if digits not in self._numbers:
            low = 10 ** (len(digits) - 1)
            self._numbers[digits] = str(self._draw.randrange(low, 10 * low))
        return self._numbers[digits]


def requests(recording: Recording, tasks: int, *, seed: int = 6) -> Iterator[tuple[str, bytes, int]]:
    """(path, body, tasks in it): ``tasks`` tasks in the order of time, as workers ship them.

    They ended just now, or before the last midnight (UTC) where one would come between them: a day is a part.
    """
    draw = random.Random(seed)
    length_ns = tasks * 10**9 // TASKS_PER_SECOND
    since_midnight_ns = time.time_ns() % DAY_NS
    ended_ns = time.time_ns() - (since_midnight_ns + 60 * 10**9 if since_midnight_ns < length_ns else 0)
    now_ns = ended_ns - length_ns
    next_beat_ns = now_ns
    made = 0
    while made < tasks:
        traces, logs, count = ExportTraceServiceRequest(), ExportLogsServiceRequest(), 0
        worker = draw.randrange(WORKERS)
        while count < TASKS_PER_REQUEST:
            unit = draw.choice(recording.units)
            now_ns += int(draw.expovariate(TASKS_PER_SECOND) * unit.tasks * 1e9)
            copier = Copier(unit, now_ns, draw)
            copier.worker = worker
            for resource, span in copier.spans():
                _spans_of(traces, resource).append(span)
            for resource, entry in copier.records():
                _records_of(logs, resource).append(entry)
            count += unit.tasks
        made += count
        yield "/v1/traces", traces.SerializeToString(), count
        yield "/v1/logs", logs.SerializeToString(), 0
        while next_beat_ns < now_ns:
            yield "/v1/logs", _beats(recording, next_beat_ns, draw), 0
            yield "/v1/metrics", _gauges(recording, next_beat_ns, draw), 0
            next_beat_ns += BEAT_NS


def _spans_of(request: ExportTraceServiceRequest, resource: Resource) -> MutableSequence[Span]:
    for each in request.resource_spans:
        if each.resource == resource:
            return each.scope_spans[0].spans
    of_resource = request.resource_spans.add()
    of_resource.resource.CopyFrom(resource)
    of_resource.scope_spans.add().scope.name = semconv.INSTRUMENTATION_SCOPE
    return of_resource.scope_spans[0].spans


def _records_of(request: ExportLogsServiceRequest, resource: Resource) -> MutableSequence[LogRecord]:
    for each in request.resource_logs:
        if each.resource == resource:
            return each.scope_logs[0].log_records
    of_resource = request.resource_logs.add()
    of_resource.resource.CopyFrom(resource)
    of_resource.scope_logs.add().scope.name = "otel_taskmon"
    return of_resource.scope_logs[0].log_records


def _beats(recording: Recording, at_ns: int, draw: random.Random) -> bytes:
    """A heartbeat of each worker, with two executions running and eight held."""
    resource, original = recording.beat
    request = ExportLogsServiceRequest()
    for worker in range(WORKERS):
        entry = LogRecord()
        entry.CopyFrom(original)
        entry.time_unix_nano = at_ns + worker * 10**6 + draw.randrange(10**6)
        entry.observed_time_unix_nano = entry.time_unix_nano
        told: dict[str, str | int] = {
            semconv.WORKER: f"shop@host-{worker}",
            semconv.BOOT_ID: f"{worker:032x}",
            "taskmon.worker.running": ",".join(draw.randbytes(16).hex() for _ in range(2)),
            "taskmon.worker.running_count": 2,
            "taskmon.worker.held": ",".join(draw.randbytes(16).hex() for _ in range(8)),
            "taskmon.worker.held_count": 8,
        }
        for pair in entry.attributes:
            value = told.get(pair.key)
            if isinstance(value, str):
                pair.value.string_value = value
            elif value is not None:
                pair.value.int_value = value
        _records_of(request, resource).append(entry)
    return request.SerializeToString()


def _gauges(recording: Recording, at_ns: int, draw: random.Random) -> bytes:
    request = ExportMetricsServiceRequest()
    request.CopyFrom(recording.gauges)
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                for point in metric.gauge.data_points:
                    point.time_unix_nano = at_ns
                    if point.as_int < 10**9:
                        point.as_int = int(draw.expovariate(0.1))
    return request.SerializeToString()
