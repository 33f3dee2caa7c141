"""Publishes that fail one after the other leave nothing open and nothing behind in the publisher.

``FAILED_PUBLISHES`` says how many (default 2 000; ``make test-publish-leaks``: 10 000, a few minutes); ``pytest -s``
shows the figures.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.processes import free_port
from tests.support.workers import run_publisher, worker_environment

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PUBLISHES = int(os.environ.get("FAILED_PUBLISHES", "2000"))
WARM_UP = 500
"""Before these, caches fill, connections are tried and threads start."""

FAILING = """
import contextvars, gc, sys, time
from collections import Counter
from opentelemetry import context, trace
from opentelemetry.sdk.trace import Span as SdkSpan, SpanProcessor
from otel_taskmon.publishing import Publish
from kombu.exceptions import EncodeError, OperationalError

# a connection that is refused is given up at once
app.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

class Opened(SpanProcessor):
    now = most = ended = 0
    def on_start(self, span, parent_context=None):
        self.now += 1
        self.most = max(self.most, self.now)
    def on_end(self, span):
        self.now -= 1
        self.ended += 1

WAYS = {
    "own task": lambda n: echo.apply_async((n,), retry=False),
    "other program": lambda n: app.send_task("elsewhere.tasks.unknown", (n,), retry=False),
    "signature": lambda n: (echo.s(n) | echo.s()).apply_async(retry=False),
    "not serialisable": lambda n: echo.apply_async((object(),), retry=False),
    "no such serializer": lambda n: echo.apply_async((n,), serializer="none-such", retry=False),
}
raised = Counter()

def publish(numbers):
    for number in numbers:
        way = list(WAYS)[number % len(WAYS)]
        try:
            WAYS[way](number)
        except Exception as error:
            raised[type(error).__name__] += 1

def kept():
    gc.collect()
    found = Counter(type(thing).__name__ for thing in gc.get_objects())
    for of_the_batch_that_is_shipped_now in ("Record", "Item", "Source"):
        del found[of_the_batch_that_is_shipped_now]
    return {
        "publishes": found["Publish"],
        # not by isinstance: an abstract class remembers each type that it was asked about
        "spans": sum(SdkSpan in type(thing).__mro__ for thing in gc.get_objects()),
        "contexts": found["Context"],
        "tokens": found["Token"],
        "on task": len(getattr(echo, "__otel_task_span", None) or {}),
        "in current context": len(context.get_current()),
        "context variables": len(contextvars.copy_context()),
    }, found

publish(range(1))
opened = Opened()
trace.get_tracer_provider().add_span_processor(opened)
publish(range(1, WARM_UP))
few, few_objects = kept()
began = time.perf_counter()
publish(range(WARM_UP, PUBLISHES))
took = time.perf_counter() - began
many, many_objects = kept()
with trace.get_tracer("user").start_as_current_span("user span"):
    pass
answer({
    "raised": raised.total(), "kinds": sorted(raised), "few": few, "many": many,
    "grown": (many_objects - few_objects).total(), "of": dict((many_objects - few_objects).most_common(5)),
    "open": opened.now, "most open": opened.most, "ended": opened.ended,
    "ms each": took * 1000 / (PUBLISHES - WARM_UP),
})
"""


@pytest.mark.timeout(600)
def test_failed_publishes_leave_nothing_behind(tmp_path: Path) -> None:
    with OtlpSink() as sink:
        environment = worker_environment(
            f"redis://127.0.0.1:{free_port()}/0", sink.url, SHOP_BACKEND="disabled://"
        )
        sizes = f"PUBLISHES, WARM_UP = {PUBLISHES}, {WARM_UP}\n"
        said = run_publisher(tmp_path, environment, sizes + FAILING, timeout=550)
        publishes = [span for span in sink.spans() if span.kind == "PRODUCER"]
        (users,) = [span for span in sink.spans() if span.name == "user span"]
    print(said)
    assert said["raised"] == PUBLISHES
    assert {"OperationalError", "EncodeError"} <= set(said["kinds"])
    assert (said["open"], said["most open"]) == (0, 1)
    assert said["ended"] == PUBLISHES  # less the first, whose provider did not know us, and the user's own
    assert said["many"] == said["few"]
    assert (said["many"]["publishes"], said["many"]["on task"]) == (0, 0)
    assert said["many"]["in current context"] == 0
    # caches that fill late; one object left by one way of the five would be a fifth of all
    assert said["grown"] < 200 + (PUBLISHES - WARM_UP) / 100, said["of"]
    # none has a parent left over from one before it
    assert len(publishes) == PUBLISHES
    assert {(span.parent_span_id, span.status) for span in publishes} == {("", "ERROR")}
    assert len({span.trace_id for span in publishes}) == PUBLISHES
    assert users.parent_span_id == ""
