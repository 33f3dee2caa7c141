"""Serialised records joined into the bytes of one ``Export…ServiceRequest``, without decoding any."""

from __future__ import annotations

from collections.abc import Iterable

from otel_taskmon.outbox.source import Source
from otel_taskmon.outbox.wire import VARINTS, varint


def join(records: Iterable[tuple[Source, bytes]]) -> bytes:
    """The request for these records, grouped by resource and scope; the order within a scope stays."""
    grouped: dict[bytes, dict[bytes, list[bytes]]] = {}
    last: Source | None = None
    bodies: list[bytes] = []
    for source, body in records:
        if source is not last:
            bodies = grouped.setdefault(source.resource, {}).setdefault(source.scope, [])
            last = source
        size = len(body)
        bodies += (b"\x12", VARINTS[size] if size < 2_048 else varint(size), body)
    # lengths are added up first, so that bodies are copied once: a copy into fresh memory costs more than all the rest
    out: list[bytes] = []
    for resource, scopes in grouped.items():
        inner = [resource]
        for scope, bodies in scopes.items():
            inner += (b"\x12", varint(len(scope) + sum(map(len, bodies))), scope)
            inner += bodies
        out += (b"\x0a", varint(sum(map(len, inner))))
        out += inner
    return b"".join(out)
