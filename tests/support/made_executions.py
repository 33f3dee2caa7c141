"""Three days of random executions, sent through OTLP as workers do: doubled, late, out of order, retried.

What was made is never compared with the answers directly: the tests compare them with ``exported``, the rows of the
table read one by one, and those with what was made.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_taskmon import semconv
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.export import CSV_COLUMNS, csv_rows
from otel_taskmon.queries.model import TaskFilter
from tests.support.otlp_requests import attribute, send
from tests.support.store import Store

BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=70)
"""Recent, so that no TTL takes the rows; the same for all tests of a run."""
HOURS = 66
END = BEGIN + timedelta(hours=HOURS)
HOSTILE = "<img src=x onerror=alert(1)>.tasks.\"'&"
APPS = ("", "<b>bold</b>", *(f"app{number}" for number in range(16)))
EXCEPTIONS = (*(f"shop.errors.E{number}" for number in range(16)), "ValueError", "celery.exceptions.Retry")
Row = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """One execution; times are nanoseconds since the epoch."""

    task_id: str
    retries: int
    name: str
    app: str
    queue: str
    worker: str
    state: str
    exc_type: str
    failed: bool
    first_ns: int
    published_ns: int
    started_ns: int
    runtime_ns: int | None
    main: bool = False

    @property
    def execution_id(self) -> str:
        return f"{self.task_id}-{self.retries}"


def make(tasks: int, seed: int = 5) -> list[Made]:
    """The executions of so many tasks; few names do most, and some of what they do takes long."""
    dice = random.Random(seed)
    begin_ns = int(BEGIN.timestamp()) * 10**9
    names = [(f"{app or 'bare'}.tasks.do{number}", app) for app in APPS for number in range(3)] + [
        (HOSTILE, "<b>bold</b>"),
        ("never.starts", "app1"),
        ("shared.name", "app2"),
        ("shared.name", "app3"),
    ]
    made: list[Made] = []
    for number in range(tasks):
        name, app = names[int(len(names) * dice.random() ** 2)]
        task_id = f"made-{number:06d}"
        first_ns = begin_ns + int(HOURS * 3600e9 * dice.random() ** 0.7)
        for retries in range(dice.choice([1, 1, 1, 1, 2, 3])):
            published_ns = first_ns + retries * 400 * 10**9
            started_ns = published_ns + int(dice.expovariate(1 / 2e9)) + 1000
            ended = dice.choice(
                ["SUCCESS"] * 12 + ["FAILURE", "FAILURE", "LOST", "IGNORED", "REVOKED", "EXPIRED"]
            )
            if name == "never.starts":
                ended = "REVOKED"
            nothing_ran = ended in ("REVOKED", "EXPIRED")
            made.append(
                Made(
                    task_id, retries, name, app, dice.choice(["q1", "q2", "<i>q3</i>"]),
                    dice.choice(["celery@a", "celery@b"]), ended,
                    dice.choice(EXCEPTIONS) if ended in ("FAILURE", "LOST", "RETRY") else "",
                    ended == "LOST" or (ended == "FAILURE" and dice.random() < 0.8),
                    first_ns // 1000 * 1000, published_ns // 1000 * 1000, started_ns // 1000 * 1000,
                    None if nothing_ran else int(dice.lognormvariate(17, 2.5)), nothing_ran or ended == "LOST",
                )
            )  # fmt: skip
        for index in range(len(made) - retries - 1, len(made) - 1):
            made[index] = _retried(made[index], dice)
    return made


def _retried(made: Made, dice: random.Random) -> Made:
    runtime_ns = made.runtime_ns or 5_000_000
    exc_type = dice.choice([*EXCEPTIONS, ""])
    return replace(made, state="RETRY", exc_type=exc_type, failed=False, main=False, runtime_ns=runtime_ns)


def inject(store: Store, made: Sequence[Made], seed: int = 6, batch: int = 700) -> None:
    """Sends everything in any order, a fifth of it twice in other batches; of what the main process reported lost, the
    pool process says that it went well."""
    dice = random.Random(seed)
    told = [*made, *dice.sample(made, len(made) // 5)]
    told += [
        replace(each, state="SUCCESS", exc_type="", failed=False, main=False)
        for each in made
        if each.state == "LOST" and each.main
    ]
    dice.shuffle(told)
    for start in range(0, len(told), batch):
        answer = send(store.otlp_http_port, request(told[start : start + batch]).SerializeToString())
        assert answer.status == 200, answer


def request(made: Sequence[Made]) -> ExportTraceServiceRequest:
    """Run spans of these executions, as a worker sends them."""
    found = ExportTraceServiceRequest()
    resource = found.resource_spans.add()
    resource.resource.attributes.append(attribute("service.name", "shop"))
    scope = resource.scope_spans.add()
    scope.scope.name = semconv.INSTRUMENTATION_SCOPE
    scope.spans.extend(_span(each) for each in made)
    return found


def _span(made: Made) -> Span:
    ended_ns = made.started_ns + (made.runtime_ns or 0)
    said: dict[str, str] = {
        semconv.CELERY_ACTION: semconv.ACTION_RUN,
        semconv.CELERY_STATE: made.state,
        semconv.CELERY_TASK_NAME: made.name,
        semconv.MESSAGING_MESSAGE_ID: made.task_id,
        semconv.EXECUTION_ID: made.execution_id,
        semconv.QUEUE: made.queue,
        semconv.WORKER: made.worker,
        semconv.FIRST_PUBLISHED_AT: str(made.first_ns),
        "taskmon.published_at": str(made.published_ns),
        "taskmon.received_at": str(made.started_ns - 500),
        "taskmon.app": made.app,
        "taskmon.retries": str(made.retries),
        "taskmon.reporter": "main" if made.main else "pool",
    }
    if made.runtime_ns is not None:
        said["taskmon.started_at"] = str(made.started_ns)
    number = zlib.crc32(f"{made.execution_id} {made.main}".encode()) + 1
    span = Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name=f"run/{made.name}",
        kind=Span.SPAN_KIND_CONSUMER,
        start_time_unix_nano=made.started_ns,
        end_time_unix_nano=ended_ns,
        status=Status(code=Status.STATUS_CODE_ERROR if made.failed else Status.STATUS_CODE_UNSET),
    )
    span.attributes.extend(attribute(key, value) for key, value in said.items())
    if made.exc_type:
        event = span.events.add(time_unix_nano=ended_ns, name="exception")
        event.attributes.append(attribute("exception.type", made.exc_type))
    return span


def exported(client: Client, wanted: TaskFilter | None = None) -> list[Row]:
    """All executions of the filter, as the CSV has them."""
    columns = CSV_COLUMNS["executions"]
    found = csv_rows(client, wanted or TaskFilter(), per="executions")
    return [dict(zip(columns, values, strict=True)) for values in found]


def percentile(values: Sequence[int], level: float) -> int | None:
    """The value that so large a part of them is below; None of nothing."""
    ordered = sorted(values)
    return ordered[min(int(level * len(ordered)), len(ordered) - 1)] if ordered else None
