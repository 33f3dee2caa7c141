"""What an OTLP request can be refused with; the HTTP and gRPC servers map each to their status."""

from __future__ import annotations

from otel_taskmon.errors import TaskmonError


class BadOtlp(TaskmonError):
    """The request cannot be understood or stored; sending it again will not help. HTTP 400, INVALID_ARGUMENT."""


class TooLarge(TaskmonError):
    """The body, or what it unpacks to, is over the limit. HTTP 413, RESOURCE_EXHAUSTED without a retry delay."""


class UnsupportedType(TaskmonError):
    """A content type or encoding that OTLP does not have. HTTP 415."""


class TryLater(TaskmonError):
    """Nothing is wrong with the request; the store cannot take it now. HTTP 503, UNAVAILABLE.

    ``retry_after`` is in whole seconds.
    """

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
