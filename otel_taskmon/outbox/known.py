"""Attributes that are said more than once: serialised at the first time, joined as bytes from then on.

Two thirds of what an execution says are the same for the next one of that task, and the event of its start says all
that the event of its receipt did.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from otel_taskmon.outbox.wire import attributes


class Known:
    """Some attributes, and in front of them those of ``base``; neither may change any more."""

    __slots__ = ("_all", "_base", "_bytes", "_own")

    def __init__(self, own: Mapping[str, Any], base: Known | None = None) -> None:
        """``own`` and ``base`` have no key in common."""
        self._own, self._base = own, base
        self._bytes: dict[bytes, bytes] = {}
        self._all = own if base is None else None

    @property
    def attributes(self) -> Mapping[str, Any]:
        if self._all is None:
            self._all = self._own if self._base is None else {**self._base.attributes, **self._own}
        return self._all

    def encoded(self, tag: bytes) -> bytes:
        """Each as a ``KeyValue`` in the field ``tag``. Raises TypeError for a value of an unknown type."""
        found = self._bytes.get(tag)
        if found is None:
            out: list[bytes] = [] if self._base is None else [self._base.encoded(tag)]
            attributes(out, tag, self._own)
            found = self._bytes[tag] = b"".join(out)
        return found


ending: ContextVar[Known | None] = ContextVar("taskmon_known_of_ending_span", default=None)
"""Of the span that ends now in this thread. Other spans may end meanwhile: only a span that holds them all has them."""
