"""OTLP over HTTP/protobuf, by the SDK's own exporter: it has read endpoint, headers, compression, TLS and timeout.

Its public ``export`` takes spans and retries by itself; we have bytes and a disk. So its client is reached directly,
by the private names below and in this module only; ``tests/unit/test_outbox_transport.py`` fails when they move.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - see below
import gzip
import netrc  # noqa: F401 - the first request imports these two: here no fork happens meanwhile
import zlib
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from otel_taskmon.errors import TaskmonError
from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.outage import why
from otel_taskmon.outbox.responses import accepted
from otel_taskmon.outbox.transport import Answer, Outcome, default_endpoint

_EXPORTERS: Final[dict[Signal, Any]] = {
    Signal.TRACES: OTLPSpanExporter,
    Signal.LOGS: OTLPLogExporter,
    Signal.METRICS: OTLPMetricExporter,
}
_BAD: Final = frozenset({400, 413, 422})
_UNWANTED: Final = frozenset({404, 405, 501})
_FASTEST: Final = 1  # the host is there to run tasks


class HttpTransport:
    """Sends the requests of one signal to its endpoint. Raises TaskmonError when the SDK's client has moved."""

    survives_fork = True

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        client: Any = getattr(_EXPORTERS[signal](endpoint=default_endpoint(signal)), "_client", None)
        try:
            self._submit: Any = client._submit
            self._compression: str = client._compression.value
            self._timeout_s: float = client._timeout
            self._shutdown: Any = client.shutdown
        except AttributeError as error:
            raise TaskmonError(f"this version of the OTLP/HTTP exporter is not known: {error}") from error

    def send(self, request: bytes, timeout_s: float | None) -> Answer:
        body = request
        if self._compression == "gzip":
            body = gzip.compress(request, _FASTEST)
        elif self._compression == "deflate":
            body = zlib.compress(request, _FASTEST)
        try:
            result = self._submit(
                body, self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s)
            )
            return self._answer(result)
        except Exception as error:  # noqa: BLE001 - whatever the HTTP library raises, the records wait
            return _unreachable(error)

    def _answer(self, result: Any) -> Answer:
        status: int | None = result.status_code
        if status is None:
            return _unreachable(result.error)
        if 200 <= status < 300:
            return accepted(self._signal, result.content())
        reason = f"HTTP {status} {result.reason or ''}".strip()
        if status in _BAD:
            return Answer(Outcome.BAD, reason=reason)
        # also 3xx (redirects are not followed) and 401, 404: somebody is about to correct it
        wait = retry_after_s(result.headers().get("retry-after"))
        return Answer(Outcome.UNAVAILABLE, wait, reason=reason, unwanted=status in _UNWANTED)

    def close(self) -> None:
        self._shutdown()


def _unreachable(error: Exception) -> Answer:
    return Answer(Outcome.UNAVAILABLE, reason=f"{type(error).__name__}: {error}", why=why(error))


def retry_after_s(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110 §10.2.3): a number or a date; None when it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (TypeError, ValueError):
        return None
