"""OTLP requests as tests send them: run spans as a worker writes them, with ids that can be counted."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_taskmon import semconv

PROTOBUF = "application/x-protobuf"


def run_spans(first: int, count: int, *, started_ns: int | None = None) -> ExportTraceServiceRequest:
    """``count`` finished executions; span ids, execution ids and task ids count up from ``first``."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.append(attribute("service.name", "shop"))
    scope = resource_spans.scope_spans.add()
    scope.scope.name = semconv.INSTRUMENTATION_SCOPE
    now = time.time_ns() if started_ns is None else started_ns
    for number in range(first, first + count):
        span = scope.spans.add(
            trace_id=(number + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            name="run/shop.pay",
            kind=Span.SPAN_KIND_CONSUMER,
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1_000_000,
        )
        span.attributes.extend(
            attribute(key, value)
            for key, value in {
                semconv.CELERY_ACTION: semconv.ACTION_RUN,
                semconv.CELERY_STATE: "SUCCESS",
                semconv.CELERY_TASK_NAME: "shop.pay",
                semconv.MESSAGING_MESSAGE_ID: f"task-{number}",
                semconv.EXECUTION_ID: f"execution-{number}",
                semconv.QUEUE: "celery",
                semconv.FIRST_PUBLISHED_AT: str(now - 1_000_000),
            }.items()
        )
    return request


def attribute(key: str, value: str | int | bool) -> KeyValue:
    """An attribute of a span, log record or resource."""
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


@dataclass
class Answer:
    """What an HTTP server answered; ``headers`` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(
    port: int,
    body: bytes,
    *,
    path: str = "/v1/traces",
    content_type: str = PROTOBUF,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    timeout: float = 30.0,
) -> Answer:
    """One HTTP request to a store on loopback. Raises OSError when there is no answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=body if method == "POST" else None,
        headers={"Content-Type": content_type, **(headers or {})},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as found:
            return Answer(found.status, {k.lower(): v for k, v in found.headers.items()}, found.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())
