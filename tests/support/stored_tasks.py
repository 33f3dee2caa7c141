"""Rows as the worker and the collector would write them, put straight into the raw tables of a real store.

Times are seconds after ``EPOCH``, so that a history reads like a story: ``run("a", "SUCCESS", started=3, ended=4)``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

EPOCH = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=20)
"""Recent, so that no TTL takes the rows, and the same for all tests of a run."""
_EPOCH_NS = int(EPOCH.timestamp()) * 10**9
_span_numbers = itertools.count(1)


def ns(seconds: float) -> int:
    """Nanoseconds since 1970 of a time that is ``seconds`` after EPOCH."""
    return _EPOCH_NS + round(seconds * 1e9)


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Span:
    """A row of ``otel_traces``."""

    start: float
    end: float
    kind: str
    attributes: Mapping[str, str]
    status: str = "Unset"
    exception: Mapping[str, str] | None = None
    service: str = "shop"
    resource: Mapping[str, str] = field(default_factory=dict)
    name: str = "run/x"
    trace_id: str = ""
    span_id: str = field(default_factory=lambda: f"{next(_span_numbers):016x}")
    parent_span_id: str = ""


@dataclass(frozen=True)
class Event:
    """A row of ``otel_logs``."""

    name: str
    at: float
    attributes: Mapping[str, str]


Record = Span | Event


def _keys(task_id: str, name: str, retries: int, extra: Mapping[str, object]) -> dict[str, str]:
    attributes = {
        "messaging.message.id": task_id,
        "celery.task_name": name,
        "taskmon.retries": str(retries),
    }
    for key, value in extra.items():
        attributes[key if "." in key else f"taskmon.{key}"] = str(value)
    return attributes


def send(
    task_id: str,
    *,
    sent: float = 0,
    first: float = 0,
    retries: int = 0,
    name: str = "shop.do",
    error: str = "",
    stamped: bool = True,
    **extra: object,
) -> Span:
    """A publish. ``stamped=False``: by a publisher that does not know us."""
    attributes = _keys(task_id, name, retries, extra) | {"celery.action": "apply_async"}
    if stamped:
        attributes |= {"taskmon.first_published_at": str(ns(first)), "taskmon.published_at": str(ns(sent))}
    return Span(
        start=sent,
        end=sent + 0.001,
        kind="Producer",
        attributes=attributes,
        status="Error" if error else "Unset",
        exception={"exception.type": error, "exception.message": f"{error} happened"} if error else None,
        name=f"apply_async/{name}",
    )


def run(
    task_id: str,
    state: str,
    *,
    started: float | None,
    ended: float,
    received: float | None = None,
    first: float = 0,
    published: float | None = 0,
    retries: int = 0,
    execution: str = "",
    name: str = "shop.do",
    main: bool = False,
    error: bool | None = None,
    exception: Mapping[str, str] | None = None,
    trace_id: str = "",
    **extra: object,
) -> Span:
    """An execution; ``main``: reported by the worker's main process; ``started=None``: nothing ran."""
    attributes = _keys(task_id, name, retries, extra) | {
        "celery.action": "run",
        "celery.state": state,
        "taskmon.reporter": "main" if main else "pool",
        "taskmon.first_published_at": str(ns(first)),
        "taskmon.execution_id": execution or f"{task_id}-{retries}-{received}",
    }
    for key, value in (("published_at", published), ("received_at", received), ("started_at", started)):
        if value is not None:
            attributes[f"taskmon.{key}"] = str(ns(value))
    failed = state in ("FAILURE", "LOST") if error is None else error
    return Span(
        start=ended if started is None else started,
        end=ended,
        kind="Consumer",
        attributes=attributes,
        status="Error" if failed else "Unset",
        exception=exception,
        trace_id=trace_id,
        name=f"run/{name}",
    )


def event(
    what: str,
    task_id: str,
    *,
    at: float,
    received: float,
    first: float = 0,
    retries: int = 0,
    **extra: object,
) -> Event:
    """``received`` or ``started``, from the worker's main process."""
    attributes = _keys(task_id, "shop.do", retries, extra) | {
        "taskmon.first_published_at": str(ns(first)),
        "taskmon.published_at": str(ns(first)),
        "taskmon.received_at": str(ns(received)),
        "taskmon.execution_id": f"{task_id}-{retries}-{received}",
        "taskmon.worker": "celery@one",
    }
    if what == "started":
        attributes["taskmon.started_at"] = str(ns(at))
    return Event(f"taskmon.task.{what}", at, attributes)


_SPAN_COLUMNS = [
    *("Timestamp", "TraceId", "SpanId", "ParentSpanId", "SpanName", "SpanKind", "ServiceName"),
    *("ResourceAttributes", "SpanAttributes", "Duration", "StatusCode"),
    *("Events.Timestamp", "Events.Name", "Events.Attributes"),
]


def _span_row(span: Span) -> list[object]:
    events = [] if span.exception is None else [dict(span.exception)]
    return [
        ns(span.start),
        span.trace_id or f"trace-{span.attributes['messaging.message.id']}",
        span.span_id,
        span.parent_span_id,
        span.name,
        span.kind,
        span.service,
        dict(span.resource),
        dict(span.attributes),
        max(0, ns(span.end) - ns(span.start)),
        span.status,
        [ns(span.end)] * len(events),
        ["exception"] * len(events),
        events,
    ]


def insert(client: Client, records: Iterable[Record]) -> None:
    """One insert for the spans and one for the events; ``client`` may write."""
    given: Sequence[Record] = list(records)
    spans = [_span_row(r) for r in given if isinstance(r, Span)]
    events = [[ns(r.at), r.name, "shop", dict(r.attributes)] for r in given if isinstance(r, Event)]
    if spans:
        client.insert("otel_traces", spans, column_names=_SPAN_COLUMNS, database="otel")
    if events:
        columns = ["Timestamp", "EventName", "ServiceName", "LogAttributes"]
        client.insert("otel_logs", events, column_names=columns, database="otel")
