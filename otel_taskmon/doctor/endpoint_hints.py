"""What to do about an OTLP endpoint that did not take a span, by what was heard from it."""

from __future__ import annotations

from typing import Final

_NO_OTLP: Final = (
    "Something else than OTLP over HTTP answers there. Set OTEL_EXPORTER_OTLP_ENDPOINT to its address without a path, "
    "as a rule port 4318 (8123 is for queries, 8501 the viewer)."
)
_GRPC: Final = (
    "That is no HTTP: is it the port of OTLP over gRPC (4317)? Take that of OTLP over HTTP (4318), or set "
    "OTEL_EXPORTER_OTLP_PROTOCOL=grpc."
)
_HINTS: Final = (
    (
        ("HTTP 404", "HTTP 405", "HTTP 501"),
        _NO_OTLP,
    ),
    (
        ("HTTP 401", "HTTP 403", "UNAUTHENTICATED", "PERMISSION_DENIED"),
        "It wants another token: OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<token>.",
    ),
    (
        ("BadStatusLine",),
        _GRPC,
    ),
    (
        ("InvalidSchema", "MissingSchema", "InvalidURL"),
        "OTEL_EXPORTER_OTLP_ENDPOINT begins with http:// or https://.",
    ),
    (
        ("WRONG_VERSION_NUMBER",),
        "It speaks no TLS there: OTEL_EXPORTER_OTLP_ENDPOINT begins with http://, or the port is another.",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED",),
        "OTEL_EXPORTER_OTLP_CERTIFICATE names a file of the authorities that are trusted.",
    ),
)
_ELSE: Final = (
    "Is the Collector (or taskmon serve) running there? Else set OTEL_EXPORTER_OTLP_ENDPOINT, and "
    "OTEL_EXPORTER_OTLP_HEADERS where it wants a token."
)
_MEANWHILE: Final = " Until then spans wait in the outbox."


def what_to_do(reason: str) -> str:
    """``reason``: the transport's own words, for example ``HTTP 401 Unauthorized``."""
    found = (hint for signs, hint in _HINTS if any(sign in reason for sign in signs))
    return next(found, _ELSE) + _MEANWHILE
