"""Histories as OTLP requests: the spans and log records that a publisher and a worker of ours send.

The keys are those of real workers' records; ``test_histories_shapes`` compares the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO, LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_taskmon import semconv
from tests.support.histories import (
    GONE_BEAT_S,
    LIVE_BEAT_S,
    End,
    Execution,
    History,
    Publish,
    TaskEvent,
    Told,
    WorkerEvent,
)
from tests.support.otlp_requests import attribute

Attributes = dict[str, str | int | bool]
Record = Span | LogRecord
TASK_NAME = "shop.tasks.do"
SCOPE_OF_EVENTS = "otel_taskmon"


def digest(*parts: object) -> str:
    """32 hex digits."""
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Telling:
    """One history told of a task of its own: ``task_id``, first published at ``first_ns`` (since the epoch)."""

    history: History
    task_id: str
    first_ns: int

    def records(self) -> list[Record]:
        """In the order of the history."""
        return [self._record(number, told) for number, told in enumerate(self.history.told)]

    def runs(self) -> set[tuple[str, str]]:
        """Task id and execution id of every row that it makes in ``celery_task_runs``."""
        ends = (one for one in self.history.told if isinstance(one, End) and not one.torn)
        return {(self.task_id, self._execution_id(end.of.name)) for end in ends}

    def _record(self, number: int, told: Told) -> Record:
        match told:
            case Publish():
                return self._publish(number, told)
            case End():
                return self._end(number, told)
            case TaskEvent():
                return self._task_event(told)
            case WorkerEvent():
                return self._worker_event(told)

    def _ns(self, seconds: float, worker: str = "") -> int:
        """By the clock of the worker's node, or of the publisher."""
        ahead = self.history.clocks.get(worker[:1], 0) if worker else 0
        return self.first_ns + round((seconds + ahead) * 1e9)

    def boot_id(self, life: str) -> str:
        """Of a worker's life, by its short name."""
        return digest(self.task_id, "boot", "" if self.history.shared_boot else life)

    def _execution_id(self, name: str) -> str:
        return digest(self.task_id, "execution", name)

    # ---- what all of them say ------------------------------------------------------------------------------
    def _task(self, retries: int, operation: str) -> Attributes:
        return {
            semconv.MESSAGING_MESSAGE_ID: self.task_id,
            semconv.CELERY_TASK_NAME: TASK_NAME,
            semconv.APP: "shop",
            semconv.HOST: "one",
            semconv.RETRIES: retries,
            semconv.ROOT_ID: self.task_id,
            semconv.MESSAGING_SYSTEM: "redis",
            semconv.MESSAGING_DESTINATION_NAME: "shop",
            semconv.MESSAGING_OPERATION_TYPE: "process" if operation == semconv.ACTION_RUN else "send",
            semconv.MESSAGING_OPERATION_NAME: operation,
            semconv.QUEUE: "shop",
            semconv.ROUTING_KEY: "shop",
        }

    def _execution(self, of: Execution) -> Attributes:
        received = self._ns(of.received, of.worker)
        said = self._task(of.retries, semconv.ACTION_RUN) | {
            semconv.IS_EAGER: False,
            semconv.WORKER: f"{of.worker[:1]}@shop",
            semconv.BOOT_ID: self.boot_id(of.worker),
            semconv.EXECUTION_ID: self._execution_id(of.name),
            semconv.PRIORITY: 0,
            semconv.REDELIVERED: of.redelivered,
            semconv.FIRST_PUBLISHED_AT: self.first_ns if self.history.stamped else received,
            semconv.RECEIVED_AT: received,
        }
        if self.history.stamped:
            said[semconv.PUBLISHED_AT] = self._ns(self._published_at(of.retries))
        return said | self._limits(of.eta, of.expires)

    def _published_at(self, retries: int) -> float:
        told = [one for one in self.history.told if isinstance(one, Publish) and one.retries == retries]
        return told[-1].at if told else 0

    def _limits(self, eta: float | None, expires: float | None) -> Attributes:
        limits = ((semconv.ETA, eta), (semconv.EXPIRES, expires))
        return {key: self._ns(value) for key, value in limits if value is not None}

    # ---- records -------------------------------------------------------------------------------------------
    def _span(self, number: int, name: str, begins: int, ends: int, attributes: Attributes) -> Span:
        kind = Span.SPAN_KIND_PRODUCER if name == semconv.ACTION_PUBLISH else Span.SPAN_KIND_CONSUMER
        return Span(
            trace_id=bytes.fromhex(digest(self.task_id, "trace")),
            span_id=bytes.fromhex(digest(self.task_id, "span", number)[:16]),
            name=f"{name}/{TASK_NAME}",
            kind=kind,
            start_time_unix_nano=begins,
            end_time_unix_nano=ends,
            attributes=_pairs(attributes),
        )

    def _publish(self, number: int, told: Publish) -> Span:
        at = self._ns(told.at)
        attributes = self._task(told.retries, semconv.ACTION_PUBLISH) | {
            semconv.CELERY_ACTION: semconv.ACTION_PUBLISH,
            "messaging.destination_kind": "queue",
            "messaging.destination": "shop",
            semconv.ARGS: "[1]",
            semconv.KWARGS: "{}",
            semconv.FIRST_PUBLISHED_AT: self.first_ns,
            semconv.PUBLISHED_AT: at,
        }
        attributes |= self._limits(told.eta, told.expires)
        span = self._span(number, semconv.ACTION_PUBLISH, at, at + 1_000_000, attributes)
        if told.error:
            _fail(span, told.error, is_error=True)
        return span

    def _end(self, number: int, told: End) -> Span:
        worker = told.of.worker
        ends = self._ns(told.ended, worker)
        begins = ends if told.started is None else self._ns(told.started, worker)
        attributes = self._execution(told.of) | {
            semconv.CELERY_ACTION: semconv.ACTION_RUN,
            semconv.REPORTER: "main" if told.main else "pool",
            semconv.ARGS: "[1]",
            semconv.KWARGS: "{}",
        }
        if told.state:
            attributes[semconv.CELERY_STATE] = told.state
        if told.started is not None:
            attributes |= {semconv.STARTED_AT: begins, semconv.PID: 7}
        if told.reason:
            attributes[semconv.REASON] = told.reason
        if told.state == "SUCCESS":
            attributes[semconv.RESULT] = "null"
        if told.torn:
            attributes[semconv.TORN] = True
        if not told.main:
            attributes |= {
                "messaging.conversation_id": self.task_id,
                "messaging.destination": "shop",
                "celery.delivery_info": f"{{'priority': 0, 'redelivered': {told.of.redelivered}}}",
                "celery.reply_to": digest("reply"),
                "celery.hostname": "gen7@publisher",
            }
            attributes |= {
                f"celery.{key}": datetime.fromtimestamp(self._ns(value) / 1e9, UTC).isoformat()
                for key, value in (("eta", told.of.eta), ("expires", told.of.expires))
                if value is not None
            }
        span = self._span(number, semconv.ACTION_RUN, begins, ends, attributes)
        is_error = told.state in ("FAILURE", "LOST") and not told.expected
        if told.exception or is_error:
            _fail(span, told.exception, is_error=is_error)
        return span

    def _task_event(self, told: TaskEvent) -> LogRecord:
        at = self._ns(told.at, told.of.worker)
        attributes = self._execution(told.of)
        if told.what == "started":
            # the worker is told of the start a moment later than it happened
            attributes |= {semconv.STARTED_AT: at - 1_000_000, semconv.PID: 7}
        return self._log(f"taskmon.task.{told.what}", at, attributes)

    def _worker_event(self, told: WorkerEvent) -> LogRecord:
        running = sorted(self._execution_id(name) for name in told.running)
        interval_s = GONE_BEAT_S if told.worker in self.history.gone.split() else LIVE_BEAT_S
        attributes: Attributes = {
            semconv.WORKER: f"{told.worker[:1]}@shop",
            semconv.BOOT_ID: self.boot_id(told.worker),
            semconv.HOST: "one",
            semconv.PID: 6,
            semconv.WORKER_RUNNING: ",".join(running),
            semconv.WORKER_RUNNING_COUNT: len(running) if told.count is None else told.count,
            semconv.WORKER_HELD: "",
            semconv.WORKER_HELD_COUNT: 0,
            semconv.WORKER_INTERVAL_MS: round(interval_s * 1000),
            semconv.WORKER_VERSION: "0.1.0",
            semconv.WORKER_CELERY_VERSION: "5.7.0",
            semconv.WORKER_POOL_SIZE: 1,
            semconv.WORKER_PREFETCH: 1,
            semconv.WORKER_QUEUES: '["shop"]',
        }
        return self._log(f"taskmon.worker.{told.what}", self._ns(told.at, told.worker), attributes)

    def _log(self, name: str, at: int, attributes: Attributes) -> LogRecord:
        return LogRecord(
            time_unix_nano=at,
            observed_time_unix_nano=at,
            severity_number=SEVERITY_NUMBER_INFO,
            severity_text="INFO",
            event_name=name,
            attributes=_pairs(attributes),
        )


