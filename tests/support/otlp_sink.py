"""A real OTLP/HTTP server that keeps every byte it was sent, and reads spans out of them."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as PbSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from otel_taskmon import semconv
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Received:
    """One request: as it came over the wire, and decompressed."""

    path: str
    wire: bytes
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class SpanEvent:
    name: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Span:
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_span_id: str
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    attributes: dict[str, Any]
    events: list[SpanEvent]
    resource: dict[str, Any]
    scope: str

    @property
    def task_id(self) -> str:
        return str(self.attributes.get(semconv.MESSAGING_MESSAGE_ID, ""))

    @property
    def task_name(self) -> str:
        return str(self.attributes.get(semconv.CELERY_TASK_NAME, ""))

    @property
    def state(self) -> str:
        return str(self.attributes.get(semconv.CELERY_STATE, ""))

    @property
    def exception(self) -> dict[str, Any]:
        """Attributes of the only exception event; {} without one."""
        found = [event.attributes for event in self.events if event.name == semconv.EXCEPTION_EVENT]
        assert len(found) <= 1, found
        return found[0] if found else {}


@dataclass(frozen=True)
class Event:
    name: str
    at_ns: int
    trace_id: str
    body: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str

    @property
    def task_id(self) -> str:
        return str(self.attributes.get(semconv.MESSAGING_MESSAGE_ID, ""))


@dataclass
class OtlpSink:
    """Listens on loopback while used as a context manager; ``answer`` gives the HTTP status of each request."""

    answer: Callable[[], int] = lambda: 200
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                wire = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                encoding = self.headers.get("Content-Encoding", "")
                body = wire
                if encoding == "gzip":
                    body = gzip.decompress(wire)
                elif encoding == "deflate":
                    body = zlib.decompress(wire)
                sink.received.append(Received(self.path, wire, body, dict(self.headers)))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(sink.answer())
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
                """Quiet: a test prints what it misses."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        """For OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def raw(self) -> bytes:
        """All bytes, on the wire and decompressed."""
        return b"".join(part for request in list(self.received) for part in (request.wire, request.body))

    def spans(self) -> list[Span]:
        return [
            span
            for request in list(self.received)
            if request.path.endswith("/v1/traces")
            for span in decode(request.body)
        ]

    def events(self, name: str = "", task_id: str = "") -> list[Event]:
        """Log records (of one event name, of one task), oldest first."""
        found = [
            event
            for request in list(self.received)
            if request.path.endswith("/v1/logs")
            for event in decode_logs(request.body)
            if name in ("", event.name) and task_id in ("", event.task_id)
        ]
        return sorted(found, key=lambda event: event.at_ns)

    def runs(self, task_id: str = "") -> list[Span]:
        """Run spans (of one task), oldest first."""
        return self._celery(semconv.ACTION_RUN, task_id)

    def publishes(self, task_id: str = "") -> list[Span]:
        """Publish spans (of one task), oldest first."""
        return self._celery(semconv.ACTION_PUBLISH, task_id)

    def _celery(self, action: str, task_id: str) -> list[Span]:
        found = [
            span
            for span in self.spans()
            if span.attributes.get(semconv.CELERY_ACTION) == action and task_id in ("", span.task_id)
        ]
        return sorted(found, key=lambda span: span.start_ns)

    def wait_for_runs(
        self, task_id: str, count: int = 1, *, timeout: float = 30.0, context: Callable[[], str] = lambda: ""
    ) -> list[Span]:
        """At least ``count`` run spans of a task."""

        def enough() -> list[Span]:
            found = self.runs(task_id)
            return found if len(found) >= count else []

        return wait_until(enough, f"{count} run spans of {task_id}", timeout=timeout, context=context)


def decode(body: bytes) -> list[Span]:
    """The spans of one OTLP request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _span(span, _attributes(per_resource.resource.attributes), per_scope.scope.name)
        for per_resource in request.resource_spans
        for per_scope in per_resource.scope_spans
        for span in per_scope.spans
    ]


def decode_logs(body: bytes) -> list[Event]:
    """The log records of one OTLP request."""
    request = ExportLogsServiceRequest.FromString(body)
    return [
        Event(
            name=record.event_name,
            at_ns=record.time_unix_nano,
            trace_id=record.trace_id.hex(),
            body=record.body.string_value,
            attributes=_attributes(record.attributes),
            resource=_attributes(per_resource.resource.attributes),
            scope=per_scope.scope.name,
        )
        for per_resource in request.resource_logs
        for per_scope in per_resource.scope_logs
        for record in per_scope.log_records
    ]


def _span(span: PbSpan, resource: dict[str, Any], scope: str) -> Span:
    return Span(
        name=span.name,
        kind=PbSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        events=[SpanEvent(event.name, _attributes(event.attributes)) for event in span.events],
        resource=resource,
        scope=scope,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    def value(any_value: AnyValue) -> Any:
        kind = any_value.WhichOneof("value")
        if kind == "array_value":
            return [value(item) for item in any_value.array_value.values]
        return None if kind is None else getattr(any_value, kind)

    return {pair.key: value(pair.value) for pair in pairs}
