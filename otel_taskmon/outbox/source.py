"""Resource and scope of records, serialised once: what stands in front of them in every OTLP request.

``ResourceSpans``, ``ResourceLogs`` and ``ResourceMetrics`` give resource, scopes and schema URL the same field
numbers (1, 2, 3), and so do ``ScopeSpans``, ``ScopeLogs`` and ``ScopeMetrics``; so one form serves all three signals.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import INVALID_SPAN_CONTEXT

_KNOWN_AT_MOST: Final = 256
_length = struct.Struct("<I")


class Source(NamedTuple):
    """``resource``: a Resource… message without its scopes; ``scope``: a Scope… message without its records."""

    resource: bytes
    scope: bytes

    def packed(self) -> bytes:
        """The body of a source record."""
        return _length.pack(len(self.resource)) + self.resource + self.scope

    @classmethod
    def unpacked(cls, body: bytes) -> Source:
        """Raises struct.error for a body that is too short."""
        (size,) = _length.unpack_from(body)
        return cls(body[4 : 4 + size], body[4 + size :])


class Sources:
    """The packed source for a resource and a scope, by identity: hashing a Resource serialises it as JSON."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[object, object, bytes]] = {}

    def packed(self, resource: Resource | None, scope: InstrumentationScope | None) -> bytes:
        """The body of the source record; the same bytes object again for the same two objects."""
        known = self._known.get((id(resource), id(scope)))
        if known is not None:
            return known[2]
        packed = _source(resource, scope).packed()
        if len(self._known) >= _KNOWN_AT_MOST:  # a tracer made anew in every call
            self._known.clear()
        # both are kept, so that no other object can get their identity
        self._known[id(resource), id(scope)] = (resource, scope, packed)
        return packed


def _source(resource: Resource | None, scope: InstrumentationScope | None) -> Source:
    empty = Resource.get_empty() if resource is None else resource
    span = ReadableSpan("", INVALID_SPAN_CONTEXT, resource=empty, instrumentation_scope=scope)
    of_resource = encode_spans([span]).resource_spans[0]
    of_scope = of_resource.scope_spans[0]
    del of_scope.spans[:]
    scope_bytes = of_scope.SerializeToString()
    del of_resource.scope_spans[:]
    return Source(of_resource.SerializeToString(), scope_bytes)
