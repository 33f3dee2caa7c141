"""An outage in one sentence for the worker's log: where to, why in a few words.

The libraries that send nest their exceptions and say every one of them; the last of the chain is the system's own word.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from typing import Final

from otel_taskmon.outbox.limits import Signal
from otel_taskmon.outbox.transport import default_endpoint, is_http

_LONGEST: Final = 160
_DEEPEST: Final = 16
_USER: Final = re.compile(r"//[^/@\s]*@")


def why(error: BaseException) -> str:
    """What the system said at the bottom of ``error``, else its type and its own text; one short line."""
    seen: list[BaseException] = [error]
    while len(seen) < _DEEPEST and (inner := seen[-1].__cause__ or seen[-1].__context__) is not None:
        seen.append(inner)
    for found in reversed(seen):
        if isinstance(found, ssl.SSLCertVerificationError):
            return one_line(f"the certificate is not trusted, {found.verify_message}")
        if isinstance(found, TimeoutError):
            return "no answer in time"
        if isinstance(found, OSError) and found.strerror:
            return one_line(f"{found.strerror}{f': {found.filename}' if found.filename else ''}")
    return one_line(f"{type(error).__name__}: {_USER.sub('//', str(error))}")  # which may name the address


def one_line(text: str) -> str:
    """At most 160 characters that can be printed: a server's words go to a log that people read in a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST]).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def where(signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
    """The endpoint of ``signal`` as the exporters read it from the environment, without user, password and query."""
    said = environ.get(f"OTEL_EXPORTER_OTLP_{signal.name}_ENDPOINT")
    if not said and (common := environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")):
        said = f"{common.rstrip('/')}/v1/{signal.word}" if is_http(signal, environ) else common
    scheme, separator, rest = (said or default_endpoint(signal, environ) or "").rpartition("://")
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return one_line(f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}")
