"""``make test-instrumentations``: spans of other instrumentations in a real worker, by our outbox, in the store."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from otel_taskmon.demo.broker import Broker
from tests.instrumentations.packages import prepare
from tests.support.databases import own_database
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Child
from tests.support.store import running_store
from tests.support.waiting import wait_until
from tests.support.workers import run_publisher, with_outbox, worker_environment
from tests.support.zero_code import COMMAND, install

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

APP = "tests.apps.beside"
PUBLISH = """
from django.test import Client
answer({name: Client().get(f"/publish/{name}").content.decode() for name in ("work", "fails", "killed")})
"""
RUN = "SELECT trace_id, span_id, parent_span_id, state FROM otel.celery_task_runs FINAL WHERE task_id = {id:String}"
SPANS = """
SELECT replaceOne(ScopeName, 'opentelemetry.instrumentation.', '') AS scope, SpanName AS name, SpanKind AS kind,
    SpanId AS id, ParentSpanId AS parent, StatusCode AS status
FROM otel.otel_traces WHERE TraceId = {trace:String}
"""


@dataclass(frozen=True)
class Span:
    scope: str
    name: str
    kind: str
    id: str
    parent: str
    status: str

    @property
    def what(self) -> tuple[str, str]:
        return self.scope, self.name


@dataclass(frozen=True)
class Ended:
    """A worker that executed what was published, and the store with it."""

    ids: dict[str, str]
    client: Client
    worker: Child
    traceparents: list[str]
    """Which the page was asked with."""

    def run(self, name: str) -> dict[str, Any]:
        (found,) = self.client.query(RUN, {"id": self.ids[name]}).named_results()
        return dict(found)

    def spans(self, trace_id: str) -> list[Span]:
        return [Span(**row) for row in self.client.query(SPANS, {"trace": trace_id}).named_results()]


class Page(BaseHTTPRequestHandler):
    traceparents: list[str]

    def do_GET(self) -> None:
        self.traceparents.append(self.headers.get("traceparent", ""))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Quiet."""


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the ``traceparent`` of each request."""
    asked: list[str] = []
    kind = type("Asked", (Page,), {"traceparents": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
        server.shutdown()
        thread.join()


@contextmanager
def worker(
    folder: Path, broker: Broker, otlp_url: str, mode: str, **more: str
) -> Iterator[tuple[Child, dict[str, str]]]:
    """It, and what a publisher needs to know."""
    environment = worker_environment(
        own_database(broker),
        otlp_url,
        DJANGO_SETTINGS_MODULE="tests.apps.beside_settings",
        TASKMON_QUEUE_DEPTH_INTERVAL_S="0.5",
        PYTHONPATH=str(prepare()),
        **more,
    )
    publisher = {**environment, "BESIDE_ORDER": "ours first"}
    before: list[str] = []
    if mode == "no code":
        before = [str(COMMAND)]
        paths = install(folder / "site")["PYTHONPATH"]
        environment |= {
            "OTEL_TRACES_EXPORTER": "taskmon",
            "OTEL_SERVICE_NAME": "beside",
            "PYTHONPATH": os.pathsep.join((paths, environment["PYTHONPATH"])),
        }
    celery = [str(Path(sys.executable).with_name("celery"))]
    flags = (
        "-A",
        APP,
        "worker",
        "-P",
        "prefork",
        "-c",
        "2",
        "-n",
        "beside@tests",
        "-Q",
        "beside",
        "-l",
        "INFO",
    )
    environment = with_outbox(folder, {**environment, "BESIDE_ORDER": mode})
    with Child([*before, *celery, *flags], folder / "worker.log", env=environment) as child:
        child.wait_for_output("beside@tests ready")
        yield child, publisher


@pytest.fixture(scope="module", params=["ours first", "ours last", "no code"])
def ended(
    request: pytest.FixtureRequest,
    broker: Broker,
    page: tuple[str, list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ended]:
    directory = tmp_path_factory.mktemp("beside")
    with (
        running_store(directory) as store,
        store.client() as client,
        worker(directory, broker, store.otlp_url, request.param, BESIDE_PAGE=page[0]) as (child, environment),
    ):
        ended = Ended(run_publisher(directory, environment, PUBLISH, app=APP), client, child, page[1])
        for task_id in ended.ids.values():
            given = {"id": task_id}
            wait_until(
                lambda given=given: client.query(RUN, given).result_rows,  # type: ignore[misc]
                "a run",
                context=child.output,
            )
        yield ended


CALLED = {("redis", "SET"), ("requests", "GET"), ("sqlalchemy", "SELECT"), ("django", "GET page")}


def test_their_spans_are_children_of_the_run(ended: Ended) -> None:
    run = ended.run("work")
    assert run["state"] == "SUCCESS"
    assert {span.what for span in ended.spans(run["trace_id"]) if span.parent == run["span_id"]} >= CALLED
    (called,) = [span for span in ended.spans(run["trace_id"]) if span.what == ("requests", "GET")]
    asked = {text.split("-")[1]: text.split("-")[2] for text in ended.traceparents}
    below = {called.id, *(span.id for span in ended.spans(run["trace_id"]) if span.parent == called.id)}
    assert asked[run["trace_id"]] in below, "what is called gets their context"


def test_their_error_is_theirs(ended: Ended) -> None:
    run = ended.run("fails")
    (query,) = [span for span in ended.spans(run["trace_id"]) if span.what == ("sqlalchemy", "SELECT")]
    assert (run["state"], query.parent, query.status) == ("FAILURE", run["span_id"], "Error")


def test_their_spans_outlive_the_pool_process(ended: Ended) -> None:
    """It is killed right after them, which a batch processor in it does not survive."""
    run = ended.run("killed")
    assert run["state"] == "LOST"
    assert {span.what for span in ended.spans(run["trace_id"])} >= CALLED


def test_a_web_request_is_the_parent_of_what_it_publishes(ended: Ended) -> None:
    run = ended.run("fails")
    spans = {span.id: span for span in ended.spans(run["trace_id"])}
    publish = spans[run["parent_span_id"]]
    assert publish.what == ("celery", "apply_async/beside.tasks.fails")
    assert spans[publish.parent].what == ("django", "GET publish/<name>")
    assert ("redis", "LPUSH") in {span.what for span in spans.values() if span.parent == publish.id}


def test_what_our_own_work_does_is_no_span(broker: Broker, tmp_path: Path) -> None:
    """Neither what ships, which would make more spans for ever, nor what counts the queues.

    The provider is the user's own here: one of ours begins with the first task, and the main process executes none.
    """
    with OtlpSink() as sink, worker(tmp_path, broker, sink.url, "own provider") as (child, _):

        def samples() -> int:
            return sum(request.path == "/v1/metrics" for request in list(sink.received))

        wait_until(lambda: samples() >= 5, "samples of the queues", context=child.output)
        assert child.stop(timeout=30) == 0, child.output()
        scope_of = "opentelemetry.instrumentation."
        found = Counter((span.scope.removeprefix(scope_of), span.name) for span in sink.spans())
        assert found["redis", "SADD SADD"], "what Celery itself does is seen"
        # what nobody but the counting of queues asks for
        assert not [name for _, name in found if "HLEN" in name or "ZREMRANGEBYSCORE" in name], found
        assert not [name for scope, name in found if scope in ("requests", "urllib3")]
