"""The publish that a message names as where it comes from, read directly where the default propagators would read it.

OpenTelemetry's way there took 24 µs of a message in a busy worker, most of it for headers that are not there.
Whatever is not a plain ``traceparent`` alone is left to it.
Format: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_LENGTH: Final = 55
_HEX: Final = "0123456789abcdef"
_DEFAULT: Final = [TraceContextTextMapPropagator, W3CBaggagePropagator]
_asked: tuple[object, bool] = (None, False)
"""The propagator that was looked at last, and whether it is the default one."""


def parts_of(get: Callable[[str], Any]) -> tuple[str, str, str] | None:
    """The hex digits of trace, span and flags that the global propagator would extract.

    None where only it can tell, or nothing is there. ``get`` reads the headers of a message: None for what it has not.
    """
    header = get("traceparent")
    if (
        type(header) is not str
        or len(header) != _LENGTH
        or header[:3] != "00-"
        or header[35] != "-"
        or header[52] != "-"
        or get("tracestate") is not None
        or get("baggage") is not None
    ):
        return None
    trace_id, span_id, flags = header[3:35], header[36:52], header[53:]
    # something else in between; an id of zeros
    if f"{trace_id}{span_id}{flags}".strip(_HEX) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    propagator, (known, is_default) = get_global_textmap(), _asked
    if not (is_default if known is propagator else _is_default(propagator)):
        return None
    return trace_id, span_id, flags


def publish_of(get: Callable[[str], Any]) -> SpanContext | None:
    """What the global propagator would extract, as ``parts_of``."""
    parts = parts_of(get)
    if parts is None:
        return None
    trace_id, span_id, flags = parts
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )


def _is_default(propagator: object) -> bool:
    global _asked
    parts = getattr(propagator, "_propagators", ())
    is_default = type(propagator) is CompositePropagator and [type(part) for part in parts] == _DEFAULT
    _asked = (propagator, is_default)
    return is_default
