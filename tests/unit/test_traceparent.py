"""The publish that a message names, read directly: the same as the propagators read, or left to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import propagate
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import SpanContext, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_taskmon.traceparent import publish_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PLAIN = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def other_propagator() -> Iterator[None]:
    was = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator()]))
    yield
    propagate.set_global_textmap(was)


def extracted(headers: dict[str, str]) -> SpanContext:
    return get_current_span(propagate.extract(headers)).get_span_context()


@pytest.mark.parametrize("flags", ["00", "01", "03", "ff"])
def test_a_plain_one_is_read_as_the_propagators_read_it(flags: str) -> None:
    headers = {"traceparent": PLAIN[:-2] + flags}
    found = publish_of(headers.get)
    assert found == extracted(headers)
    assert found is not None
    assert found.is_valid
    assert found.is_remote
    assert int(found.trace_flags) == int(flags, 16) == int(extracted(headers).trace_flags)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": None},
        {"traceparent": b"00"},
        {"traceparent": [PLAIN]},
        {"traceparent": PLAIN.upper()},
        {"traceparent": PLAIN + "-more"},
        {"traceparent": PLAIN + "\n"},
        {"traceparent": "01" + PLAIN[2:]},
        {"traceparent": f"00-{'0' * 32}-{SPAN}-01"},
        {"traceparent": f"00-{TRACE}-{'0' * 16}-01"},
        {"traceparent": PLAIN.replace("a", "٣")},
        {"traceparent": PLAIN, "tracestate": "a=1"},
        {"traceparent": PLAIN, "baggage": "customer=7"},
    ],
)
def test_all_else_is_left_to_the_propagators(headers: dict[str, Any]) -> None:
    assert publish_of(headers.get) is None


def test_with_other_propagators_only_they_can_tell(other_propagator: None) -> None:
    assert publish_of({"traceparent": PLAIN}.get) is None