def _pairs(attributes: Attributes) -> list[KeyValue]:
    return [attribute(key, value) for key, value in attributes.items()]


def _fail(span: Span, exception: str, *, is_error: bool) -> None:
    if is_error:
        span.status.code = Status.STATUS_CODE_ERROR
    if exception:
        span.attributes.append(attribute(semconv.ERROR_TYPE, exception))
        details: Mapping[str, str] = {
            semconv.EXCEPTION_TYPE: exception,
            semconv.EXCEPTION_MESSAGE: f"{exception} happened",
            semconv.EXCEPTION_STACKTRACE: f"Traceback\n{exception}: happened",
        }
        event = span.events.add(name=semconv.EXCEPTION_EVENT, time_unix_nano=span.end_time_unix_nano)
        event.attributes.extend(attribute(key, value) for key, value in details.items())


def requests(records: Iterable[Record]) -> Sequence[tuple[str, bytes]]:
    """One request per signal: its path and body."""
    given = list(records)
    resource = Resource(attributes=[attribute("service.name", "shop"), attribute("host.name", "one")])
    spans = [one for one in given if isinstance(one, Span)]
    logs = [one for one in given if isinstance(one, LogRecord)]
    ready: list[tuple[str, bytes]] = []
    if spans:
        traces = ExportTraceServiceRequest()
        of_spans = traces.resource_spans.add(resource=resource).scope_spans.add(spans=spans)
        of_spans.scope.name = semconv.INSTRUMENTATION_SCOPE
        ready.append(("/v1/traces", traces.SerializeToString()))
    if logs:
        events = ExportLogsServiceRequest()
        of_logs = events.resource_logs.add(resource=resource).scope_logs.add(log_records=logs)
        of_logs.scope.name = SCOPE_OF_EVENTS
        ready.append(("/v1/logs", events.SerializeToString()))
    return ready
