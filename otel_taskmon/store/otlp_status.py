"""``google.rpc.Status``, the form of OTLP's error answers over HTTP and, with its details, over gRPC."""

from __future__ import annotations

from enum import IntEnum

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

# googleapis-common-protos ships no types
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status


class Code(IntEnum):
    """The codes of google.rpc.Code that we answer with."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    UNAVAILABLE = 14


def refusal(code: Code, reason: str, retry_after: int | None = None) -> Message:
    """A Status; with ``retry_after`` seconds it carries the RetryInfo that OTLP's clients look for."""
    details: list[AnyMessage] = []
    if retry_after is not None:
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=Duration(seconds=retry_after)))
        details.append(detail)
    status: Message = Status(code=int(code), message=reason, details=details)
    return status
