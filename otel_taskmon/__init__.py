"""Every Celery task as complete, honest OpenTelemetry data.

import otel_taskmon
otel_taskmon.instrument(app)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_taskmon._version import __version__

if TYPE_CHECKING:
    from otel_taskmon.instrumentation import instrument

__all__ = ["__version__", "instrument"]


def __getattr__(name: str) -> Any:
    """``instrument`` is loaded when asked for: the store and the viewer have no use for Celery."""
    if name == "instrument":
        from otel_taskmon.instrumentation import instrument

        return instrument
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
