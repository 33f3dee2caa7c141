"""What the shipper needs of a way to send: one call per request, and an answer in three words.

Which one, and where to, say OpenTelemetry's own variables; the SDK's exporters read them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from otel_taskmon.errors import SettingError
from otel_taskmon.outbox.limits import Signal

_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
_HTTP, _GRPC = "http/protobuf", "grpc"


class Outcome(Enum):
    ACCEPTED = "accepted"
    BAD = "bad"
    """The server says that this request is bad or too large: sent again it would be again."""
    UNAVAILABLE = "unavailable"
    """Anything else: to be tried again, and nothing is lost meanwhile."""


@dataclass(frozen=True)
class Answer:
    """What became of one request."""

    outcome: Outcome
    retry_after_s: float | None = None
    rejected: int = 0
    """How many records the server left out of a request that it accepted; not to be sent again."""
    reason: str = ""
    """In the words of the library that sends."""
    why: str = ""
    """The same in a few words; "" where ``reason`` is short."""
    unwanted: bool = False
    """UNAVAILABLE because there is nothing for this signal at the endpoint: perhaps not yet, perhaps never."""


class Transport(Protocol):
    """Sends requests of one signal. Not for use after a fork."""

    survives_fork: bool
    """A process forked after this one was made may make one of its own."""

    def send(self, request: bytes, timeout_s: float | None) -> Answer:
        """Send the bytes of an ``Export…ServiceRequest``; ``timeout_s`` None: the one that was configured.

        Raises nothing.
        """

    def close(self) -> None: ...


Connect = Callable[[Signal], Transport]


def protocol_of(signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
    """``grpc`` or ``http/protobuf``, the specification's default.

    Raises SettingError for any other value.
    """
    for name in (f"OTEL_EXPORTER_OTLP_{signal.name}_PROTOCOL", _PROTOCOL):
        if value := environ.get(name, "").strip():
            if value not in (_HTTP, _GRPC):
                raise SettingError(name, value, f"{_HTTP} or {_GRPC}")
            return value
    return _HTTP


def is_http(signal: Signal, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether it goes over HTTP. Raises SettingError as ``protocol_of``."""
    return protocol_of(signal, environ) == _HTTP


def default_endpoint(signal: Signal, environ: Mapping[str, str] = os.environ) -> str | None:
    """Ours where the environment names none; None: the exporter reads the environment.

    The SDK's own default is ``localhost``, which many hosts look up as an IPv6 address first.
    """
    names = (f"OTEL_EXPORTER_OTLP_{signal.name}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if any(environ.get(name) for name in names):
        return None
    if protocol_of(signal, environ) == _GRPC:
        return "http://127.0.0.1:4317"
    return f"http://127.0.0.1:4318/v1/{signal.word}"


def connect(signal: Signal) -> Transport:
    """The transport that the environment asks for; imports its library only now.

    Raises SettingError, or what the SDK's exporter raises for a value that it does not take.
    """
    if protocol_of(signal) == _GRPC:
        from otel_taskmon.outbox.transport_grpc import GrpcTransport

        return GrpcTransport(signal)
    from otel_taskmon.outbox.transport_http import HttpTransport

    return HttpTransport(signal)
