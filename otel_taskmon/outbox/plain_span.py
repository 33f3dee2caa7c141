"""The span of a task that went well, straight from where the SDK keeps it: no events, no links, nothing dropped.

Each property of the SDK's span is a call into code that a worker which slept has to fetch again. They are passed by
here, through private names of the SDK; whatever looks otherwise than expected is left to ``encode``, which asks
properly. ``tests/unit/test_outbox_plain_span.py`` tells when these names have moved.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AnyValue

from otel_taskmon.outbox.known import Known
from otel_taskmon.outbox.wire import attributes, utf8, varint

_CONTEXT_HAS_IS_REMOTE, _CONTEXT_IS_REMOTE = 0x100, 0x200
LOCAL: Final = struct.pack("<I", _CONTEXT_HAS_IS_REMOTE)
"""Flags of a span whose parent is in the same process, or that has none."""
REMOTE: Final = struct.pack("<I", _CONTEXT_HAS_IS_REMOTE | _CONTEXT_IS_REMOTE)
KINDS: Final = tuple(
    b"\x30" + varint(kind.value + 1) for kind in sorted(SpanKind, key=lambda kind: kind.value)
)
"""The field of each kind, at the place of its value."""
_OF_SPAN: Final = b"\x4a"
_LIST: Final[Any] = BoundedList
_UNSET: Final = StatusCode.UNSET
_STATUS_UNSET: Final = b"\x7a\x00"
_times = struct.Struct("<BQBQ").pack


def plain_span(span: ReadableSpan, known: Known | None = None) -> bytes | None:
    """A ``Span`` message as ``encode.encode_span`` makes it; None where this is no such span.

    Raises TypeError for an attribute that OpenTelemetry does not allow.
    """
    if type(span) is not ReadableSpan:
        return None
    kept: dict[str, Any] = span.__dict__
    try:
        found, events, links, status = kept["_attributes"], kept["_events"], kept["_links"], kept["_status"]
        parent, start, end, kind = kept["_parent"], kept["_start_time"], kept["_end_time"], kept["_kind"]
        if (
            type(found) is not BoundedAttributes
            or found.dropped
            or not (said := found._dict)
            or type(events) is not _LIST
            or events._dq
            or events.dropped
            or type(links) is not _LIST
            or links._dq
            or links.dropped
            or status._status_code is not _UNSET
            or status._description
        ):
            return None
        trace_id, span_id, _, _, state, _ = kept["_context"]
        name, tail = utf8(kept["_name"]), KINDS[kind._value_]
    except (KeyError, AttributeError, TypeError, ValueError):
        return None
    if state or not start or not end:
        return None
    out = [
        b"\x0a\x10",
        trace_id.to_bytes(16, "big"),
        b"\x12\x08",
        span_id.to_bytes(8, "big"),
        b"\x2a",
        varint(len(name)),
        name,
        tail,
        _times(0x39, start, 0x41, end),
    ]
    if parent is None:
        out += (b"\x85\x01", LOCAL)
    else:
        _, parent_id, is_remote, _, _, _ = parent
        out += (b"\x22\x08", parent_id.to_bytes(8, "big"), b"\x85\x01", REMOTE if is_remote else LOCAL)
    span_attributes(out, said.copy(), known)
    out.append(_STATUS_UNSET)
    return b"".join(out)


def span_attributes(out: list[bytes], found: Mapping[str, AnyValue], known: Known | None) -> None:
    """Append all of ``found``, those of ``known`` first where ``found`` holds them all as they are.

    Raises TypeError for an attribute that OpenTelemetry does not allow.
    """
    if known is not None and (mine := known.attributes).items() <= found.items():
        out.append(known.encoded(_OF_SPAN))
        attributes(out, _OF_SPAN, found, mine)
    else:
        attributes(out, _OF_SPAN, found)
