"""Attributes put on a span at once are those that the SDK would have put there."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.trace import INVALID_SPAN, Span

from otel_taskmon.span_attributes import put, put_directly

OURS = {
    "taskmon.app": "shop",
    "taskmon.retries": 0,
    "taskmon.torn": True,
    "x.share": 0.5,
    "celery.state": "SUCCESS",
}


def _span(**limits: int) -> Any:
    provider = TracerProvider(shutdown_on_exit=False, span_limits=SpanLimits(**limits))
    span = provider.get_tracer("t").start_span("run/a")
    span.set_attribute("before", "1")
    return span


def _both(attributes: dict[str, Any], **limits: int) -> tuple[Any, Any]:
    ours, sdks = _span(**limits), _span(**limits)
    put(ours, attributes)
    sdks.set_attributes(attributes)
    return ours, sdks


def test_texts_numbers_and_booleans_go_there_directly() -> None:
    """Fails when a new SDK keeps attributes elsewhere: then all go the slow way, and the bench shows it."""
    span = _span()
    assert put_directly(span, OURS)
    assert dict(span.attributes) == {"before": "1", **OURS}


@pytest.mark.parametrize(
    "attributes",
    [
        OURS,
        {},
        {"before": "2"},
        {"": "no key", "a": "b"},
        {"a": None},
        {"a": [1, 2]},
        {"a": {"b": {"c": object}}},
        {"a": object()},
    ],
    ids=["ours", "none", "one", "no key", "null", "list", "nested", "object"],
)
@pytest.mark.parametrize(
    "limits",
    [{}, {"max_span_attribute_length": 3}, {"max_span_attributes": 3}, {"max_span_attributes": 0}],
    ids=str,
)
def test_the_same_as_the_sdk(attributes: dict[str, Any], limits: dict[str, int]) -> None:
    ours, sdks = _both(attributes, **limits)
    assert dict(ours.attributes) == dict(sdks.attributes)
    assert ours.dropped_attributes == sdks.dropped_attributes


def test_a_span_that_has_ended_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    span = _span()
    span.end()
    put(span, OURS)
    assert dict(span.attributes) == {"before": "1"}
    assert "ended span" in caplog.text


def test_spans_that_record_nothing_and_spans_of_others() -> None:
    put(INVALID_SPAN, OURS)

    class Theirs(type(INVALID_SPAN)):  # type: ignore[misc]
        def set_attributes(self, attributes: Any) -> None:
            self.got = dict(attributes)

    theirs: Span = Theirs(INVALID_SPAN.get_span_context())
    put(theirs, OURS)
    assert theirs.got == OURS  # type: ignore[attr-defined]
