"""One task: its executions in full, its relatives, its trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client as Driver

from otel_taskmon.queries import task_detail
from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.model import Related
from tests.support.stored_tasks import Span, at, insert, ns, run, send

pytestmark = pytest.mark.integration

TRACE = "a" * 32


def test_an_execution_keeps_all_it_was_sent(writer: Driver, reader: Client) -> None:
    text = {
        "args": '["ünï", 1]', "kwargs": '{"a": null}', "result": "", "app": "shop", "queue": "q", "routing_key": "r",
        "worker": "celery@w", "host": "h", "reason": "why", "root_id": "root", "parent_id": "parent",
        "group_id": "g", "chord_id": "c", "payload.notes": "args:truncated",
    }  # fmt: skip
    numbers = {
        "pid": 4242,
        "priority": 3,
        "group_index": 0,
        "eta": ns(2),
        "expires": ns(90),
        "redelivered": "true",
    }
    exception = {
        "exception.type": "shop.Boom", "exception.message": "it's over", "exception.stacktrace": "Traceback\n  line",
        "taskmon.exception.fingerprint": "0123456789abcdef",
    }  # fmt: skip
    extra: dict[str, Any] = {f"taskmon.{key}": value for key, value in (text | numbers).items()}
    extra["taskmon.worker.boot_id"] = "boot"
    span = run(
        "whole", "FAILURE", started=5, ended=7, received=3, published=1, retries=2, execution="e-1",
        exception=exception, trace_id=TRACE, is_eager="false", **extra,
    )  # fmt: skip
    resource = {"service.version": "1.2", "deployment.environment.name": "prod"}
    insert(writer, [replace(span, resource=resource, parent_span_id="p" * 16)])
    (row,) = task_detail.executions(reader, "whole")
    for key in (
        "args",
        "kwargs",
        "result",
        "app",
        "queue",
        "routing_key",
        "worker",
        "host",
        "reason",
        "root_id",
    ):
        assert getattr(row, key) == text[key], key
    assert (row.parent_id, row.group_id, row.group_index, row.chord_id) == ("parent", "g", 0, "c")
    assert (row.pid, row.priority, row.eta, row.expires, row.redelivered) == (4242, 3, at(2), at(90), True)
    assert (row.exc_type, row.exc_message, row.exc_stacktrace) == (
        "shop.Boom",
        "it's over",
        "Traceback\n  line",
    )
    assert (row.exc_fingerprint, row.is_error, row.is_eager) == ("0123456789abcdef", True, False)
    assert (row.service, row.release, row.environment) == ("shop", "1.2", "prod")
    assert (row.trace_id, row.span_id, row.parent_span_id) == (TRACE, span.span_id, "p" * 16)
    assert (row.first_published_at, row.published_at, row.received_at, row.started_at, row.ended_at) == (
        at(0), at(1), at(3), at(5), at(7),
    )  # fmt: skip
    assert (row.execution_id, row.retries, row.payload_notes) == ("e-1", 2, "args:truncated")


def test_executions_in_the_order_they_happened(writer: Driver, reader: Client) -> None:
    last = run("order", "SUCCESS", started=9, ended=10, received=8, retries=1)
    first = run("order", "LOST", started=1, ended=2, received=1, main=True)
    second = run("order", "RETRY", started=5, ended=6, received=4, redelivered="true")
    insert(writer, [last, second, first])
    assert [e.state for e in task_detail.executions(reader, "order")] == ["LOST", "RETRY", "SUCCESS"]


def test_relatives(writer: Driver, reader: Client) -> None:
    children = [
        send(f"child-{i}", first=10 + i, sent=10 + i, parent_id="middle", root_id="top", name="shop.child")
        for i in range(105)
    ]
    insert(
        writer,
        [
            run("top", "SUCCESS", started=1, ended=2, root_id="top"),
            run("middle", "SUCCESS", started=3, ended=4, parent_id="top", root_id="top"),
            run("self", "SUCCESS", started=3, ended=4, parent_id="self", root_id="self"),
            run("orphan", "SUCCESS", started=3, ended=4, parent_id="gone", root_id="gone"),
            *children,
        ],
    )
    middle = task_detail.related(reader, "middle")
    assert middle.root is not None
    assert middle.parent is not None
    assert (middle.root.task_id, middle.parent.task_id, middle.parent.state) == ("top", "top", "SUCCESS")
    assert (middle.parent.started_at, middle.parent.duration_ns) == (at(1), 10**9)
    assert [c.task_id for c in middle.children] == [f"child-{i}" for i in range(task_detail.CHILDREN_SHOWN)]
    assert middle.children_total == 105
    top = task_detail.related(reader, "top")
    assert (top.root, top.parent, [c.task_id for c in top.children]) == (None, None, ["middle"])
    orphan = task_detail.related(reader, "orphan")
    assert orphan == Related(None, None, [], 0)
    assert task_detail.related(reader, "self").children_total == 0


def test_an_unknown_task(reader: Client) -> None:
    for unknown in ("nobody", "", "' OR 1=1 --", "x" * 10_000):
        assert task_detail.find_task(reader, unknown) is None
        assert task_detail.executions(reader, unknown) == []
        assert task_detail.related(reader, unknown) == Related(None, None, [], 0)
        assert task_detail.trace(reader, unknown) == []


def test_a_trace_has_each_span_once_in_order_and_bounded(writer: Driver, reader: Client) -> None:
    trace_id = "b" * 32
    published = replace(send("traced", sent=1), trace_id=trace_id, resource={"host.name": "web"})
    ran = run(
        "traced",
        "SUCCESS",
        started=2,
        ended=3,
        published=1,
        trace_id=trace_id,
        worker="celery@w",
        args="é" * 9000,
    )
    ran = replace(ran, parent_span_id=published.span_id)
    query = Span(
        start=2.5, end=2.6, kind="Client", attributes={"messaging.message.id": "", "db.system": "sqlite"},
        trace_id=trace_id, parent_span_id=ran.span_id, name="SELECT", status="Error",
    )  # fmt: skip
    insert(writer, [query, ran, published])
    insert(writer, [ran, published])
    spans = task_detail.trace(reader, trace_id)
    assert [s.name for s in spans] == ["apply_async/shop.do", "run/shop.do", "SELECT"]
    assert [s.parent_span_id for s in spans] == ["", published.span_id, ran.span_id]
    root, middle, leaf = spans
    assert (middle.task_id, middle.state, middle.worker, middle.published_ns) == (
        "traced",
        "SUCCESS",
        "celery@w",
        ns(1),
    )
    assert (middle.start, middle.start_ns, middle.duration_ns) == (at(2), ns(2), 10**9)
    assert middle.attributes["taskmon.args"] == "é" * task_detail.VALUE_LENGTH + "…"
    assert root.attributes["host.name"] == "web"
    assert (leaf.status, leaf.kind, leaf.published_ns, leaf.attributes["db.system"]) == (
        "Error",
        "Client",
        None,
        "sqlite",
    )
    assert [s.span_id for s in task_detail.trace(reader, trace_id, limit=2)] == [
        published.span_id,
        ran.span_id,
    ]
